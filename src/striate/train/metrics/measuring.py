"""`evaluate`: how well a module answers on a data set. Legend: N images, K classes."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from striate.data import AnyDataset, Preprocess
from striate.train.metrics.answers import EVALUATION_BATCH, outputs
from striate.train.metrics.calibration import binned
from striate.train.metrics.evaluation import ClassScore, Evaluation
from striate.train.metrics.labels import LabelEvaluation, average_precision

__all__ = ["evaluate", "scored"]


def evaluate(
    module: nn.Module,
    dataset: AnyDataset,
    preprocess: Preprocess,
    class_names: tuple[str, ...],
    split: str = "test",
    device: torch.device | str = "cpu",
    views: str = "center",
) -> Evaluation | LabelEvaluation:
    """Measure ``module``, which gives logits ``(N, K)``, on ``dataset``, piece by piece.

    Of several ``views`` of an image the mean probabilities count; see `striate.data.augment.VIEWS`.
    """
    several = dataset.targets.ndim > 1
    with (
        closing(dataset.pieces(EVALUATION_BATCH)) as pieces,
        closing(
            outputs(module, pieces, preprocess, torch.device(device), views, several_labels=several)
        ) as answers,
    ):
        return scored(answers, dataset.targets, class_names, split, dataset.skipped)


def scored(
    answers: Iterable[Tensor],
    targets: Tensor,
    class_names: tuple[str, ...],
    split: str,
    skipped: tuple[str, ...] = (),
) -> Evaluation | LabelEvaluation:
    """Measure logits, pieces of ``(n, K)`` that make up ``(N, K)``, against targets.

    Args:
        answers: The pieces.
        targets: int64 ``(N,)``; or ``(N, K)`` of 0 and 1, several labels an image.
        class_names: K names.
        split: What was measured.
        skipped: Images that were left out.
    """
    measure = _scored_labels if targets.ndim > 1 else _scored
    return measure(answers, targets, class_names, split, skipped)


def _scored(
    answers: Iterable[Tensor],
    targets: Tensor,
    class_names: tuple[str, ...],
    split: str,
    skipped: tuple[str, ...],
) -> Evaluation:
    count, done = len(class_names), 0
    called, sure, among, losses = [], [], [], []
    for logits in answers:
        right = targets[done : done + len(logits)]
        done += len(logits)
        called.append(logits.argmax(1))
        nearest = logits.topk(min(5, count), dim=1).indices
        among.append((nearest == right[:, None]).any(1))
        logs = logits.double().log_softmax(1)
        losses.append(F.nll_loss(logs, right, reduction="none"))
        sure.append(logs.amax(1).exp())
    answered = torch.cat(called)
    confusion = torch.bincount(targets * count + answered, minlength=count * count).reshape(count, count)
    return Evaluation(
        split=split,
        images=len(targets),
        accuracy=(answered == targets).double().mean().item(),
        top5=torch.cat(among).double().mean().item(),
        loss=torch.cat(losses).mean().item(),
        classes=_class_scores(confusion.diagonal(), confusion.sum(1), confusion.sum(0), class_names),
        confusion=tuple(map(tuple, confusion.tolist())),
        skipped=skipped,
        calibration=binned(torch.cat(sure), answered == targets),
    )


def _scored_labels(
    answers: Iterable[Tensor],
    targets: Tensor,
    class_names: tuple[str, ...],
    split: str,
    skipped: tuple[str, ...],
) -> LabelEvaluation:
    logits = torch.cat(list(answers)).double()
    called, truths = logits > 0, targets > 0.5
    return LabelEvaluation(
        split=split,
        images=len(targets),
        accuracy=(called == truths).all(1).double().mean().item(),
        loss=F.binary_cross_entropy_with_logits(logits, truths.double()).item(),
        classes=_class_scores((called & truths).sum(0), truths.sum(0), called.sum(0), class_names),
        average_precisions=tuple(map(average_precision, logits.unbind(1), truths.unbind(1))),
        skipped=skipped,
    )


def _class_scores(
    hits: Tensor, support: Tensor, called: Tensor, names: tuple[str, ...]
) -> tuple[ClassScore, ...]:
    scores = []
    for name, right, real, said in zip(names, hits.tolist(), support.tolist(), called.tolist(), strict=True):
        precision = right / said if said else None
        recall = right / real if real else None
        f1 = 2 * right / (real + said) if real and said else None
        scores.append(ClassScore(name, real, precision, recall, f1))
    return tuple(scores)
