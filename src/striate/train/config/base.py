"""What the parts of a configuration have in common: frozen values, checked when made, documented where they stand.

It does not load torch.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Callable
from dataclasses import field
from typing import Annotated, Any, TypeVar, cast, dataclass_transform, get_args, get_origin

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass as pydantic_dataclass

from striate.errors import ConfigError, validation_message

__all__ = [
    "NONE",
    "BelowOne",
    "Count",
    "Finite",
    "NotNegative",
    "Positive",
    "Share",
    "listed_values",
    "may_be_none",
    "option",
    "part",
]

Count = Annotated[int, Field(ge=1, le=1_000_000)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, le=1e30, allow_inf_nan=False)]
BelowOne = Annotated[float, Field(ge=0, lt=1)]
Share = Annotated[float, Field(ge=0, le=1)]

NONE = "none"
"""How a command line, a file or a call says that an option is None."""

_T = TypeVar("_T", bound=type[Any])


def option(default: Any, help: str) -> Any:
    """Return a field of a configuration: its default, and what it is for, in less than 80 characters."""
    return field(default=default, metadata={"help": help})


def may_be_none(hint: Any) -> bool:
    """Return whether an option of such a type may be None, which the word ``none`` says as well."""
    if get_origin(hint) is Annotated:
        return may_be_none(get_args(hint)[0])
    return get_origin(hint) in (types.UnionType, typing.Union) and type(None) in get_args(hint)


@dataclass_transform(frozen_default=True, kw_only_default=True)
def part(cls: _T) -> _T:
    """Make ``cls`` a frozen value with keyword arguments alone, whose errors are one sentence.

    Of an option that may be None the word ``none`` says so.
    """
    made: Any = pydantic_dataclass(frozen=True, kw_only=True, config=ConfigDict(strict=True, extra="forbid"))(
        cls
    )
    validate = made.__init__
    names = [f.name for f in dataclasses.fields(made)]
    called = cls.__name__.removesuffix("Config").lower()  # what users know the field "name" as
    optional = {
        name for name, hint in typing.get_type_hints(made, include_extras=True).items() if may_be_none(hint)
    }
    arrange: Callable[[dict[str, Any]], dict[str, Any]] = getattr(made, "arranged", dict)

    @functools.wraps(validate)
    def __init__(self: Any, **options: Any) -> None:
        try:
            arranged = arrange(options)
            off = dict.fromkeys(name for name in optional & arranged.keys() if _is_none(arranged[name]))
            validate(self, **arranged | off)
        except ValidationError as error:
            failures = error.errors(include_url=False)
            message = validation_message("training", names, failures)
            raise ConfigError(message.replace("training: name=", f"training: {called}=", 1)) from None

    made.__init__ = __init__
    return cast(_T, made)


def _is_none(value: Any) -> bool:
    return isinstance(value, str) and value == NONE


def listed_values(allowed: str, count: int | None = None) -> BeforeValidator:
    """Mark a tuple, which files write as a list.

    Args:
        allowed: What it must be, for a message: ``"a list of epochs such as [5, 8]"``.
        count: How many values it has; None means any number.
    """

    def as_tuple(value: Any) -> Any:
        if not isinstance(value, list | tuple) or (count is not None and len(value) != count):
            raise ValueError(f"must be {allowed}")
        return tuple(value)

    return BeforeValidator(as_tuple)
