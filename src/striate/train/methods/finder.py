"""The range of learning rates at which training works: one short run in which the rate rises (Smith 2017)."""

from __future__ import annotations

import dataclasses
import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.analyze import PICTURE_FORMATS
from striate.errors import ConfigError, TrainingError, bad_argument
from striate.spec.files import write

__all__ = ["RateRange", "check_range", "find_rates"]

_ROWS = 12  # of the table
_MEMORY = 0.9
_DIVERGED = 4.0
"""Times the best mean of recent losses."""


@dataclass(frozen=True, slots=True, repr=False)
class RateRange:
    """What the losses were as the rate rose.

    Attributes:
        lrs: The rates, each a constant factor above the one before.
        losses: The loss at each, before its step.
        smoothed: The mean of their neighbors, whose weights fall by a tenth with each rate between, so that minima stay
            where they are.
        diverged: Whether the loss exploded before the last rate.
        about: Of what it is, the title of its picture: network, data, optimizer.
    """

    lrs: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    diverged: bool
    about: str = ""

    @property
    def steepest(self) -> float | None:
        """The rate at which the smoothed loss falls fastest, per factor of the rate; None if it never falls.

        Rates behind the minimum do not count, nor does the first tenth of them, where the loss is but noise.
        """
        first, last = len(self.lrs) // 10, int(np.argmin(self.smoothed))
        slopes = np.gradient(np.array(self.smoothed), np.log(self.lrs))[first : last + 1]
        return self.lrs[first + int(np.argmin(slopes))] if slopes.size and slopes.min() < 0 else None

    @property
    def suggestion(self) -> float | None:
        """The steepest rate, of two digits; None if the loss never falls."""
        return None if self.steepest is None else float(f"{self.steepest:.1e}")

    @property
    def tenth_of_minimum(self) -> float | None:
        """A tenth of the rate at which the smoothed loss is least; None if it never falls."""
        at = int(np.argmin(self.smoothed))
        return self.lrs[at] / 10 if at else None

    def to_data(self) -> dict[str, Any]:
        """Return the range as it stands in JSON."""
        derived = ("suggestion", "steepest", "tenth_of_minimum")
        return {name: getattr(self, name) for name in derived} | dataclasses.asdict(self)

    def __str__(self) -> str:
        shown = np.unique(np.linspace(0, len(self.lrs) - 1, _ROWS).round().astype(int))
        rows = [f"{'lr':>9}  {'loss':>9}  smoothed"]
        rows += [f"{self.lrs[i]:>9.2e}  {self.losses[i]:>9.4g}  {self.smoothed[i]:>8.4g}" for i in shown]
        end = "the loss explodes beyond" if self.diverged else "the loss does not explode in this range"
        return "\n".join([*rows, end, "", *self._told()])

    def _told(self) -> list[str]:
        if self.suggestion is None or self.tenth_of_minimum is None:
            return ["no rate of this range lowers the loss; try lower ones, or check the network"]
        return [
            f"suggested: --lr {self.suggestion:g} (lr={self.suggestion:g}), where the loss falls fastest",
            f"a tenth of the rate at which the loss is least: {self.tenth_of_minimum:.2g}",
        ]

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"{self.plot()}<pre>{escape(str(self))}</pre>"

    def plot(self) -> str:
        """Return a picture as SVG: the losses over the rate, with both suggestions."""
        return self._drawn("svg").decode()

    def save(self, path: str | Path) -> None:
        """Write the picture.

        Args:
            path: Where to; ``.svg`` or ``.png`` at its end says how.

        Raises:
            ConfigError: if the name ends otherwise.
            DescriptionError: if it cannot be written; what stood there before is kept.
        """
        suffix = Path(path).suffix.lower()
        if suffix not in PICTURE_FORMATS:
            raise ConfigError(
                f"{path}: must end with {' or '.join(PICTURE_FORMATS)}, which say how it is drawn."
            )
        write(Path(path), self._drawn(suffix.removeprefix(".")))

    def _drawn(self, form: str) -> bytes:
        from matplotlib.figure import Figure  # which no training needs

        from striate.analyze.drawing.page import plain_style

        with plain_style():
            figure = Figure(figsize=(6.4, 3.8), layout="constrained")
            axes = figure.add_subplot()
            axes.plot(self.lrs, self.losses, color="#b9bec5", linewidth=1, label="loss")
            axes.plot(self.lrs, self.smoothed, color="#3b76c4", linewidth=2, label="smoothed")
            for rate, color, name in (
                (self.steepest, "#2f9e4f", "the rate of the steepest fall"),
                (self.tenth_of_minimum, "#ef8a1d", "a tenth of the rate of the least loss"),
            ):
                if rate is not None:
                    axes.axvline(rate, color=color, linestyle="--", label=f"{name}: {rate:.2g}")
            low, high = min(self.losses), self.smoothed[0]
            axes.set_ylim(low - 0.1 * abs(high - low) - 1e-3, high + 0.6 * abs(high - low) + 1e-3)
            axes.set_xscale("log")
            axes.set_xlabel("learning rate")
            axes.set_ylabel("loss")
            axes.set_title(self.about, size=11, parse_math=False)
            axes.legend(frameon=False)
            written = io.BytesIO()
            title = f"Learning-rate range{': ' if self.about else ''}{self.about}"
            about = {"Date": None, "Title": title} if form == "svg" else {"Software": None, "Title": title}
            figure.savefig(written, format=form, dpi=144, metadata=about)
        return written.getvalue()


def find_rates(
    step: Callable[[float], float], low: float = 1e-6, high: float = 10.0, steps: int = 100, about: str = ""
) -> RateRange:
    """Call ``step`` with rates that rise from ``low`` to ``high`` by a constant factor, until the loss explodes.

    The loss explodes when the mean of recent ones is over four times the best so far, or when it is no number; a loss
    that is none is left out.

    Args:
        step: Does one step of training at a rate; returns the loss before the step.
        low: The first rate.
        high: The last rate.
        steps: How many rates.
        about: The title of its picture.

    Raises:
        ConfigError: unless ``0 < low < high`` and ``steps`` is 10 or more.
        TrainingError: if the loss is no number within the first two steps.
    """
    check_range(low, high, steps)
    lrs: list[float] = []
    losses: list[float] = []
    best = math.inf
    mean = 0.0
    for index in range(steps):
        lr = low * (high / low) ** (index / (steps - 1))
        loss = step(lr)
        if not math.isfinite(loss):
            break
        lrs.append(lr)
        losses.append(loss)
        mean = _MEMORY * mean + (1 - _MEMORY) * loss
        recent = mean / (1 - _MEMORY ** (index + 1))  # without the bias toward 0 of its beginning
        best = min(best, recent)
        if recent > _DIVERGED * best:
            break
    if len(lrs) < 2:
        raise TrainingError(
            f"the loss is no finite number at learning rates as low as {low:g}; lower low, or check the network."
        )
    diverged = len(lrs) < steps
    # Of an explosion no more counts than what was known in the beginning, or its neighbors would not seem to fall.
    bound = max(losses[: 1 + len(losses) // 10]) if diverged else math.inf
    smoothed = _smoothed(np.minimum(losses, bound))
    return RateRange(tuple(lrs), tuple(losses), tuple(smoothed.tolist()), diverged, about)


def check_range(low: float, high: float, steps: int) -> None:
    """Raise `ConfigError` unless ``0 < low < high`` and ``steps`` is 10 or more."""
    for name, rate in (("low", low), ("high", high)):
        if isinstance(rate, bool) or not isinstance(rate, int | float):
            raise ConfigError(bad_argument(name, rate, "a rate above 0"))
    if not 0 < low < high < math.inf:
        raise ConfigError(f"low={low:g}, high={high:g}: must be rates above 0, low the smaller one.")
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 10:
        raise ConfigError(bad_argument("steps", steps, "a whole number, 10 or more"))


def _smoothed(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    places = np.arange(len(losses))
    weights = _MEMORY ** np.abs(places[:, None] - places)
    smoothed: NDArray[np.float64] = weights @ losses / weights.sum(1)
    return smoothed
