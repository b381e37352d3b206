"""The curves of several runs one upon the other, and their mean. Legend: V validations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from striate.train.summary.history import History
from striate.train.summary.series import Entry

__all__ = ["Overlay", "common_rate", "overlaid"]

_NEAR = 0.05  # epochs; more where a step takes more: of a few images more, an epoch ends a step later
_PLACES = 200
_ALIKE = 0.01  # of the largest rate, on average


@dataclass(frozen=True, kw_only=True)
class Overlay:
    """A measure of several runs over the epochs.

    Attributes:
        names: Of the runs.
        xs: Of each run the epochs ``(V,)``.
        ys: And what was measured.
        kept: Of each run the point whose weights were kept; None of one that kept none.
        mean: Epochs, and the mean of the runs that are done, as far as they were measured at the same; None if they
            were not.
    """

    names: Sequence[str]
    xs: Sequence[Sequence[float]]
    ys: Sequence[Sequence[float]]
    kept: Sequence[tuple[float, float] | None]
    mean: tuple[list[float], list[float]] | None


def overlaid(entries: Sequence[Entry], measure: str) -> Overlay:
    """Lay the validations of runs upon one another; the mean is of those that are done.

    Args:
        entries: The runs.
        measure: ``loss`` or ``accuracy``, a field of `Measured`.
    """
    held = [
        (e, e.summary.history) for e in entries if e.summary is not None and e.summary.history.validations
    ]
    xs = [[each.epoch for each in history.validations] for _, history in held]
    ys = [[float(getattr(each, measure)) for each in history.validations] for _, history in held]
    kept = [
        None if history.best is None else (history.best.epoch, float(getattr(history.best, measure)))
        for _, history in held
    ]
    done = [i for i, (entry, _) in enumerate(held) if entry.done]
    steps = [history.planned_epochs / history.planned_steps for _, history in held if history.planned_steps]
    mean = _mean([xs[i] for i in done], [ys[i] for i in done], max([_NEAR, *(1.01 * step for step in steps)]))
    return Overlay(names=[entry.name for entry, _ in held], xs=xs, ys=ys, kept=kept, mean=mean)


def _mean(
    xs: Sequence[Sequence[float]], ys: Sequence[Sequence[float]], near: float
) -> tuple[list[float], list[float]] | None:
    """Return the mean over the epochs at which all runs were measured, at most ``near`` apart, from the first on."""
    if len(xs) < 2:
        return None
    epochs, means = [], []
    for places, values in zip(zip(*xs, strict=False), zip(*ys, strict=False), strict=True):
        if max(places) - min(places) > near or not all(map(math.isfinite, values)):
            break
        epochs.append(fmean(places))
        means.append(fmean(values))
    return (epochs, means) if len(epochs) > 1 else None


def common_rate(histories: Sequence[History]) -> History | None:
    """Return the history that has come farthest, if the rates of all go the same way; None if they do not."""
    begun = [history for history in histories if history.steps]
    if not begun:
        return None
    farthest = max(begun, key=lambda history: float(history.epochs[-1]))
    for history in begun:
        places = np.linspace(0.0, float(history.epochs[-1]), _PLACES)
        ours, its = (np.interp(places, each.epochs, each.rates) for each in (farthest, history))
        if not np.abs(ours - its).mean() <= _ALIKE * np.abs(ours).max():
            return None
    return farthest
