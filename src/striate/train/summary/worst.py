"""What a network answers worst: its weakest classes, and the pairs that it mixes up most often."""

from __future__ import annotations

from dataclasses import dataclass

from striate.train.metrics import ClassScore, Evaluation, LabelEvaluation

__all__ = ["Confusion", "confusions", "worst_classes"]


@dataclass(frozen=True, slots=True)
class Confusion:
    """Images of one class that were called another.

    Attributes:
        share: Of all images of that class.
    """

    right: str
    called: str
    count: int
    share: float


def worst_classes(evaluation: Evaluation | LabelEvaluation, most: int = 8) -> list[ClassScore]:
    """Return the classes with the lowest F1, the worst first; those without a flaw or an image are left out."""
    flawed = [c for c in evaluation.classes if c.support and (c.f1 or 0.0) < 1]
    return sorted(flawed, key=lambda c: (c.f1 or 0.0, c.recall or 0.0))[:most]


def confusions(evaluation: Evaluation, most: int = 8) -> list[Confusion]:
    """Return the most frequent mistakes, those that take more of their class first among equals."""
    classes = evaluation.classes
    found = [
        Confusion(classes[i].name, classes[j].name, count, count / classes[i].support)
        for i, row in enumerate(evaluation.confusion)
        for j, count in enumerate(row)
        if count and i != j
    ]
    return sorted(found, key=lambda each: (-each.count, -each.share))[:most]
