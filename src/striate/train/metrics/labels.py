"""What a module answers where an image may have several labels, in figures and a table.

A label is called where its probability, the sigmoid of its logit, is above one half.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from html import escape
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from striate.train.metrics.evaluation import ClassScore, macro_f1, percent

__all__ = ["LabelEvaluation", "average_precision"]


@dataclass(frozen=True, repr=False)
class LabelEvaluation:
    """How well a module answers on one split whose images may have several labels.

    Attributes:
        images: Number of images.
        accuracy: Share of images all of whose labels are right.
        loss: Mean binary cross-entropy over images and labels in nats.
        classes: One row per label.
        average_precisions: Of each label, the mean precision where its images are found in the order of their scores;
            None if there are none.
        skipped: Images that could not be read and were left out.
    """

    split: str
    images: int
    accuracy: float
    loss: float
    classes: tuple[ClassScore, ...]
    average_precisions: tuple[float | None, ...]
    skipped: tuple[str, ...] = ()

    @property
    def mean_average_precision(self) -> float:
        """Mean of the labels' average precisions; nan if no image has a label."""
        known = [precision for precision in self.average_precisions if precision is not None]
        return fmean(known) if known else float("nan")

    @property
    def score(self) -> float:
        """By which the best of several is chosen: the mean average precision, or 0 if no image has a label."""
        return 0.0 if math.isnan(self.mean_average_precision) else self.mean_average_precision

    @property
    def macro_f1(self) -> float:
        """Mean F1 of the labels that images have or that were called; 0 of those without a hit."""
        return macro_f1(self.classes)

    def to_data(self) -> dict[str, Any]:
        """Return the evaluation as it stands in the JSON of ``striate eval``."""
        fields = dataclasses.asdict(self)
        tables = {name: fields.pop(name) for name in ("classes", "average_precisions", "skipped")}
        derived = ("mean_average_precision", "macro_f1")
        return fields | {name: getattr(self, name) for name in derived} | tables

    def __str__(self) -> str:
        lines = [
            f"{self.split}: mean average precision {self.mean_average_precision:.2%} of {self.images:,} images, "
            f"macro-F1 {self.macro_f1:.2%}, all labels right {self.accuracy:.2%}, loss {self.loss:.4f}"
        ]
        if self.skipped:
            lines.append(f"{len(self.skipped)} images could not be read and were left out")
        width = max(len("label"), *(len(c.name) for c in self.classes))
        lines += ["", f"{'label':<{width}}  images  precision  recall     f1  average precision"]
        for c, precision in zip(self.classes, self.average_precisions, strict=True):
            columns = ((c.precision, 11), (c.recall, 8), (c.f1, 7), (precision, 19))
            shares = "".join(f"{percent(v):>{w}}" for v, w in columns)
            lines.append(f"{c.name:<{width}}  {c.support:>6}{shares}")
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


def average_precision(scores: Tensor, truths: Tensor) -> float | None:
    """Return Σ (recall − recall before)·precision over the thresholds that ``scores`` ``(N,)`` are, falling.

    None if none of ``truths`` ``(N,)``, of 0 and 1, is 1.
    """
    total = int(truths.sum())
    if not total:
        return None
    falling, order = scores.sort(descending=True, stable=True)
    ends = torch.cat([(falling[1:] != falling[:-1]).nonzero()[:, 0], torch.tensor([len(scores) - 1])])
    hits = truths[order].double().cumsum(0)[ends]
    gained = hits.diff(prepend=torch.zeros(1, dtype=torch.float64))
    return float((gained * hits / (ends + 1)).sum() / total)
