"""What two runs answer to the same images. Legend: N images, K classes, in the order of the first run."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from striate.data import AnyDataset, Source
from striate.train.differences.report import Answer, AnswerDifferences, ChangedAnswer
from striate.train.folder import RunRecord
from striate.train.measure import data_of
from striate.train.metrics import EVALUATION_BATCH, outputs

__all__ = ["TrainedRun", "compare_answers"]


class TrainedRun(Protocol):
    """A `Run`, or a `RunFolder`."""

    @property
    def path(self) -> Path:
        """The run folder."""

    @property
    def record(self) -> RunRecord:
        """The resolved configuration."""

    def module(self) -> nn.Module:
        """Return the trained module."""


@dataclass(frozen=True)
class _Answers:
    """What a run answers.

    Attributes:
        called: bool ``(N, K)``: the class, or the labels, that it names.
        probabilities: float32 ``(N, K)``.
        sure: Probability of the whole answer, ``(N,)``.
    """

    called: Tensor
    probabilities: Tensor
    sure: Tensor


def compare_answers(
    first: TrainedRun, second: TrainedRun, source: Source, split: str, top: int, where: torch.device
) -> AnswerDifferences:
    """Compare what two runs that know the same classes answer to a split of ``source``.

    Args:
        first: One run.
        second: The other; its classes may stand in another order, and its network take images of another shape.
        source: Where the images come from.
        split: Which of them.
        top: Images to name whose answers changed.
        where: The device to compute on. One run's network is in memory at a time.

    Raises:
        DataError: as `data_of`.
        RunError, WeightsError: if a run has no weights, or they do not fit.
    """
    names = first.record.class_names
    dataset = data_of(first.record, source, split, first.record.preprocess, skip_bad_images=False)
    ours = _answers(first, dataset, list(range(len(names))), where)
    theirs_dataset = (
        dataset
        if _loads_alike(first.record, second.record)
        else data_of(second.record, source, split, second.record.preprocess, skip_bad_images=False)
    )
    theirs = _answers(
        second, theirs_dataset, [second.record.class_names.index(name) for name in names], where
    )
    truth = dataset.targets > 0.5 if dataset.targets.ndim > 1 else F.one_hot(dataset.targets, len(names)) > 0
    right, right_then = ((answers.called == truth).all(1) for answers in (ours, theirs))
    changed = (ours.called != theirs.called).any(1)

    def example(number: int) -> ChangedAnswer:
        first_answer, second_answer = (
            Answer(classes=_named(a.called[number], names), probability=a.sure[number].item())
            for a in (ours, theirs)
        )
        return ChangedAnswer(
            number=number,
            name=source.record(split, number).name,
            truth=_named(truth[number], names),
            first=first_answer,
            second=second_answer,
        )

    return AnswerDifferences(
        data=source.name,
        split=split,
        images=len(truth),
        accuracies=(right.double().mean().item(), right_then.double().mean().item()),
        right_to_wrong=int((right & ~right_then).sum()),
        wrong_to_right=int((~right & right_then).sum()),
        wrong_to_wrong=int((changed & ~right & ~right_then).sum()),
        shift=(ours.probabilities - theirs.probabilities).abs().max().item(),
        examples=tuple(map(example, changed.nonzero()[:top, 0].tolist())),
    )


def _loads_alike(first: RunRecord, second: RunRecord) -> bool:
    """Return whether both runs take the same pixels and the same targets."""

    def taken(record: RunRecord) -> object:
        preprocess = record.preprocess
        return preprocess.stored_shape, preprocess.resize, record.class_names, record.several_labels

    return taken(first) == taken(second)


def _answers(run: TrainedRun, dataset: AnyDataset, order: list[int], where: torch.device) -> _Answers:
    """Return what ``run`` answers, its classes in another order."""
    several = dataset.targets.ndim > 1
    module, preprocess = run.module().to(where), run.record.preprocess
    with closing(dataset.pieces(EVALUATION_BATCH)) as pieces:
        logits = torch.cat(list(outputs(module, pieces, preprocess, where)))[:, order]
    if several:
        shares = logits.sigmoid()
        called = logits > 0
        return _Answers(called, shares, torch.where(called, shares, 1 - shares).prod(1))
    shares = logits.softmax(1)
    sure, best = shares.max(1)
    return _Answers(F.one_hot(best, len(order)) > 0, shares, sure)


def _named(marks: Tensor, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(names[number] for number in marks.nonzero()[:, 0].tolist())
