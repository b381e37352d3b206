"""One axis of a layer with windows: how many outputs it gives, and which inputs each of them sees.

Every kind of axis has ``output``, ``work`` (the output with its working), and, of output ``i``: it sees the inputs
from ``first + i·step`` to ``first + i·step + reach``, the whole ones if these are fractions.
Legend: k kernel, s stride, d dilation.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from striate.analyze.terms import Number

__all__ = ["AdaptiveAxis", "AnyAxis", "Axis", "TransposedAxis", "UpsampledAxis"]


class AnyAxis(Protocol):
    """What every kind of axis tells."""

    @property
    def output(self) -> int:
        """Number of outputs; below 1 if none fits."""

    @property
    def work(self) -> str:
        """The number of outputs with its working."""

    @property
    def reach(self) -> Number:
        """Positions between the first and the last input that one output sees."""

    @property
    def step(self) -> Number:
        """Positions between what two neighboring outputs see."""

    @property
    def first(self) -> Number:
        """First position that output 0 sees."""

    @property
    def reach_work(self) -> str:
        """The reach as a formula."""


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
    def room(self) -> int:
        """Positions that the first window can move."""
        return self.size + self.before + self.after - self.extent

    @property
    def overhangs(self) -> bool:
        """Whether rounding up gives a window that starts beyond the input, which does not count."""
        return self.ceil_mode and -(-self.room // self.stride) * self.stride >= self.size + self.before

    @property
    def output(self) -> int:
        """Number of windows; below 1 if none fits."""
        if not self.ceil_mode:
            return self.room // self.stride + 1
        return -(-self.room // self.stride) + (0 if self.overhangs else 1)

    @property
    def reach(self) -> int:
        """Positions between the first and the last that a window sees."""
        return self.dilation * (self.kernel - 1)

    @property
    def step(self) -> int:
        """Positions between two windows."""
        return self.stride

    @property
    def first(self) -> int:
        """First position that window 0 sees."""
        return -self.before

    @property
    def reach_work(self) -> str:
        """The reach as a formula."""
        return f"({self.extent} − 1)"

    @property
    def work(self) -> str:
        """The output size with its working: ``(224 + 2·2 − 11)/4 + 1 = ⌊55.25⌋ = 55``."""
        if self.before == self.after:
            pads = f" + 2·{self.before}" if self.before else ""
        else:
            pads = f" + {self.before} + {self.after}"
        extent = str(self.kernel) if self.dilation == 1 else f"({self.dilation}·({self.kernel} − 1) + 1)"
        written = f"({self.size}{pads} − {extent})/{self.stride} + 1"
        exact = Fraction(self.room, self.stride) + 1
        left, right = "⌈⌉" if self.ceil_mode else "⌊⌋"
        if exact.denominator != 1:
            written += f" = {left}{float(exact):.10g}{right}"
        if self.overhangs:
            return f"{written} − 1 = {self.output} (the last window would start in the padding)"
        return f"{written} = {self.output}"


@dataclass(frozen=True, slots=True)
class TransposedAxis:
    """One axis of a transposed convolution: input ``i`` reaches outputs ``i·s − cut`` to ``i·s − cut + d·(k − 1)``.

    Attributes:
        cut: Outputs left out at both ends.
        added: Outputs added at the end, or, below 0, left out there.
    """

    size: int
    kernel: int
    stride: int
    dilation: int
    cut: int
    added: int

    @property
    def output(self) -> int:
        """Number of outputs; below 1 if the cuts leave none."""
        return (
            (self.size - 1) * self.stride - 2 * self.cut + self.dilation * (self.kernel - 1) + self.added + 1
        )

    @property
    def work(self) -> str:
        """The output size with its working: ``(7 − 1)·2 − 2·1 + 4 = 14``."""
        cut = f" − 2·{self.cut}" if self.cut else ""
        extent = str(self.kernel) if self.dilation == 1 else f"({self.dilation}·({self.kernel} − 1) + 1)"
        added = f" {'+' if self.added > 0 else '−'} {abs(self.added)}" if self.added else ""
        return f"({self.size} − 1)·{self.stride}{cut} + {extent}{added} = {self.output}"

    @property
    def reach(self) -> Fraction:
        """Positions between the first and the last input that one output sees."""
        return Fraction(self.dilation * (self.kernel - 1), self.stride)

    @property
    def step(self) -> Fraction:
        """Positions between what two neighboring outputs see."""
        return Fraction(1, self.stride)

    @property
    def first(self) -> Fraction:
        """First position that output 0 sees."""
        return Fraction(self.cut - self.dilation * (self.kernel - 1), self.stride)

    @property
    def reach_work(self) -> str:
        """The reach as a formula."""
        return f"({self.dilation * (self.kernel - 1) + 1} − 1)/{self.stride}"


@dataclass(frozen=True, slots=True)
class UpsampledAxis:
    """One axis that is made ``scale`` times as long, by repeating or by linear interpolation."""

    size: int
    scale: int
    linear: bool

    @property
    def output(self) -> int:
        """Number of outputs."""
        return self.size * self.scale

    @property
    def work(self) -> str:
        """The output size with its working: ``7·2 = 14``."""
        return f"{self.size}·{self.scale} = {self.output}"

    # Output o lies at (2·o + 1 − f)/(2·f). Interpolation sees the inputs less than 1 away, which among multiples of
    # 1/(2·f) are those at most 1 − 1/(2·f) away. Repeating sees input ⌊o/f⌋.

    @property
    def reach(self) -> Fraction:
        """Positions between the first and the last input that one output sees."""
        if not self.linear or self.scale == 1:
            return Fraction(self.scale - 1, self.scale)
        return Fraction(2 * self.scale - 1, self.scale)

    @property
    def step(self) -> Fraction:
        """Positions between what two neighboring outputs see."""
        return Fraction(1, self.scale)

    @property
    def first(self) -> Fraction:
        """First position that output 0 sees."""
        if not self.linear or self.scale == 1:
            return Fraction(1 - self.scale, self.scale)
        return Fraction(2 - 3 * self.scale, 2 * self.scale)

    @property
    def reach_work(self) -> str:
        """The reach as a formula."""
        return f"({self.reach * self.scale + 1} − 1)/{self.scale}"


@dataclass(frozen=True, slots=True)
class AdaptiveAxis:
    """One axis of adaptive pooling: output ``i`` of ``output`` sees inputs ``⌊i·n/out⌋`` to ``⌈(i + 1)·n/out⌉ − 1``.

    Where ``out`` does not divide ``n`` the windows differ by one; the reach then covers them all.
    """

    size: int
    output: int

    @property
    def work(self) -> str:
        """The output size, which was asked for."""
        return str(self.output)

    @property
    def reach(self) -> int:
        """Positions between the first and the last input that one output sees."""
        # The last output, which begins at (out − 1)·⌊n/out⌋ by its step, ends at n − 1: no other drifts as far.
        return self.size - 1 - (self.output - 1) * self.step

    @property
    def step(self) -> int:
        """Positions between what two neighboring outputs see."""
        return self.size // self.output

    @property
    def first(self) -> int:
        """First position that output 0 sees."""
        return 0

    @property
    def reach_work(self) -> str:
        """The reach as a formula."""
        return f"({self.reach + 1} − 1)"
