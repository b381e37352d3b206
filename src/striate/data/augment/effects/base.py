"""What every effect has in common: a frozen, validated value that a recipe lists.

An effect draws numbers for the images that it is to change (`values`) and puts what they mean into the plan of a batch
(`enter`). Legend: n images of those in the batch.
"""

from __future__ import annotations

import dataclasses
import functools
from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Literal,
    TypeVar,
    cast,
    dataclass_transform,
    get_type_hints,
)

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler, ValidationError
from pydantic.dataclasses import dataclass as pydantic_dataclass
from pydantic_core import ArgsKwargs, CoreSchema, core_schema

from striate.data.augment.draws import Floats, Streams
from striate.errors import ConfigError, validation_message

if TYPE_CHECKING:
    from striate.data.augment.plan import Plan, Rows

__all__ = [
    "EFFECTS",
    "Effect",
    "Probability",
    "Range",
    "Spread",
    "Switch",
    "Values",
    "WholeRange",
    "between",
    "effect_kind",
    "log_between",
    "whole_between",
]

Values = Mapping[str, NDArray[Any]]
"""What was drawn, by name, each an array with a row per image."""

Range = tuple[float, float]
WholeRange = tuple[int, int]
Probability = Annotated[float, Field(ge=0, le=1)]

_CONFIG = ConfigDict(strict=True, extra="forbid")
_T = TypeVar("_T", bound=type["Effect"])
_effects: dict[str, type[Effect]] = {}
EFFECTS: Mapping[str, type[Effect]] = MappingProxyType(_effects)
"""Every effect by its name, in the order of definition."""


@dataclasses.dataclass(frozen=True)
class Spread:
    """Marks a range: two numbers in order, within bounds; a number a stands for ``identity - a`` to ``identity + a``.

    Attributes:
        identity: Where nothing happens, which `Effect.scaled` brings the range nearer to.
        low: The least number.
        high: The greatest.
        scales: Whether strength changes the range.
    """

    identity: float
    low: float
    high: float
    scales: bool = True

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._read, handler(source))

    def _read(self, value: Any) -> Any:
        """Return two numbers, of two or of one."""
        ends = tuple(value) if isinstance(value, list) else value
        if _is_number(value) and 0 <= value <= self.high - self.low:
            below = 0 if self.identity == self.low else value
            above = 0 if self.identity == self.high else value
            ends = self.identity - below, self.identity + above
        two = isinstance(ends, tuple) and len(ends) == 2 and all(map(_is_number, ends))
        if not two or not self.low <= ends[0] <= ends[1] <= self.high:
            raise ValueError(self._allowed())
        return ends

    def _allowed(self) -> str:
        around = f"{self.identity:g}" if self.identity else ""
        low = around if self.identity == self.low else f"{around} - a" if around else "-a"
        high = around if self.identity == self.high else f"{around} + a" if around else "+a"
        return (
            f"must be two numbers in order, within {self.low:g} to {self.high:g}, or a number a, which means "
            f"{low or 0} to {high or 0}"
        )

    def scaled(self, ends: tuple[float, float], strength: float) -> tuple[float, float]:
        """Return ``ends`` brought nearer to ``identity``: whole numbers, if they are."""
        low, high = (
            min(max(strength * end + (1 - strength) * self.identity, self.low), self.high) for end in ends
        )
        return (round(low), round(high)) if isinstance(ends[0], int) else (low, high)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _class_list(value: Any) -> Any:
    if value is not None and not isinstance(value, list | tuple):
        raise ValueError("must be a list of classes, such as [cat, 3]")
    if value is not None and not value:
        raise ValueError("must name a class at least; leave it out for all")
    return tuple(value) if isinstance(value, list) else value


@pydantic_dataclass(frozen=True, kw_only=True, repr=False, config=_CONFIG)
class Effect(ABC):
    """Something that is done to images at random. Abstract.

    Attributes:
        p: The share of images that it is done to.
        classes: The classes whose images it is done to, by name or number; None means all.
    """

    stage: ClassVar[Literal["geometry", "color", "pixels", "mixing", "policy", "signal"]]
    draws: ClassVar[int]  # how many uniform numbers of an image it takes
    frames: ClassVar[bool] = False  # whether it brings all images to the output's size, done to them or not
    words: ClassVar[str]  # what was done to one image, with the names of values in braces

    p: Probability = 1.0
    classes: Annotated[tuple[int | str, ...] | None, BeforeValidator(_class_list)] = None

    @abstractmethod
    def values(self, uniforms: Floats, keys: Streams) -> Values:
        """Return what is drawn for n images.

        Args:
            uniforms: Of [0, 1), ``(n, draws)``.
            keys: Gives keys of streams with more numbers, ``(n,)``.
        """

    @abstractmethod
    def enter(self, plan: Plan, rows: Rows, values: Values) -> None:
        """Put what was drawn for images ``rows`` into ``plan``."""

    def scaled(self, strength: float) -> Effect:
        """Return the effect with its ranges brought nearer to no change; what has no range becomes rarer.

        Args:
            strength: 1 for the effect as it is, 0 for none.
        """
        hints = get_type_hints(type(self), include_extras=True)
        ranges: dict[str, Any] = {
            f.name: mark.scaled(getattr(self, f.name), strength)
            for f in dataclasses.fields(self)
            for mark in getattr(hints[f.name], "__metadata__", ())
            if isinstance(mark, Spread) and mark.scales
        }
        return dataclasses.replace(self, **(ranges or {"p": self.p * strength}))

    @property
    def kind(self) -> str:
        """The name of the kind, as written in recipes: ``"Rotate"``."""
        return type(self).__name__

    def options(self) -> dict[str, Any]:
        """Return the fields that differ from their defaults, in order, as plain data."""
        fields = dataclasses.fields(self)
        ordered = [*fields[2:], *fields[:2]]  # what is its own before what all have
        return {f.name: _plain(v) for f in ordered if (v := getattr(self, f.name)) != f.default}

    def __repr__(self) -> str:
        return f"{self.kind}({', '.join(f'{name}={value!r}' for name, value in self.options().items())})"


class Switch(Effect):
    """An effect that is done or not, of which nothing more is drawn. Abstract."""

    draws: ClassVar[int] = 0

    def values(self, uniforms: Floats, keys: Streams) -> Values:
        return {}


def _plain(value: Any) -> Any:
    return [_plain(v) for v in value] if isinstance(value, tuple) else value


@dataclass_transform(frozen_default=True, kw_only_default=True)
def effect_kind(cls: _T) -> _T:
    """Make ``cls`` a validated frozen value whose errors are one sentence, and list it in `EFFECTS`."""
    made: Any = pydantic_dataclass(frozen=True, kw_only=True, repr=False, config=_CONFIG)(cls)

    @functools.wraps(made.__init__)
    def __init__(self: Effect, /, *args: Any, **options: Any) -> None:
        try:
            made.__pydantic_validator__.validate_python(ArgsKwargs(args, options), self_instance=self)
        except ValidationError as error:
            names = [f.name for f in dataclasses.fields(made)]
            failures = error.errors(include_url=False)
            raise ConfigError(validation_message(made.__name__, names, failures)) from None

    made.__init__ = __init__
    _effects[made.__name__] = made
    return cast(_T, made)


def between(ends: tuple[float, float], uniforms: Floats) -> Floats:
    """Return numbers of ``ends``, as even as ``uniforms`` of [0, 1)."""
    return ends[0] + (ends[1] - ends[0]) * uniforms


def log_between(ends: tuple[float, float], uniforms: Floats) -> Floats:
    """Return numbers of ``ends``, above 0, whose logarithms are as even as ``uniforms``."""
    return ends[0] * (ends[1] / ends[0]) ** uniforms


def whole_between(ends: tuple[int, int], uniforms: Floats) -> NDArray[np.int64]:
    """Return whole numbers of ``ends``, both included."""
    return ends[0] + np.floor((ends[1] - ends[0] + 1) * uniforms).astype(np.int64)
