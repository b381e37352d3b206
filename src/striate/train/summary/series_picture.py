"""The summary of several runs as a PNG file: their curves, what each reached, what they answer together."""

from __future__ import annotations

import io
import math
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from striate.analyze.drawing.page import plain_style
from striate.train.summary.overlay import common_rate, overlaid
from striate.train.summary.picture_parts import (
    KEPT,
    RATE,
    TRAIN,
    VAL,
    answers,
    changed_lines,
    halves,
    most_confused,
    of_ratios,
    plain,
    titled,
    words,
)
from striate.train.summary.series import SeriesSummary

__all__ = ["picture"]


def picture(summary: SeriesSummary) -> bytes:
    """Return a PNG file of 1,728 by 1,325 pixels."""
    written = io.BytesIO()
    network = summary.runs[0].network_line if summary.runs else "no run is begun"
    with plain_style():
        figure = Figure(figsize=(12, 9.2), layout="constrained")
        figure.suptitle(
            f"{plain(f'{summary.title}: {summary.result}', 115)}\n{plain(f'{summary.course}; {network}', 130)}",
            x=0.012,
            ha="left",
            size=12,
            parse_math=False,
        )
        upper, lower = halves(figure, (2, 1), height_ratios=(1, 1.75))
        _course(upper, summary)
        left = answers(lower, summary.together)
        words(left, [*most_confused(summary.together), *_told(summary)])
        figure.savefig(written, format="png", dpi=144, metadata={"Software": None})
    return written.getvalue()


def _course(where: Any, summary: SeriesSummary) -> None:
    rate = common_rate([run.history for run in summary.runs])
    loss, accuracy, reached, *rates = where.subplots(1, 3 if rate is None else 4)
    measure = summary.runs[0].history.measure if summary.runs else "accuracy"
    _overlay(loss, summary, "loss", 1)
    _overlay(accuracy, summary, "accuracy", 100)
    titled(loss, "validation loss")
    titled(accuracy, f"validation {plain(measure, 40)}, %")
    _reached(reached, summary)
    for axes in rates:
        if rate is not None:
            axes.plot(rate.epochs, rate.rates, color=RATE)
        titled(axes, "learning rate of every run")
    if loss.lines:
        loss.legend(frameon=False, fontsize=8)


def _overlay(axes: Any, summary: SeriesSummary, measure: str, times: int) -> None:
    held = overlaid(summary.entries, measure)
    for i, (xs, ys) in enumerate(zip(held.xs, held.ys, strict=True)):
        label = "each run" if i == 0 else None
        axes.plot(xs, [times * y for y in ys], color=TRAIN, alpha=0.45, linewidth=1, label=label)
    kept = [point for point in held.kept if point is not None]
    if kept:
        xs, ys = zip(*kept, strict=True)
        axes.plot(xs, [times * y for y in ys], ".", color=TRAIN, label="epoch kept")
    if held.mean is not None:
        axes.plot(held.mean[0], [times * y for y in held.mean[1]], color=VAL, linewidth=2, label="mean")
    if measure == "loss":
        of_ratios(axes, [y for ys in held.ys for y in ys])


def _reached(axes: Any, summary: SeriesSummary) -> None:
    """Draw what each run reached, the mean and standard deviation, and what all reach together."""
    scores, figure = summary.scores, summary.figure
    titled(axes, f"{figure.replace('_', ' ')} of each run, %", "run")
    if scores is None:
        return
    numbers, _, values = zip(*summary.reached(), strict=True)
    mean, deviation = 100 * scores.mean[figure], 100 * (scores.deviation[figure] or 0.0)
    if math.isfinite(mean + deviation):
        axes.axhspan(mean - deviation, mean + deviation, color=VAL, alpha=0.15, linewidth=0)
        axes.axhline(mean, color=VAL, linewidth=1.5, label="mean ± sd")
    if not summary.series.folds and summary.together is not None:
        axes.axhline(100 * getattr(summary.together, figure), color=KEPT, linewidth=1.5, label="together")
    axes.plot(numbers, [100 * value for value in values], "o", color=TRAIN)
    axes.set_xlim(0.5, len(summary.entries) + 0.5)
    low, high = axes.get_ylim()
    axes.set_ylim(low, min(high, 100 * max(1.0, *values) + 0.04 * (high - low)))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8, framealpha=0.85, edgecolor="none")


def _told(summary: SeriesSummary) -> list[tuple[str, list[str]]]:
    """Return what is not done, and the settings, as words."""
    left = [f"{entry.name}: {entry.state}" for entry in summary.left]
    told = (
        [("not counted", left[:3] + ([f"and {len(left) - 3} more"] if len(left) > 3 else []))] if left else []
    )
    return [*told, *(changed_lines(run.record.training) for run in summary.runs[:1])]
