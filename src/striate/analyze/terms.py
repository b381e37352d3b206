"""Numbers that carry their working: sums of products, and the arithmetic of one sliding window.

A figure and the formula beside it come from one value, so they cannot disagree.
Legend: k kernel, s stride, d dilation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

__all__ = ["NOTHING", "Axis", "Field", "Sum", "product"]


@dataclass(frozen=True, slots=True)
class Sum:
    """A sum of products of whole numbers: ``Sum(((96, 3, 11, 11),))``."""

    terms: tuple[tuple[int, ...], ...] = ()

    @property
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


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a sliding window over ``size`` positions.

    Attributes:
        before: Padding before the first position.
        after: Padding after the last.
        ceil_mode: Whether a last partial window counts.
    """

    size: int
    kernel: int
    stride: int
    dilation: int
    before: int
    after: int
    ceil_mode: bool = False

    @property
    def extent(self) -> int:
        """Positions from the first to the last that one window spans: ``d·(k − 1) + 1``."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def steps(self) -> Fraction:
        """How many strides fit, before rounding."""
        return Fraction(self.size + self.before + self.after - self.extent, self.stride)

    @property
    def overhangs(self) -> bool:
        """Whether rounding up gives a window that starts beyond the input, which does not count."""
        return self.ceil_mode and math.ceil(self.steps) * self.stride >= self.size + self.before

    @property
    def output(self) -> int:
        """Number of windows; below 1 if none fits."""
        if not self.ceil_mode:
            return math.floor(self.steps) + 1
        return math.ceil(self.steps) + (0 if self.overhangs else 1)

    @property
    def work(self) -> str:
        """The output size with its working: ``(224 + 2·2 − 11)/4 + 1 = ⌊55.25⌋ = 55``."""
        if self.before == self.after:
            pads = f" + 2·{self.before}" if self.before else ""
        else:
            pads = f" + {self.before} + {self.after}"
        extent = str(self.kernel) if self.dilation == 1 else f"({self.dilation}·({self.kernel} − 1) + 1)"
        written = f"({self.size}{pads} − {extent})/{self.stride} + 1"
        exact = self.steps + 1
        left, right = "⌈⌉" if self.ceil_mode else "⌊⌋"
        if exact.denominator != 1:
            written += f" = {left}{float(exact):.10g}{right}"
        if self.overhangs:
            return f"{written} − 1 = {self.output} (the last window would start in the padding)"
        return f"{written} = {self.output}"


@dataclass(frozen=True, slots=True)
class Field:
    """The receptive field of a layer's units on one axis of the network's input, in input positions.

    Unit ``i`` sees positions ``offset + i·stride`` to ``offset + i·stride + size − 1``; those below 0
    or past the end lie in the padding. Layers whose units see the whole map count as one window over it.

    Attributes:
        size: Positions that one unit sees.
        stride: Positions between the fields of two neighboring units.
        offset: First position that unit 0 sees.
    """

    size: int = 1
    stride: int = 1
    offset: int = 0

    @property
    def span(self) -> list[int]:
        """First and last position that unit 0 sees."""
        return [self.offset, self.offset + self.size - 1]

    def through(self, axis: Axis) -> Field:
        """Return the field behind a window over the units that have this one."""
        return Field(
            self.size + (axis.extent - 1) * self.stride,
            self.stride * axis.stride,
            self.offset - axis.before * self.stride,
        )

    def over(self, units: int) -> Field:
        """Return the field of a unit that sees ``units`` such units at once."""
        return self.through(Axis(units, units, units, 1, 0, 0))

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
        return Field(max(ends) - min(starts), stride, min(starts))
