"""A summary as a PNG file: the curves, the confusion matrix, calibration and the worst of it on one sheet."""

from __future__ import annotations

import io
from typing import Any

from matplotlib.figure import Figure

from striate.analyze.drawing.page import plain_style
from striate.train.summary.history import smoothed
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
from striate.train.summary.summary import Summary

__all__ = ["picture"]


def picture(summary: Summary) -> bytes:
    """Return a PNG file of 1,728 by 1,325 pixels."""
    written = io.BytesIO()
    with plain_style():
        figure = Figure(figsize=(12, 9.2), layout="constrained")
        figure.suptitle(
            f"{plain(summary.title)}: {plain(summary.result)}; {summary.course}\n{plain(summary.network_line, 120)}",
            x=0.012,
            ha="left",
            size=12,
            parse_math=False,
        )
        upper, lower = halves(figure, (2, 1), height_ratios=(1, 1.75))
        _course(upper, summary)
        measured = summary.evaluation
        left = answers(lower, measured)
        words(left, [*most_confused(measured), changed_lines(summary.record.training)])
        figure.savefig(written, format="png", dpi=144, metadata={"Software": None})
    return written.getvalue()


def _course(where: Any, summary: Summary) -> None:
    history, validations = summary.history, summary.history.validations
    loss, accuracy, rate = where.subplots(1, 3)
    epochs = [measured.epoch for measured in validations]
    places, losses = smoothed(history.epochs, history.losses)
    loss.plot(places, losses, color=TRAIN, label="train, smoothed")
    loss.plot(epochs, [v.loss for v in validations], ".-", color=VAL, label="val")
    accuracy.plot(epochs, [100 * v.accuracy for v in validations], ".-", color=VAL, label="val")
    rate.plot(history.epochs, history.rates, color=RATE)
    of_ratios(loss, losses)
    if history.best is not None:
        best: dict[str, Any] = {"ms": 8, "mew": 2, "mec": KEPT, "mfc": "white", "ls": "", "label": "best"}
        loss.plot(history.best.epoch, history.best.loss, "o", **best)
        accuracy.plot(history.best.epoch, 100 * history.best.accuracy, "o", **best)
    for axes, title in (
        (loss, "loss"),
        (accuracy, f"validation {plain(history.measure, 40)}, %"),
        (rate, "learning rate"),
    ):
        titled(axes, title)
    loss.legend(frameon=False, fontsize=8)
