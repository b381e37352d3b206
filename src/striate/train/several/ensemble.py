"""`evaluate_ensemble`: how well several runs answer, alone and together, by the mean of their probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

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
from striate.train.several.scores import Scores

__all__ = ["EnsembleEvaluation", "answers", "check_members", "evaluate_ensemble", "evaluate_members"]


@dataclass(frozen=True, repr=False)
class EnsembleEvaluation:
    """How well several runs answer on one split.

    Attributes:
        together: Their mean answer.
        members: What each reaches alone.
    """

    together: Evaluation | LabelEvaluation
    members: Scores

    @property
    def accuracy(self) -> float:
        """That of the mean answer."""
        return self.together.accuracy

    def to_data(self) -> dict[str, Any]:
        """Return the evaluation as it stands in the JSON of ``striate eval``."""
        return self.together.to_data() | {"members": self.members.to_data()}

    def table(self) -> list[str]:
        """Return the lines of a table of the members, their mean and standard deviation, and all together."""
        return self.members.lines({"together": self.together})

    def __str__(self) -> str:
        return "\n".join([*self.table(), "", str(self.together)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


def evaluate_ensemble(
    members: Sequence[RunFolder],
    data: str | Path | Source | None = None,
    split: str = "test",
    *,
    device: str = "auto",
    skip_bad_images: bool = False,
    views: str = "center",
) -> EnsembleEvaluation:
    """Measure runs that know the same classes, and their mean answer.

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
    together, alone = evaluate_members(
        members, data, split, device=device, skip_bad_images=skip_bad_images, views=views
    )
    return EnsembleEvaluation(together, Scores.of([member.path.name for member in members], alone))


def evaluate_members(
    members: Sequence[RunFolder],
    data: str | Path | Source | None,
    split: str,
    *,
    device: str,
    skip_bad_images: bool,
    views: str = "center",
) -> tuple[Evaluation | LabelEvaluation, list[Evaluation | LabelEvaluation]]:
    """Return the measures of the mean answer of runs, and of each alone; see `evaluate_ensemble`."""
    check_members(members)
    check_views(views)
    first = members[0]
    for member in members[1:]:
        if data is None and member.record.fingerprint != first.record.fingerprint:
            raise DataError(
                f"{first.path} was trained on {first.record.data} and {member.path} on {member.record.data}, or on "
                "another state of it; say what to measure them on: --data SOURCE (data=…)."
            )
    where = resolve_device(device)
    source = opened(first.record.data, first.record.fingerprint, data)
    given: list[Tensor] = []
    loaded = None
    for member in members:
        preprocess = with_room(member.record.preprocess, views)
        wanted = (preprocess.stored_shape, preprocess.resize)
        if wanted != loaded:  # else the images of the member before serve
            loaded = wanted
            dataset = data_of(member.record, source, split, preprocess, skip_bad_images=skip_bad_images)
        given.append(answers(member.module(), dataset, preprocess, where, views))

    def measured(logits: Tensor) -> Evaluation | LabelEvaluation:
        return scored([logits], dataset.targets, first.record.class_names, split, dataset.skipped)

    alone = [measured(logits) for logits in given]
    return measured(mean_answer(given, several_labels=dataset.targets.ndim > 1)), alone


def answers(
    module: nn.Module,
    dataset: AnyDataset,
    preprocess: Preprocess,
    where: torch.device,
    views: str = "center",
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
        if member.record.several_labels != first.record.several_labels:
            raise RunError(
                f"{first.path} and {member.path}: one was trained to give several labels and the other one; the "
                "members of an ensemble must give alike."
            )
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
