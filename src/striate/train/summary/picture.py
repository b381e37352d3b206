"""A summary as a PNG file: the curves, the confusion matrix, calibration and the worst of it on one sheet."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from striate.analyze.drawing.page import COLORS, FAINT, INK, plain_style
from striate.errors import printable
from striate.train.metrics import Evaluation, LabelEvaluation
from striate.train.settings import changed_settings
from striate.train.summary.history import smoothed
from striate.train.summary.matrix import MOST_NUMBERS, shares
from striate.train.summary.scales import MANY
from striate.train.summary.summary import Summary
from striate.train.summary.worst import confusions, worst_classes

__all__ = ["picture"]

_TRAIN, _VAL, _RATE, _BEST = COLORS[1], COLORS[2], COLORS[5], COLORS[3]
_NAMES = 60
_PAPER = 0.965


def picture(summary: Summary) -> bytes:
    """Return a PNG file of 1,728 by 1,325 pixels."""
    written = io.BytesIO()
    with plain_style():
        figure = Figure(figsize=(12, 9.2), layout="constrained")
        figure.suptitle(
            f"{_plain(summary.title)}: {_plain(summary.result)}; {summary.course}\n{_plain(summary.network_line, 120)}",
            x=0.012,
            ha="left",
            size=12,
            parse_math=False,
        )
        upper, lower = _halves(figure, (2, 1), height_ratios=(1, 1.75))
        _course(upper, summary)
        left, right = _halves(lower, (1, 2), width_ratios=(1.5, 1))
        above, below = _halves(right, (2, 1), height_ratios=(1.15, 1))
        measured = summary.evaluation
        if isinstance(measured, Evaluation):
            _matrix(left.subplots(), measured)
            _calibration(above.subplots(), measured)
        else:
            _classes(left.subplots(), measured)
        _words(below.subplots(), summary)
        figure.savefig(written, format="png", dpi=144, metadata={"Software": None})
    return written.getvalue()


def _halves(figure: Any, shape: tuple[int, int], **ratios: tuple[float, float]) -> Any:
    """Return the two parts of a figure, one below or beside the other."""
    return figure.subfigures(*shape, **ratios)


def _course(where: Any, summary: Summary) -> None:
    history, validations = summary.history, summary.history.validations
    loss, accuracy, rate = where.subplots(1, 3)
    epochs = [measured.epoch for measured in validations]
    places, losses = smoothed(history.epochs, history.losses)
    loss.plot(places, losses, color=_TRAIN, label="train, smoothed")
    loss.plot(epochs, [v.loss for v in validations], ".-", color=_VAL, label="val")
    accuracy.plot(epochs, [100 * v.accuracy for v in validations], ".-", color=_VAL, label="val")
    rate.plot(history.epochs, history.rates, color=_RATE)
    positive = losses[np.isfinite(losses) & (losses > 0)]
    if len(positive) and positive.max() > MANY * positive.min():
        loss.set_yscale("log")
        loss.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        loss.yaxis.set_major_formatter("{x:g}")
        loss.yaxis.set_minor_formatter("")
    if history.best is not None:
        best: dict[str, Any] = {"ms": 8, "mew": 2, "mec": _BEST, "mfc": "white", "ls": "", "label": "best"}
        loss.plot(history.best.epoch, history.best.loss, "o", **best)
        accuracy.plot(history.best.epoch, 100 * history.best.accuracy, "o", **best)
    for axes, title in (
        (loss, "loss"),
        (accuracy, f"validation {_plain(history.measure, 40)}, %"),
        (rate, "learning rate"),
    ):
        axes.set_title(title, size=10, loc="left", parse_math=False)
        axes.set_xlabel("epoch", size=9)
        _quiet(axes)
    loss.legend(frameon=False, fontsize=8)


def _matrix(axes: Any, measured: Evaluation) -> None:
    names = [_plain(c.name, 18) for c in measured.classes]
    count = len(names)
    strengths = shares(measured)
    right = np.eye(count, dtype=bool)
    colors = np.where(right[..., None], _rgb(_TRAIN), _rgb(_VAL))
    opaque = np.where(right, strengths, strengths**0.5)[..., None]
    axes.imshow(_PAPER * (1 - opaque) + opaque * colors, interpolation="nearest")
    if count <= MOST_NUMBERS:
        for edge in range(1, count):
            axes.axhline(edge - 0.5, color="white", linewidth=1.5)
            axes.axvline(edge - 0.5, color="white", linewidth=1.5)
    title = f"confusion matrix, {_plain(measured.split, 40)}: rows are classes"
    axes.set_title(title, size=10, loc="left", parse_math=False)
    axes.set_xlabel("called", size=9)
    if count <= _NAMES:
        look = {"size": 8 if count <= 20 else 5, "parse_math": False}
        axes.set_xticks(range(count), names, rotation=0 if max(map(len, names)) <= 3 else 90, **look)
        axes.set_yticks(range(count), names, **look)
    if count <= MOST_NUMBERS:
        for i, j in zip(*np.nonzero(strengths), strict=True):
            ink = "white" if opaque[i, j, 0] > 0.55 else INK
            size = 9.0 if count <= 12 else 6.0 if count <= 25 else 4.5
            axes.text(j, i, f"{measured.confusion[i][j]}", ha="center", va="center", color=ink, size=size)
    axes.tick_params(length=0, colors=FAINT)
    axes.spines[:].set_visible(False)


def _calibration(axes: Any, measured: Evaluation) -> None:
    bins = measured.calibration
    held = [(i, b) for i, b in enumerate(bins) if b.count]
    middles = [(i + 0.5) / len(bins) for i, _ in held]
    most = max(b.count for _, b in held)
    strengths = [(*_rgb(_TRAIN), 0.25 + 0.75 * b.count / most) for _, b in held]
    axes.bar(middles, [b.accuracy for _, b in held], 0.9 / len(bins), color=strengths)
    for middle, (_, b) in zip(middles, held, strict=True):
        axes.plot((middle - 0.45 / len(bins), middle + 0.45 / len(bins)), (b.confidence,) * 2, color=_VAL)
    axes.plot((0, 1), (0, 1), color=FAINT, linewidth=0.8, linestyle="--")
    axes.set_title(f"calibration error {measured.calibration_error:.2%}", size=10, loc="left")
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.set_xlabel("confidence", size=9)
    _quiet(axes)


def _classes(axes: Any, measured: LabelEvaluation | None) -> None:
    """Draw the F1 of the weakest labels, where no confusion matrix can be."""
    axes.set_title("weakest labels, F1" if measured else "not measured", size=10, loc="left")
    worst = worst_classes(measured, 20)[::-1] if measured else []
    axes.barh(range(len(worst)), [c.f1 or 0 for c in worst], color=_TRAIN)
    axes.set_yticks(range(len(worst)), [_plain(c.name, 24) for c in worst], size=8, parse_math=False)
    axes.set_xlim(0, 1)
    _quiet(axes)


def _words(axes: Any, summary: Summary) -> None:
    axes.axis("off")
    lines = [*_weakest(summary.evaluation), ("settings that differ from their defaults", True)]
    changed = changed_settings(summary.record.training)
    lines += [(_plain(f"{name} {value}", 56), False) for name, value in list(changed.items())[:7]]
    y = 1.0
    for line, heading in lines:
        y -= 0.04 if heading and y < 1 else 0
        look = {"weight": "bold", "color": INK} if heading else {"color": FAINT}
        axes.text(0, y, line, size=8.5, va="top", parse_math=False, transform=axes.transAxes, **look)
        y -= 0.078


def _weakest(measured: Evaluation | LabelEvaluation | None) -> list[tuple[str, bool]]:
    if not isinstance(measured, Evaluation):
        return []
    found = [
        _plain(f"{each.right} called {each.called}: {each.count:,} ({each.share:.0%})", 56)
        for each in confusions(measured, 4)
    ]
    return [("most frequent confusions", True), *((line, False) for line in found or ["none"])]


def _quiet(axes: Any) -> None:
    axes.tick_params(colors=FAINT, labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", linewidth=0.4)
    axes.set_axisbelow(True)


def _rgb(color: str) -> np.ndarray:
    return np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def _plain(text: str, most: int = 80) -> str:
    line = printable(text)
    return line if len(line) <= most else f"{line[: most - 1]}…"
