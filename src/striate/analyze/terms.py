"""Numbers that carry their working: sums of products; and what a unit sees of the input.

A figure and the formula beside it come from one value, so they cannot disagree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from striate.analyze.axes import AnyAxis

__all__ = ["NOTHING", "Field", "Sum", "product"]


@dataclass(frozen=True)
class Sum:
    """A sum of products of whole numbers: ``Sum(((96, 3, 11, 11),))``."""

    terms: tuple[tuple[int, ...], ...] = ()

    @cached_property
    def value(self) -> int:
        """The number."""
        return sum(map(math.prod, self.terms))

    @property
    def work(self) -> str:
        """The number with its working: ``96·3·11·11 = 34,848``."""
        if not self.terms:
            return "0"
        written = " + ".join("·".join(map(str, term)) for term in self.terms)
        return written if written == str(self.value) else f"{written} = {self.value:,}"


NOTHING = Sum()


def product(*factors: int) -> Sum:
    """Return the product of ``factors`` as a `Sum` of one term."""
    return Sum((factors,))


Number = int | Fraction
"""A whole number is always an int."""


def plain(number: Number) -> Number:
    """Return a fraction that is whole as an int."""
    # Almost always an int; to ask for Fraction, which is registered with abstract classes, takes seven times as long.
    if isinstance(number, int):
        return number
    return number.numerator if number.denominator == 1 else number


@dataclass(frozen=True, slots=True)
class Field:
    """The receptive field of a layer's units on one axis of the network's input, in input positions.

    Unit ``i`` sees positions ``offset + i·stride`` to ``offset + i·stride + size − 1``; those below 0
    or past the end lie in the padding. Layers whose units see the whole map count as one window over it. Behind
    layers that enlarge maps the figures may be fractions: of the positions between the two, a unit sees the
    whole ones.

    Attributes:
        size: Positions that one unit sees.
        stride: Positions between the fields of two neighboring units; 0 where all see the same.
        offset: First position that unit 0 sees.
    """

    size: Number = 1
    stride: Number = 1
    offset: Number = 0

    @property
    def span(self) -> list[Number]:
        """First and last position that unit 0 sees."""
        return [self.offset, plain(self.offset + self.size - 1)]

    def within(self, bound: int) -> bool:
        """Tell whether it is written in whole numbers of at most ``bound``."""
        size, stride, offset = self.size, self.stride, self.offset
        if type(size) is type(stride) is type(offset) is int:  # almost always, and several times as fast
            return size <= bound and stride <= bound and -bound <= offset <= bound
        parts = [part for n in (size, stride, offset) for part in (abs(n.numerator), n.denominator)]
        return max(parts) <= bound

    def through(self, axis: AnyAxis) -> Field:
        """Return the field behind a window over the units that have this one."""
        return Field(
            plain(self.size + axis.reach * self.stride),
            plain(self.stride * axis.step),
            plain(self.offset + axis.first * self.stride),
        )

    def over(self, units: int, *, kept: bool = False) -> Field:
        """Return the field of a unit that sees ``units`` such units at once.

        Args:
            units: How many.
            kept: Whether there are several such units still, each of which sees them all.
        """
        return Field(
            plain(self.size + (units - 1) * self.stride), 0 if kept else self.stride * units, self.offset
        )

    def union(self, other: Field, units: int) -> Field:
        """Return the smallest field that covers both, for each of ``units`` units.

        Where the strides differ (paths of different stride that end at one size) it covers, not equals.
        """
        stride = max(self.stride, other.stride)
        last = units - 1
        starts, ends = [], []
        for field in (self, other):
            for i in (0, last):
                start = field.offset + i * (field.stride - stride)
                starts.append(start)
                ends.append(start + field.size)
        return Field(plain(max(ends) - min(starts)), stride, plain(min(starts)))
