"""`evaluate_ensemble`: how well several runs answer together, by the mean of their probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import torch
from torch import Tensor, nn

from striate.data import AnyDataset, Preprocess, Source
from striate.data.augment import check_views, with_room
from striate.errors import DataError, RunError
from striate.train.folder import RunFolder
from striate.train.measure import data_of, opened
from striate.train.metrics import (
    EVALUATION_BATCH,
    Evaluation,
    LabelEvaluation,
    mean_answer,
    outputs,
    scored,
)
from striate.train.prepare import resolve_device

__all__ = ["check_members", "evaluate_ensemble"]


def evaluate_ensemble(
    members: Sequence[RunFolder],
    data: str | Path | Source | None = None,
    split: str = "test",
    *,
    device: str = "auto",
    skip_bad_images: bool = False,
    views: str = "center",
) -> Evaluation | LabelEvaluation:
    """Measure the mean answer of runs that know the same classes.

    They may differ in network and preprocessing. One is in memory at a time, and the answers of all, ``(N, K)`` each
    of N images and K classes.

    Args:
        members: The runs, each of a described network.
        data: A source; None means the one that all were trained on.
        split: Which split of it.
        device: Where to compute.
        skip_bad_images: Leave out images that cannot be read.
        views: As in `evaluate_run`.

    Raises:
        RunError: if there are none, if they know different classes, or if one has no weights.
        DataError: if they were trained on different data and ``data`` names none; and as `evaluate_run`.
        ConfigError: if there are no such views.
    """
    check_members(members)
    check_views(views)
    first = members[0]
    for member in members[1:]:
        if data is None and member.record.fingerprint != first.record.fingerprint:
            raise DataError(
                f"{first.path} was trained on {first.record.data} and {member.path} on {member.record.data}, or on "
                "another state of it; say what to measure them on: --data SOURCE (data=…)."
            )
    source, where = opened(first, data), resolve_device(device)
    answers: list[Tensor] = []
    loaded = None
    for member in members:
        preprocess = with_room(member.record.preprocess, views)
        wanted = (preprocess.stored_shape, preprocess.resize)
        if wanted != loaded:  # else the images of the member before serve
            loaded = wanted
            dataset = data_of(member.record, source, split, preprocess, skip_bad_images=skip_bad_images)
        answers.append(_answers(member.module(), dataset, preprocess, where, views))
    together = mean_answer(answers, several_labels=dataset.targets.ndim > 1)
    return scored([together], dataset.targets, first.record.class_names, split, dataset.skipped)


def _answers(
    module: nn.Module, dataset: AnyDataset, preprocess: Preprocess, where: torch.device, views: str
) -> Tensor:
    """Return the logits of all images, ``(N, K)``."""
    several = dataset.targets.ndim > 1
    with closing(dataset.pieces(EVALUATION_BATCH)) as pieces:
        given = outputs(module.to(where), pieces, preprocess, where, views, several_labels=several)
        return torch.cat(list(given))


def check_members(members: Sequence[RunFolder]) -> None:
    """Raise `RunError` unless ``members`` are runs whose outputs are the same classes in the same order."""
    if not members:
        raise RunError("members=[]: an ensemble needs one run or more.")
    first = members[0]
    names = first.record.class_names
    for member in members[1:]:
        others = member.record.class_names
        if others == names:
            continue
        if len(others) != len(names):
            what = f"{len(names)} classes and {member.path} {len(others)}"
        else:
            number, (mine, other) = next(
                (i, pair) for i, pair in enumerate(zip(names, others, strict=True)) if pair[0] != pair[1]
            )
            what = f"{mine!r} as class {number} and {member.path} {other!r}"
        raise RunError(
            f"{first.path} has {what}; the members of an ensemble must have the same classes in one order."
        )
