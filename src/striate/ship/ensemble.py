"""`predict_ensemble`: classes and probabilities of images by several runs together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from PIL import Image

from striate.ship.predict import Asked, Classifier, Prediction, answers, parts
from striate.train import RunFolder
from striate.train.several.ensemble import check_members

__all__ = ["predict_ensemble"]


def predict_ensemble(
    members: Sequence[RunFolder],
    images: Iterable[str | Path | Image.Image],
    top: int = 5,
    *,
    device: str = "auto",
    views: str = "center",
    threshold: float | None = None,
) -> list[Prediction]:
    """Return the classes of ``images``, in order, by the mean of the probabilities of runs of the same classes.

    One member is in memory at a time, which reads the images anew, as its preprocessing wants them.

    Args:
        members: The runs, each of a described network.
        images: Files, or images already open.
        top: How many classes to give for each image; fewer if fewer are known.
        device: Where to compute.
        views: As in `predict`.
        threshold: As in `predict`.

    Raises:
        RunError: if there are no members, if they know different classes, or if one has no weights.
        ConfigError, DataError: as `predict`.
    """
    check_members(members)
    first = members[0].record
    classes, several = first.class_names, first.several_labels
    asked = Asked(classes, top, threshold, several_labels=several)
    every = [image for part in parts(images) for image in part]
    names = [""] * len(every)
    totals = [torch.zeros(len(classes), dtype=torch.float64) for _ in every]
    for member in members:
        one = Classifier(str(member.path), member.module(), member.record.preprocess, classes, several)
        for i, (name, probabilities) in enumerate(answers(one, every, device, views)):
            names[i] = name
            totals[i] += probabilities
        del one  # before the next is loaded
    return [asked.prediction(name, total / len(members)) for name, total in zip(names, totals, strict=True)]
