"""`evaluate`: how well a module answers on a data set."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from html import escape
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from striate.data import AnyDataset, Preprocess
from striate.data.augment import seen

__all__ = ["EVALUATION_BATCH", "ClassScore", "Evaluation", "evaluate", "forward_in_batches"]

EVALUATION_BATCH = 256
"""How many images are measured at a time."""


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
    """

    split: str
    images: int
    accuracy: float
    top5: float
    loss: float
    classes: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...]
    skipped: tuple[str, ...] = ()

    def to_data(self) -> dict[str, Any]:
        """Return the evaluation as it stands in the JSON of ``striate eval``."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        lines = [
            f"{self.split}: accuracy {self.accuracy:.2%} of {self.images:,} images, "
            + (f"top-5 {self.top5:.2%}, " if len(self.classes) > 5 else "")
            + f"loss {self.loss:.4f}"
        ]
        if self.skipped:
            lines.append(f"{len(self.skipped)} images could not be read and were left out")
        width = max(len("class"), *(len(c.name) for c in self.classes))
        lines += ["", f"{'class':<{width}}  images  precision  recall     f1  most often called instead"]
        for i, c in enumerate(self.classes):
            shares = "".join(f"{_percent(v):>{w}}" for v, w in ((c.precision, 11), (c.recall, 8), (c.f1, 7)))
            lines.append(f"{c.name:<{width}}  {c.support:>6}{shares}  {self._mistaken_for(i)}".rstrip())
        return "\n".join(lines)

    __repr__ = __str__

    def _mistaken_for(self, index: int) -> str:
        others = [(n, j) for j, n in enumerate(self.confusion[index]) if n and j != index]
        if not others:
            return ""
        count, other = max(others, key=lambda pair: pair[0])
        return f"{self.classes[other].name} ({count})"

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


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def forward_in_batches(
    module: nn.Module, images: Tensor, preprocess: Preprocess, device: torch.device, views: str = "center"
) -> Tensor:
    """Return the module's outputs ``(N, classes)`` in evaluation mode, on the CPU; its mode is restored.

    Of several views they are the logarithms of the mean probabilities; see `striate.data.augment.VIEWS`.
    """
    pieces = torch.split(images, EVALUATION_BATCH)
    return torch.cat(list(_outputs(module, pieces, preprocess, device, views)))


def _outputs(
    module: nn.Module, pieces: Iterable[Tensor], preprocess: Preprocess, device: torch.device, views: str
) -> Generator[Tensor, None, None]:
    training = module.training
    module.eval()
    try:
        with torch.inference_mode():
            for piece in pieces:
                answers = [module(view).float() for view in seen(piece.to(device), preprocess, views)]
                yield (answers[0] if len(answers) == 1 else _mean_answer(answers)).cpu()
    finally:
        module.train(training)


def _mean_answer(answers: list[Tensor]) -> Tensor:
    """Return logits of the mean of the probabilities that several logits ``(N, classes)`` stand for."""
    return torch.stack([logits.log_softmax(1) for logits in answers]).logsumexp(0) - math.log(len(answers))


def evaluate(
    module: nn.Module,
    dataset: AnyDataset,
    preprocess: Preprocess,
    class_names: tuple[str, ...],
    split: str = "test",
    device: torch.device | str = "cpu",
    views: str = "center",
) -> Evaluation:
    """Measure ``module``, which gives logits ``(N, classes)``, on ``dataset``, piece by piece.

    Of several ``views`` of an image the mean probabilities count; see `striate.data.augment.VIEWS`.
    """
    targets = dataset.targets
    count = len(class_names)
    called, among, losses = [], [], []
    with (
        closing(dataset.pieces(EVALUATION_BATCH)) as pieces,
        closing(_outputs(module, pieces, preprocess, torch.device(device), views)) as outputs,
    ):
        for logits, right in zip(outputs, torch.split(targets, EVALUATION_BATCH), strict=True):
            called.append(logits.argmax(1))
            nearest = logits.topk(min(5, count), dim=1).indices
            among.append((nearest == right[:, None]).any(1))
            losses.append(F.cross_entropy(logits.double(), right, reduction="none"))
    answers = torch.cat(called)
    confusion = torch.bincount(targets * count + answers, minlength=count * count).reshape(count, count)
    return Evaluation(
        split=split,
        images=len(targets),
        accuracy=(answers == targets).double().mean().item(),
        top5=torch.cat(among).double().mean().item(),
        loss=torch.cat(losses).mean().item(),
        classes=_class_scores(confusion, class_names),
        confusion=tuple(map(tuple, confusion.tolist())),
        skipped=dataset.skipped,
    )


def _class_scores(confusion: Tensor, names: tuple[str, ...]) -> tuple[ClassScore, ...]:
    right = confusion.diagonal().tolist()
    support = confusion.sum(1).tolist()
    called = confusion.sum(0).tolist()
    scores = []
    for name, hits, real, said in zip(names, right, support, called, strict=True):
        precision = hits / said if said else None
        recall = hits / real if real else None
        f1 = 2 * hits / (real + said) if real and said else None
        scores.append(ClassScore(name, real, precision, recall, f1))
    return tuple(scores)
