"""What the parts of a configuration have in common: frozen values, checked when made, documented where they stand.

It does not load torch.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import field
from typing import Annotated, Any, TypeVar, cast, dataclass_transform

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass as pydantic_dataclass

from striate.errors import ConfigError, validation_message

__all__ = [
    "BelowOne",
    "Count",
    "Finite",
    "NotNegative",
    "Positive",
    "Share",
    "listed_values",
    "option",
    "part",
]

Count = Annotated[int, Field(ge=1, le=1_000_000)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, le=1e30, allow_inf_nan=False)]
BelowOne = Annotated[float, Field(ge=0, lt=1)]
Share = Annotated[float, Field(ge=0, le=1)]

_T = TypeVar("_T", bound=type[Any])


def option(default: Any, help: str) -> Any:
    """Return a field of a configuration: its default, and what it is for, in less than 80 characters."""
    return field(default=default, metadata={"help": help})


@dataclass_transform(frozen_default=True, kw_only_default=True)
def part(cls: _T) -> _T:
    """Make ``cls`` a frozen value with keyword arguments alone, whose errors are one sentence."""
    made: Any = pydantic_dataclass(frozen=True, kw_only=True, config=ConfigDict(strict=True, extra="forbid"))(
        cls
    )
    validate = made.__init__
    names = [f.name for f in dataclasses.fields(made)]
    called = cls.__name__.removesuffix("Config").lower()  # what users know the field "name" as
    arrange: Callable[[dict[str, Any]], dict[str, Any]] = getattr(made, "arranged", dict)

    @functools.wraps(validate)
    def __init__(self: Any, **options: Any) -> None:
        try:
            validate(self, **arrange(options))
        except ValidationError as error:
            failures = error.errors(include_url=False)
            message = validation_message("training", names, failures)
            raise ConfigError(message.replace("training: name=", f"training: {called}=", 1)) from None

    made.__init__ = __init__
    return cast(_T, made)


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
