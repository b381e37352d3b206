"""What the pictures of summaries have in common: the matrix, calibration, the weakest labels, words, axes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.ticker import LogLocator

from striate.analyze.drawing.page import COLORS, FAINT, INK
from striate.errors import printable
from striate.train.config import TrainConfig
from striate.train.metrics import Evaluation, LabelEvaluation
from striate.train.settings import changed_settings
from striate.train.summary.elements import shown
from striate.train.summary.matrix import MOST_NUMBERS, shares
from striate.train.summary.scales import MANY
from striate.train.summary.worst import confusions, worst_classes

__all__ = [
    "KEPT",
    "RATE",
    "TRAIN",
    "VAL",
    "answers",
    "changed_lines",
    "halves",
    "most_confused",
    "of_ratios",
    "plain",
    "titled",
    "words",
]

TRAIN, VAL, RATE, KEPT = COLORS[1], COLORS[2], COLORS[5], COLORS[3]

_NAMES = 60
_PAPER = 0.965
_LINES = 13
_SETTINGS = 7


def answers(where: Any, measured: Evaluation | LabelEvaluation | None) -> Any:
    """Draw the matrix and calibration, or the weakest labels; return the axes that are left for words."""
    left, right = halves(where, (1, 2), width_ratios=(1.5, 1))
    above, below = halves(right, (2, 1), height_ratios=(1.15, 1))
    if not isinstance(measured, Evaluation):
        _classes(left.subplots(), measured)
        return above.subplots()
    _matrix(left.subplots(), measured)
    _calibration(above.subplots(), measured)
    return below.subplots()


def _matrix(axes: Any, measured: Evaluation) -> None:
    names = [plain(c.name, 18) for c in measured.classes]
    count = len(names)
    strengths = shares(measured)
    right = np.eye(count, dtype=bool)
    colors = np.where(right[..., None], _rgb(TRAIN), _rgb(VAL))
    opaque = np.where(right, strengths, strengths**0.5)[..., None]
    axes.imshow(_PAPER * (1 - opaque) + opaque * colors, interpolation="nearest")
    if count <= MOST_NUMBERS:
        for edge in range(1, count):
            axes.axhline(edge - 0.5, color="white", linewidth=1.5)
            axes.axvline(edge - 0.5, color="white", linewidth=1.5)
    title = f"confusion matrix, {plain(measured.split, 40)}: rows are classes"
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
    strengths = [(*_rgb(TRAIN), 0.25 + 0.75 * b.count / most) for _, b in held]
    axes.bar(middles, [b.accuracy for _, b in held], 0.9 / len(bins), color=strengths)
    for middle, (_, b) in zip(middles, held, strict=True):
        axes.plot((middle - 0.45 / len(bins), middle + 0.45 / len(bins)), (b.confidence,) * 2, color=VAL)
    axes.plot((0, 1), (0, 1), color=FAINT, linewidth=0.8, linestyle="--")
    axes.set_title(f"calibration error {measured.calibration_error:.2%}", size=10, loc="left")
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.set_xlabel("confidence", size=9)
    _quiet(axes)


def _classes(axes: Any, measured: LabelEvaluation | None) -> None:
    """Draw the F1 of the weakest labels, where no confusion matrix can be."""
    axes.set_title("weakest labels, F1" if measured else "not measured", size=10, loc="left")
    worst = worst_classes(measured, 20)[::-1] if measured else []
    if not worst:
        axes.axis("off")
        axes.text(0, 0.96, "none: all are right" if measured else "", size=9, color=FAINT, va="top")
        return
    axes.barh(range(len(worst)), [c.f1 or 0 for c in worst], color=TRAIN)
    axes.set_yticks(range(len(worst)), [plain(c.name, 24) for c in worst], size=8, parse_math=False)
    axes.set_xlim(0, 1)
    _quiet(axes)


def words(axes: Any, parts: Iterable[tuple[str, Iterable[str]]]) -> None:
    """Write lines below headings, as many as there is room for."""
    axes.axis("off")
    lines = [pair for heading, rest in parts for pair in ((heading, True), *((line, False) for line in rest))]
    y = 1.0
    for line, heading in lines[:_LINES]:
        y -= 0.04 if heading and y < 1 else 0
        look = {"weight": "bold", "color": INK} if heading else {"color": FAINT}
        axes.text(
            0, y, plain(line, 56), size=8.5, va="top", parse_math=False, transform=axes.transAxes, **look
        )
        y -= 0.078


def changed_lines(config: TrainConfig) -> tuple[str, list[str]]:
    """Return the settings that differ from their defaults, below their heading, as many as there is room for."""
    lines = [f"{name} {shown(value)}" for name, value in changed_settings(config).items()]
    more = [f"and {len(lines) - _SETTINGS + 1} more"] if len(lines) > _SETTINGS else []
    return "settings that differ from their defaults", [*lines[: _SETTINGS - len(more)], *more] or ["none"]


def most_confused(measured: Evaluation | LabelEvaluation | None) -> list[tuple[str, list[str]]]:
    """Return the most frequent confusions as words."""
    if not isinstance(measured, Evaluation):
        return []
    found = [
        f"{each.right} called {each.called}: {each.count:,} ({each.share:.0%})"
        for each in confusions(measured, 4)
    ]
    return [("most frequent confusions", found or ["none"])]


def of_ratios(axes: Any, values: Any) -> None:
    """Make the upright axis one of ratios if the largest of some losses is many times the smallest."""
    losses = np.asarray(values, dtype=float)
    positive = losses[np.isfinite(losses) & (losses > 0)]
    if len(positive) and positive.max() > MANY * positive.min():
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("")


def titled(axes: Any, title: str, below: str = "epoch") -> None:
    """Give a chart its title and the name of its lower axis."""
    axes.set_title(title, size=10, loc="left", parse_math=False)
    axes.set_xlabel(below, size=9)
    _quiet(axes)


def halves(figure: Any, shape: tuple[int, int], **ratios: tuple[float, float]) -> Any:
    """Return the two parts of a figure, one below or beside the other."""
    return figure.subfigures(*shape, **ratios)


def _quiet(axes: Any) -> None:
    """Draw a chart's axes and grid faintly."""
    axes.tick_params(colors=FAINT, labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", linewidth=0.4)
    axes.set_axisbelow(True)


def _rgb(color: str) -> np.ndarray:
    return np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def plain(text: str, most: int = 80) -> str:
    """Return a text in one line, cut after so many characters."""
    line = printable(text)
    return line if len(line) <= most else f"{line[: most - 1]}…"
