"""What becomes of activations and gradients through depth: the values, and the rule that judges them. Measures nothing.

The rule: a signal's passage is its last value over its first, in the direction in which it runs: activations from the
first layer with weights to the last, gradients back. Beyond `LIMIT` it explodes, below 1 / `LIMIT` it vanishes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

__all__ = ["LIMIT", "Passage", "Point", "Propagation", "Trace"]

LIMIT = 10_000.0
"""Thirteen doublings, or halvings, in all."""

Place = Literal["weights", "norm", "sum"]
Outcome = Literal["healthy", "vanishing", "exploding"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What was seen at the output of one layer.

    Attributes:
        path: The layer's, as in the module.
        kind: The class of its module.
        place: ``weights`` is the output of a layer with weights, ``norm`` is behind a normalization, ``sum`` behind an
            addition.
        activation: Variance of all its values.
        gradient: Mean square of the gradient that reaches one value; None if none does.
        values: How many values there are for one image.
    """

    path: str
    kind: str
    place: Place
    activation: float
    gradient: float | None
    values: int

    @property
    def gradient_power(self) -> float | None:
        """Squared length of the gradient of an image: unlike the mean square, no size of maps or layers changes it."""
        return None if self.gradient is None else self.gradient * self.values


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """How a signal comes through.

    Attributes:
        total: Its last value over its first, in the direction in which it runs.
        steps: From layer to layer, of those with weights.
    """

    total: float
    steps: int

    @property
    def per_layer(self) -> float:
        """The factor that each layer contributes, their geometric mean."""
        return self.total ** (1 / self.steps) if self.steps else 1.0

    @property
    def outcome(self) -> Outcome:
        """What the rule says."""
        if 1 / LIMIT <= self.total <= LIMIT:
            return "healthy"
        return "vanishing" if self.total < 1 / LIMIT else "exploding"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What was seen with weights of one initialization.

    Attributes:
        init: Its name.
        points: In the order in which the layers run.
    """

    init: str
    points: tuple[Point, ...]

    @property
    def activations(self) -> Passage:
        """How the variance of the activations comes through."""
        return _passage([point.activation for point in self._weighted])

    @property
    def gradients(self) -> Passage:
        """How the squared length of the gradient comes through, back to the first layer."""
        return _passage([point.gradient_power or 0.0 for point in reversed(self._weighted)])

    @property
    def _weighted(self) -> list[Point]:
        return [point for point in self.points if point.place == "weights"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Propagation:
    """What `propagate` saw: one trace for each initialization.

    Attributes:
        network: The name of the network.
        data: What went in.
        images: How many at once.
    """

    network: str
    data: str
    images: int
    traces: tuple[Trace, ...]

    def to_data(self) -> dict[str, Any]:
        """Return all of it as plain values for JSON; what is no finite number becomes None."""
        return {
            "network": self.network,
            "data": self.data,
            "images": self.images,
            "limit": LIMIT,
            "traces": [
                {
                    "init": trace.init,
                    "activations": _passage_data(trace.activations),
                    "gradients": _passage_data(trace.gradients),
                    "points": [_point_data(point) for point in trace.points],
                }
                for trace in self.traces
            ],
        }

    def text(self, *, everything: bool = False) -> str:
        """Return a table for a terminal, without the middle of a long one unless ``everything`` is wanted."""
        from striate.train.check.propagation_shown import text

        return text(self, everything=everything)

    def plot(self, path: str | Path) -> None:
        """Draw the passage of activations and of gradients.

        Args:
            path: Where to write; ``.svg`` or ``.png`` at its end says how.

        Raises:
            ConfigError: if the name ends otherwise.
            DescriptionError: if it cannot be written; what stood there before is kept.
        """
        from striate.train.check.propagation_plot import plot  # it loads matplotlib

        plot(self, Path(path))

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        from striate.train.check.propagation_shown import html

        return html(self)


def _passage(values: list[float]) -> Passage:
    first, last = values[0], values[-1]
    ratio = last / first if first else 0.0
    return Passage(total=ratio if all(map(math.isfinite, values)) else math.inf, steps=len(values) - 1)


def _passage_data(passage: Passage) -> dict[str, Any]:
    return {
        "outcome": passage.outcome,
        "total": _finite(passage.total),
        "per_layer": _finite(passage.per_layer),
    }


def _point_data(point: Point) -> dict[str, Any]:
    return {
        "path": point.path,
        "kind": point.kind,
        "place": point.place,
        "activation": _finite(point.activation),
        "gradient": _finite(point.gradient),
        "gradient_power": _finite(point.gradient_power),
        "values": point.values,
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
