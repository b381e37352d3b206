"""The options of training on the command line: one flag per option of the configuration, a file, overrides.

Flags beat overrides, which beat the file, which beats the recipe; what none of them says has its default.
"""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer

from striate.cli.arguments import UsageError
from striate.errors import ConfigError
from striate.train.config import GROUPS, TrainConfig
from striate.train.config.base import NONE, may_be_none
from striate.train.config.reading import merged, parse_override, read_config
from striate.train.recipes import merged_with_recipe

__all__ = ["configured", "with_config"]

_PLAIN = (int, float, bool, str)
_NUMBERS = "<numbers>"

_OVERRIDES = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[OPTION=VALUE]...", help="Any option of the configuration: optimizer.betas=[0.9,0.95]."
    ),
]
_FILE = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="A .yaml file of options, or the run.yaml of a run."),
]


def with_config(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of training; it takes them, still to be `configured`, as keyword arguments."""
    own = inspect.signature(command, eval_str=True)
    parameters = [p for p in own.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters += [
        inspect.Parameter("overrides", keyword, default=None, annotation=_OVERRIDES),
        inspect.Parameter("config_file", keyword, default=None, annotation=_FILE),
    ]
    parameters += [flag for flag in _flags(TrainConfig, None) if flag.name not in own.parameters]
    command.__signature__ = own.replace(parameters=[_keyword(p) for p in parameters])  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command


def configured(
    options: Mapping[str, Any], begun: Mapping[str, Any] | None = None, *, network: str | None = None
) -> TrainConfig:
    """Return the configuration that the options of `with_config` say.

    Args:
        options: What they are, as typer read them.
        begun: The options of a run that goes on, below them.
        network: What is to be trained anew; a recipe that is named, of this network, lies below them.

    Raises:
        UsageError: if it refuses a value; its message begins with the option, ``lr=-1 must …``.
    """
    given = dict(options)
    overrides, file = given.pop("overrides", None) or [], given.pop("config_file", None)
    flags = {name: _read(name, value) for name, value in given.items() if value is not None}
    try:
        layers = [begun or {}, read_config(file) if file else {}, *map(parse_override, overrides), flags]
        # Which recipe lies below the others is asked before the configuration is made, which knows the word.
        layers = [{**layer, "recipe": None} if layer.get("recipe") == NONE else layer for layer in layers]
        return merged(layers) if network is None else merged_with_recipe(network, layers)
    except ConfigError as error:
        raise UsageError(str(error).removeprefix("training: ")) from None


def _read(name: str, value: Any) -> Any:
    """Return the numbers that the word of a flag says, where the option takes some; what is none is left as it is.

    The configuration then refuses it, or knows the word.
    """
    if not isinstance(value, str):
        return value
    if name in _LISTS:
        try:
            return [float(word) for word in value.strip("[]() ").split(",")]
        except ValueError:
            return value
    for number in _NUMBERS_OF.get(name, ()):
        with suppress(ValueError):
            return number(value)
    return value


def _keyword(parameter: inspect.Parameter) -> inspect.Parameter:
    return parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)


def _flags(config: type[Any], group: str | None) -> list[inspect.Parameter]:
    """Return a parameter for each option that one word of a command line can say."""
    hints = typing.get_type_hints(config)
    flags = []
    for field in dataclasses.fields(config):
        if field.name in GROUPS and group is None:
            flags += _flags(GROUPS[field.name], field.name)
            continue
        hint = hints[field.name]
        kind = str if _is_list(hint) else _typed(hint)
        if kind is None:
            continue
        name = group if group and field.name == "name" else field.name
        dashed = name.replace("_", "-")
        said = ",".join(map(str, field.default)) if isinstance(field.default, tuple) else field.default
        default = "" if said in (None, False, "") else f"  [default: {said}]"
        switch = f"--{dashed}/--no-{dashed}" if kind is bool else f"--{dashed}"
        help, metavar = f"{field.metadata['help']}{default}", None if kind is bool else _metavar(hint, kind)
        option = typer.Option(switch, help=help, show_default=False, metavar=metavar)
        word = bool if kind is bool else str  # what it says is read by us, that all mistakes are told alike
        flags.append(
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[word | None, option]
            )
        )
    return flags


def _metavar(hint: Any, kind: type[Any]) -> str:
    if _is_list(hint):
        return _NUMBERS
    return f"<{kind.__name__}|{NONE}>" if may_be_none(hint) else f"<{kind.__name__}>"


def _typed(hint: Any) -> Any:
    """Return what a flag says, or None for what one word cannot say; the configuration checks choices."""
    if get_origin(hint) is Annotated:
        return _typed(get_args(hint)[0])
    if get_origin(hint) is Literal:
        return str
    if get_origin(hint) in (types.UnionType, typing.Union):
        return next((kind for kind in map(_typed, get_args(hint)) if kind is not None), None)
    return hint if hint in _PLAIN else None


def _is_list(hint: Any) -> bool:
    """Return whether an option takes numbers in a row, perhaps in the place of a word."""
    if get_origin(hint) is Annotated:
        return _is_list(get_args(hint)[0])
    if get_origin(hint) in (types.UnionType, typing.Union):
        return any(map(_is_list, get_args(hint)))
    return get_origin(hint) is tuple and _typed(get_args(hint)[0]) is not None


_HINTS = {
    name: hint
    for kind in (TrainConfig, *GROUPS.values())
    for name, hint in typing.get_type_hints(kind, include_extras=True).items()
}
_LISTS = {name for name, hint in _HINTS.items() if _is_list(hint)}
"""The options of which a flag says several numbers, as ``--at 5,8``."""
_NUMBERS_OF: Mapping[str, tuple[Callable[[str], float], ...]] = {
    name: (int, float) if kind is int else (float,)  # of 1.5 it can be told that it is no whole number
    for name, hint in _HINTS.items()
    if (kind := _typed(hint)) in (int, float)
}
"""The options of which a flag says a number, with what it is read as: the first that can be."""
