"""`find`: a network by what a user calls it: a zoo name, a description file, ``module:function``."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from striate.errors import DescriptionError, StriateError, did_you_mean
from striate.spec import Network
from striate.zoo.registry import ALIASES, NETWORKS

__all__ = ["find"]


def find(name: str, num_classes: int | None = None) -> Network:
    """Return the network called ``name``: of the zoo, a description file, or ``module:function``.

    Args:
        name: What the user typed; aliases such as ``vgg_d`` are understood.
        num_classes: How many outputs a zoo network is to have; described networks stay as they are.

    Raises:
        DescriptionError: if there is none such; the message suggests the nearest.
    """
    path = Path(name)
    if path.suffix.lower() in (".yaml", ".yml", ".json"):
        return Network.load(path)
    if ":" in name:
        return _imported(name)
    entry = NETWORKS.get(ALIASES.get(name, name))
    if entry is None and path.is_dir():
        raise DescriptionError(
            f"{name} is a folder; give a zoo name, a .yaml or .json file, or module:function."
        )
    if entry is None:
        raise DescriptionError(
            f"unknown network {name!r}.{did_you_mean(name, [*NETWORKS, *ALIASES])} striate zoo lists all of them. "
            "Or give a .yaml or .json file, or module:function."
        )
    if num_classes is None:
        return entry.make()
    if not entry.takes_num_classes:
        raise DescriptionError(f"{name} has no classes: it gives back what it is given.")
    return entry.make(num_classes=num_classes)


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
