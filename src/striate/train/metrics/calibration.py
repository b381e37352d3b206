"""How far probabilities can be believed: of the answers that are 80 % sure, 80 % should be right (Guo et al. 2017)."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from striate.analyze import PICTURE_FORMATS
from striate.errors import ConfigError, DescriptionError, RunError
from striate.spec.files import write

__all__ = ["BINS", "Bin", "binned", "calibration_error", "draw_calibration", "mean_confidence"]

BINS = 15
"""Of equal width, over the probabilities 0 to 1; the upper end of each belongs to it."""


@dataclass(frozen=True)
class Bin:
    """The answers whose confidence, the probability of the class called, lies in one bin.

    Attributes:
        count: How many.
        confidence: Their mean confidence; None if there are none.
        accuracy: Share of them that is right; None if there are none.
    """

    count: int
    confidence: float | None
    accuracy: float | None


def binned(confidences: Tensor, right: Tensor) -> tuple[Bin, ...]:
    """Return the `BINS` bins of answers of some confidences ``(N,)``, of which some are ``right``, bool ``(N,)``."""
    ends = torch.arange(1, BINS, dtype=torch.float64) / BINS
    numbers = torch.bucketize(confidences.double(), ends)
    counts = torch.bincount(numbers, minlength=BINS).tolist()
    sums = torch.bincount(numbers, weights=confidences.double(), minlength=BINS).tolist()
    hits = torch.bincount(numbers, weights=right.double(), minlength=BINS).tolist()
    return tuple(
        Bin(n, s / n if n else None, h / n if n else None) for n, s, h in zip(counts, sums, hits, strict=True)
    )


def calibration_error(bins: Sequence[Bin]) -> float:
    """Return the expected calibration error: the mean over answers of |accuracy − confidence| of their bin."""
    return _mean((n, abs(accuracy - confidence)) for _, n, confidence, accuracy in _filled(bins))


def mean_confidence(bins: Sequence[Bin]) -> float:
    """Return the mean over answers of their confidence."""
    return _mean((n, confidence) for _, n, confidence, _ in _filled(bins))


def draw_calibration(bins: Sequence[Bin], title: str, path: Path) -> None:
    """Write the reliability diagram: of each bin the accuracy, how far the confidence is from it, and the count.

    Raises:
        ConfigError: if the name ends otherwise than with ``.svg`` or ``.png``.
        RunError: if it cannot be written; what stood there before is kept.
    """
    suffix = path.suffix.lower()
    if suffix not in PICTURE_FORMATS:
        raise ConfigError(f"{path}: must end with {' or '.join(PICTURE_FORMATS)}, which say how it is drawn.")
    drawn = _drawn(bins, title, suffix.removeprefix("."))
    try:
        write(path, drawn)
    except DescriptionError as error:
        raise RunError(str(error)) from None


def _drawn(bins: Sequence[Bin], title: str, form: str) -> bytes:
    from matplotlib.figure import Figure  # which takes long to load

    from striate.analyze.drawing.page import COLORS, FAINT, plain_style

    numbers, counts, confidences, accuracies = zip(*_filled(bins), strict=True)
    width = 1 / len(bins)
    middles = [(number + 0.5) * width for number in numbers]
    gaps = [confidence - accuracy for confidence, accuracy in zip(confidences, accuracies, strict=True)]
    written = io.BytesIO()
    with plain_style():
        figure = Figure(figsize=(4.4, 4.6), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": (4, 1)})
        upper.bar(middles, accuracies, width, color=COLORS[1], edgecolor="white", label="accuracy")
        hatched: dict[str, Any] = {"color": "none", "edgecolor": COLORS[4], "hatch": "///", "linewidth": 0.8}
        upper.bar(middles, gaps, width, accuracies, label="from there to confidence", **hatched)
        upper.plot((0, 1), (0, 1), color=FAINT, linewidth=0.8, linestyle="--")
        upper.set(xlim=(0, 1), ylim=(0, 1), ylabel="accuracy")
        upper.set_title(title, size=10, parse_math=False)
        upper.legend(loc="upper left", frameon=False, fontsize=8)
        lower.bar(middles, counts, width, color=FAINT, edgecolor="white")
        lower.set(xlabel="confidence", ylabel="images")
        about = {"Date": None, "Creator": None} if form == "svg" else {"Software": None}
        figure.savefig(written, format=form, metadata=about, dpi=144)
    return written.getvalue()


def _filled(bins: Sequence[Bin]) -> Iterator[tuple[int, int, float, float]]:
    """Yield number, count, confidence and accuracy of the bins that hold answers."""
    for number, each in enumerate(bins):
        if each.confidence is not None and each.accuracy is not None:
            yield number, each.count, each.confidence, each.accuracy


def _mean(counted: Iterable[tuple[int, float]]) -> float:
    """Return the mean of values, each of which stands so many times."""
    held = list(counted)
    return sum(n * value for n, value in held) / sum(n for n, _ in held)
