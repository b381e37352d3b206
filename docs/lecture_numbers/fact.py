"""`Fact`: one statement of a lecture beside what is true of it. It computes nothing and draws nothing."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Fact", "Lecture", "in_units", "text"]


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One statement of a lecture.

    Attributes:
        topic: What it is about: a heading where several statements stand under it.
        statement: What the lecture says, in a few words.
        printed: The figures that the lecture prints, if any.
        true: What is true, written down by hand.
        compute: Returns what the library says; a `striate` figure brings its formula along.
        form: How true figures are shown: ``"{} × {}"``.
        printed_form: How printed ones are, if otherwise.
        agree: Tells whether the printed figures are the true ones as far as they are printed.
        slip: Where they are not, why, in a sentence.
        how: How it is computed, where no formula says so.
    """

    topic: str
    statement: str
    printed: Any = None
    true: Any
    compute: Callable[[], Any]
    form: str = ""
    printed_form: str = ""
    agree: Callable[[Any, Any], bool] = operator.eq
    slip: str = ""
    how: str = ""

    @property
    def is_right(self) -> bool:
        """Whether what is printed is true; what prints no figure claims none."""
        return self.printed is None or self.agree(self.printed, self.true)


@dataclass(frozen=True)
class Lecture:
    """A lecture: its number, where it was held, its title, its statements."""

    number: str
    university: str
    title: str
    facts: tuple[Fact, ...]

    @property
    def topics(self) -> dict[str, list[Fact]]:
        """The statements by topic, in their order."""
        topics: dict[str, list[Fact]] = {}
        for fact in self.facts:
            topics.setdefault(fact.topic, []).append(fact)
        return topics


def text(value: Any, form: str = "") -> str:
    """Return figures as they are read: thousands apart, a true minus, the rows of a matrix apart."""
    if form:
        return form.format(*map(text, value if isinstance(value, tuple) else (value,)))
    if isinstance(value, tuple):
        if any(isinstance(v, tuple) for v in value):
            return " / ".join(" ".join(map(text, row)) for row in value)
        return ("; " if max(value) >= 1000 else ", ").join(map(text, value))
    return f"{value:,}".replace("-", "−")


def in_units(unit: float, within: float = 0.5) -> Callable[[Any, Any], bool]:
    """Return the agreement of a figure printed in ``unit``, with one of the last place ``within`` it."""

    def agree(printed: Any, true: Any) -> bool:
        if isinstance(true, tuple):
            return all(map(agree, printed, true))
        return abs(true / unit - printed) <= within

    return agree
