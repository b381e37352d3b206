"""Scales: where a value stands on an axis, and at which round values its ticks are. All in drawing units."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["MANY", "Scale", "fitting"]

MANY = 10.0
"""An axis may be of ratios if the largest value is so many times the smallest."""


@dataclass(frozen=True, slots=True)
class Scale:
    """An axis from ``low`` to ``high`` over ``start`` to ``end``; of ratios if ``log``."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Return where ``value`` stands, at most at an end."""
        value = min(max(value, self.low), self.high)
        if self.log:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self, about: int = 5) -> list[float]:
        """Return round values within, near ``about`` of them."""
        if self.log:
            places = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            for digits in ((1, 2, 5), (1,)):
                found = [d * 10.0**p for p in places for d in digits if self.low <= d * 10.0**p <= self.high]
                if len(found) <= 2 * about:
                    return found
            return found[:: math.ceil(len(found) / about)]
        step = _round_step((self.high - self.low) / about)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [i * step for i in range(first, last + 1)]


def fitting(values: Iterable[float], start: float, end: float, *, zero: bool, log: bool = False) -> Scale:
    """Return a scale on which all finite ``values`` stand.

    Args:
        values: What is to stand on it.
        start: Where it begins.
        end: Where it ends.
        zero: Whether it begins with 0, if it is not of ratios.
        log: Whether it may be of ratios: it is where the largest is more than `MANY` times the smallest.
    """
    known = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(known), max(known)
    if log and low > 0 and high / low > MANY:
        return Scale(low / 1.15, high * 1.15, start, end, log=True)
    room = 0.08 * (high - low) or 0.1 * abs(high) or 1.0
    return Scale(0.0 if zero and low >= 0 else low - room, high + room, start, end)


def _round_step(step: float) -> float:
    """Return the nearest of 1, 2, 2.5, 5 times a power of ten."""
    size = 10.0 ** math.floor(math.log10(step))
    return min((size * digit for digit in (1, 2, 2.5, 5, 10)), key=lambda round: abs(round - step))
