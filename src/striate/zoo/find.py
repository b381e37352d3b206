"""`find`: a network by what a user calls it: a zoo name, a description file, ``module:function``."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from striate.errors import DescriptionError, StriateError, unknown_name
from striate.spec import Network
from striate.zoo.alexnet import alexnet
from striate.zoo.googlenet import googlenet, googlenet_aux
from striate.zoo.lenet import lenet5, lenet5_relu
from striate.zoo.mlp import mlp
from striate.zoo.resnet import resnet18
from striate.zoo.vgg import vgg16

__all__ = ["NETWORKS", "find"]

NETWORKS: Mapping[str, Callable[..., Network]] = MappingProxyType(
    {
        function.__name__: function
        for function in (mlp, lenet5, lenet5_relu, alexnet, vgg16, googlenet, googlenet_aux, resnet18)
    }
)
"""Every named network's function, oldest first."""


def find(name: str, num_classes: int | None = None) -> Network:
    """Return the network called ``name``: of the zoo, a description file, or ``module:function``.

    Args:
        name: What the user typed.
        num_classes: How many outputs a zoo network is to have; described networks stay as they are.

    Raises:
        DescriptionError: if there is none such; the message suggests the nearest.
    """
    path = Path(name)
    if path.suffix.lower() in (".yaml", ".yml", ".json"):
        return Network.load(path)
    if ":" in name:
        return _imported(name)
    if name in NETWORKS:
        make = NETWORKS[name]
        return make() if num_classes is None else make(num_classes=num_classes)
    hint = "Or give a .yaml or .json file, or module:function."
    raise DescriptionError(f"{unknown_name('network', name, NETWORKS)} {hint}")


def _imported(name: str) -> Network:
    module_name, _, function_name = name.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        made = getattr(importlib.import_module(module_name), function_name)()
    except StriateError:
        raise
    except Exception as error:  # the user's own code may raise anything
        raise DescriptionError(
            f"{name}: cannot be had: {type(error).__name__}: {error}. Write module:function, "
            "a function without arguments that returns a Network."
        ) from error
    finally:
        sys.path.pop(0)
    if not isinstance(made, Network):
        raise DescriptionError(f"{name}: returned {type(made).__name__}; it must return a striate.Network.")
    return made
