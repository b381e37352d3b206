"""Figures of several runs side by side, with their mean and standard deviation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from striate.train.metrics import Evaluation, LabelEvaluation

__all__ = ["Scores", "shown"]

_FIGURES = {  # each with the head of its column
    "mean_average_precision": "mean AP",
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "loss": "loss",
}


@dataclass(frozen=True)
class Scores:
    """What several runs reached.

    Attributes:
        runs: What each is called.
        images: How many each was measured on.
        figures: By name, one value a run: ``accuracy``, ``macro_f1``, ``loss``; also ``mean_average_precision`` where
            images may have several labels.
    """

    runs: tuple[str, ...]
    images: tuple[int, ...]
    figures: Mapping[str, tuple[float, ...]]

    @classmethod
    def of(cls, runs: Sequence[str], evaluations: Sequence[Evaluation | LabelEvaluation]) -> Scores:
        """Return the figures of one evaluation or more."""
        names = [name for name in _FIGURES if hasattr(evaluations[0], name)]
        figures = {name: tuple(getattr(each, name) for each in evaluations) for name in names}
        return cls(tuple(runs), tuple(each.images for each in evaluations), figures)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Scores | None:
        """Read what `to_data` gave; None if it is not there, or damaged."""
        rows = data.get("runs")
        if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
            return None
        names = [name for name in _FIGURES if name in rows[0]]
        try:
            figures = {name: tuple(float(row[name]) for row in rows) for name in names}
            return cls(
                tuple(str(row["run"]) for row in rows), tuple(int(row["images"]) for row in rows), figures
            )
        except (KeyError, TypeError, ValueError, OverflowError):
            return None

    @property
    def heads(self) -> Mapping[str, str]:
        """Of each figure the head of its column."""
        return {name: _FIGURES[name] for name in self.figures}

    @property
    def mean(self) -> Mapping[str, float]:
        """The mean of each figure."""
        return {name: fmean(values) for name, values in self.figures.items()}

    @property
    def deviation(self) -> Mapping[str, float | None]:
        """The standard deviation of each figure, the squares divided by n − 1; None of a single run."""
        return {name: stdev(v) if len(v) > 1 else None for name, v in self.figures.items()}

    def to_data(self) -> dict[str, Any]:
        """Return the figures as they stand in JSON."""
        rows = [
            {"run": run, "images": images} | {name: values[i] for name, values in self.figures.items()}
            for i, (run, images) in enumerate(zip(self.runs, self.images, strict=True))
        ]
        return {"runs": rows, "mean": dict(self.mean), "sd": dict(self.deviation)}

    def lines(self, below: Mapping[str, Evaluation | LabelEvaluation] | None = None) -> list[str]:
        """Return a table: a row for each run, mean and standard deviation, and a row for each evaluation ``below``."""
        more = below or {}
        width = max(map(len, ("mean", *self.runs, *more)))
        heads = "".join(f"  {_FIGURES[name]:>8}" for name in self.figures)
        rows = [f"{'run':<{width}}  images{heads}"]
        for i, (run, images) in enumerate(zip(self.runs, self.images, strict=True)):
            rows.append(
                f"{run:<{width}}  {images:>6,}{self._cells({n: v[i] for n, v in self.figures.items()})}"
            )
        rows.append(f"{'mean':<{width}}  {'':>6}{self._cells(self.mean)}")
        if len(self.runs) > 1:
            rows.append(f"{'± sd':<{width}}  {'':>6}{self._cells(self.deviation)}")
        for name, each in more.items():
            figures = {figure: getattr(each, figure) for figure in self.figures}
            rows.append(f"{name:<{width}}  {each.images:>6,}{self._cells(figures)}")
        return rows

    def _cells(self, figures: Mapping[str, float | None]) -> str:
        return "".join(f"  {shown(name, value):>8}" for name, value in figures.items())


def shown(name: str, value: float | None) -> str:
    """Write a figure as it stands in a table."""
    if value is None:
        return "–"
    return f"{value:.4f}" if name == "loss" else f"{value:.2%}"
