"""What several commands take: a network, a shape, and options that derive from a configuration."""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import typer

from striate.errors import ConfigError, StriateError

__all__ = ["NETWORK_HELP", "UsageError", "configured", "parse_shape", "parse_sides", "with_options_of"]

_T = TypeVar("_T")
_OPTION = re.compile(r"^\w+: (\w+)=")  # as a configuration tells a bad value: "training: batch_size=0 must …"


class UsageError(StriateError):
    """An option of the command line has a value that it cannot have: exit status 2."""


NETWORK_HELP = "A zoo name (lenet5), a .yaml or .json description, or module:function."


def parse_shape(text: str) -> tuple[int, ...]:
    """Read ``3x224x224``.

    Raises:
        UsageError: if it is not whole numbers joined by ``x``.
    """
    parts = re.split("[x×,]", text.strip())
    if not all(part.isascii() and part.isdigit() and len(part) <= 9 for part in parts):
        raise UsageError(f"--input {text!r}: write channels, height and width as 3x224x224.")
    return tuple(map(int, parts))


def parse_sides(text: str) -> tuple[int, int]:
    """Read ``160`` or ``160x120``, height first.

    Raises:
        UsageError: if it is neither, or more than 65535.
    """
    found = re.fullmatch(r"(\d{1,5})(?:[x×](\d{1,5}))?", text.strip(), re.ASCII)
    sides = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not all(1 <= side < 2**16 for side in sides):
        raise UsageError(
            f"--size {text!r}: write one side, 160, or height and width, 160x120; 65535 at most."
        )
    return sides


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


def configured(config: Callable[..., _T], options: Mapping[str, Any]) -> _T:
    """Return the configuration that the flags of `with_options_of` say.

    Raises:
        UsageError: if it refuses a value; naming the flag.
    """
    try:
        return config(**options)
    except ConfigError as error:
        flagged = _OPTION.sub(lambda found: f"--{found[1].replace('_', '-')} ", str(error))
        raise UsageError(flagged) from None


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
