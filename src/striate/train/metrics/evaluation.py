"""What a module answers, one label an image, in figures and tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from statistics import fmean
from typing import Any

from striate.train.metrics.calibration import Bin, calibration_error, draw_calibration, mean_confidence

__all__ = ["ClassScore", "Evaluation", "macro_f1", "percent"]


@dataclass(frozen=True)
class ClassScore:
    """How one class fared.

    Attributes:
        support: Images of the class.
        precision: Share of the images called this class that are; None if none was called so.
        recall: Share of the class's images called so; None if it has no images.
        f1: Harmonic mean of both; None where either is.
    """

    name: str
    support: int
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True, repr=False)
class Evaluation:
    """How well a module answers on one split.

    Attributes:
        images: Number of images.
        accuracy: Share of images whose most probable class is the right one.
        top5: Share of images whose right class is among the five most probable.
        loss: Mean cross-entropy in nats.
        classes: One row per class.
        confusion: ``confusion[i][j]`` images of class i were called j.
        skipped: Images that could not be read and were left out.
        calibration: Fifteen bins of equal width of the probability of the class called.
    """

    split: str
    images: int
    accuracy: float
    top5: float
    loss: float
    classes: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...]
    skipped: tuple[str, ...] = ()
    calibration: tuple[Bin, ...] = ()

    @property
    def score(self) -> float:
        """By which the best of several is chosen: the accuracy."""
        return self.accuracy

    @property
    def balanced_accuracy(self) -> float:
        """Mean recall of the classes that have images."""
        return fmean(c.recall for c in self.classes if c.recall is not None)

    @property
    def macro_f1(self) -> float:
        """Mean F1 of the classes that have images or were called; 0 of those without a hit."""
        return macro_f1(self.classes)

    @property
    def mean_confidence(self) -> float:
        """Mean probability of the class called."""
        return mean_confidence(self.calibration)

    @property
    def calibration_error(self) -> float:
        """Expected calibration error: mean distance of accuracy and confidence, bin by bin (Guo et al. 2017)."""
        return calibration_error(self.calibration)

    def mistaken_for(self, index: int) -> tuple[str, int] | None:
        """Return what class ``index`` is most often called instead, and how often; None if never."""
        others = [(count, j) for j, count in enumerate(self.confusion[index]) if count and j != index]
        if not others:
            return None
        count, other = max(others, key=lambda pair: pair[0])
        return self.classes[other].name, count

    def plot_calibration(self, path: str | Path) -> None:
        """Draw the reliability diagram: accuracy over confidence, and how many images have which.

        Args:
            path: Where to write; ``.svg`` or ``.png`` at its end says how.

        Raises:
            ConfigError: if the name ends otherwise.
            RunError: if it cannot be written.
        """
        title = f"{self.split}: calibration error {self.calibration_error:.1%}"
        draw_calibration(self.calibration, title, Path(path))

    def to_data(self) -> dict[str, Any]:
        """Return the evaluation as it stands in the JSON of ``striate eval``."""
        fields = dataclasses.asdict(self)
        tables = {name: fields.pop(name) for name in ("classes", "confusion", "calibration", "skipped")}
        derived = ("balanced_accuracy", "macro_f1", "mean_confidence", "calibration_error")
        return fields | {name: getattr(self, name) for name in derived} | tables

    def __str__(self) -> str:
        lines = [
            f"{self.split}: accuracy {self.accuracy:.2%} of {self.images:,} images, "
            + (f"top-5 {self.top5:.2%}, " if len(self.classes) > 5 else "")
            + f"loss {self.loss:.4f}"
        ]
        if self.skipped:
            lines.append(f"{len(self.skipped)} images could not be read and were left out")
        lines.append(
            f"balanced accuracy {self.balanced_accuracy:.2%}, macro-F1 {self.macro_f1:.2%}, "
            f"mean confidence {self.mean_confidence:.2%}, calibration error {self.calibration_error:.2%}"
        )
        width = max(len("class"), *(len(c.name) for c in self.classes))
        lines += ["", f"{'class':<{width}}  images  precision  recall     f1  most often called instead"]
        for i, c in enumerate(self.classes):
            shares = "".join(f"{percent(v):>{w}}" for v, w in ((c.precision, 11), (c.recall, 8), (c.f1, 7)))
            other = self.mistaken_for(i)
            told = "" if other is None else f"{other[0]} ({other[1]})"
            lines.append(f"{c.name:<{width}}  {c.support:>6}{shares}  {told}".rstrip())
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        names = [escape(c.name) for c in self.classes]
        head = "".join(f"<th>{name}</th>" for name in names)
        most = max(1, *(max(row) for row in self.confusion))
        rows = "".join(
            f"<tr><th>{name}</th>"
            + "".join(f'<td style="background:rgba(66,133,244,{n / most:.2f})">{n or ""}</td>' for n in row)
            + "</tr>"
            for name, row in zip(names, self.confusion, strict=True)
        )
        return f"<pre>{escape(str(self))}</pre><table><tr><th>true \\ called</th>{head}</tr>{rows}</table>"


def percent(share: float | None) -> str:
    """Return a share as it stands in a table."""
    return "–" if share is None else f"{share:.1%}"


def macro_f1(classes: Iterable[ClassScore]) -> float:
    """Return the mean F1 of the classes that have images or were called; 0 of those without a hit."""
    return fmean(c.f1 or 0.0 for c in classes if c.support or c.precision is not None)
