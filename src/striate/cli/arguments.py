"""What several commands take: a network, a shape, and options that derive from a configuration."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
import sys
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer

from striate import zoo
from striate.errors import DescriptionError, StriateError, unknown_name
from striate.spec import Network

__all__ = ["NETWORK_HELP", "find_network", "parse_shape", "with_options_of"]

NETWORK_HELP = "A zoo name (lenet5), a .yaml or .json description, or module:function."


def find_network(name: str, num_classes: int | None = None) -> Network:
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
    if name in zoo.NETWORKS:
        make = zoo.get(name)
        return make() if num_classes is None else make(num_classes=num_classes)
    hint = "Or give a .yaml or .json file, or module:function."
    raise DescriptionError(f"{unknown_name('network', name, zoo.NETWORKS)} {hint}")


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


def parse_shape(text: str) -> tuple[int, ...]:
    """Read ``3x224x224``.

    Raises:
        DescriptionError: if it is not whole numbers joined by ``x``.
    """
    parts = re.split("[x×,]", text.strip())
    if not all(part.isascii() and part.isdigit() and len(part) <= 9 for part in parts):
        raise DescriptionError(f"--input {text!r}: write channels, height and width as 3x224x224.")
    return tuple(map(int, parts))


def with_options_of(config: type[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command one flag per field of ``config``, a dataclass whose fields carry their help.

    The command takes them as keyword arguments; names, types, defaults and help have one source.
    """
    hints = typing.get_type_hints(config)
    flags = {f.name: _flag(f, hints[f.name]) for f in dataclasses.fields(config)}

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command, eval_str=True)
        parameters = [p for p in own.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
        command.__signature__ = own.replace(parameters=[*parameters, *flags.values()])  # type: ignore[attr-defined]
        command.__annotations__ = {p.name: p.annotation for p in [*parameters, *flags.values()]}
        return command

    return decorate


def _flag(field: dataclasses.Field[Any], hint: Any) -> inspect.Parameter:
    option = typer.Option(f"--{field.name.replace('_', '-')}", help=field.metadata["help"])
    return inspect.Parameter(
        field.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=field.default,
        annotation=Annotated[_typed(hint), option],
    )


def _typed(hint: Any) -> Any:
    """Return what typer is to parse: choices are texts, for the configuration to check."""
    if get_origin(hint) is Literal:
        return str
    if isinstance(hint, types.UnionType):
        return _typed(get_args(hint)[0]) | None
    return hint
