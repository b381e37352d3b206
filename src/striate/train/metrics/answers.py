"""What a module answers to images: logits ``(N, K)`` of N images and K classes, piece by piece."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable
from functools import reduce

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from striate.data import Preprocess
from striate.data.augment import seen
from striate.errors import TrainingError
from striate.train.exhaustion import lack_of_memory

__all__ = ["EVALUATION_BATCH", "forward_in_batches", "mean_answer", "outputs"]

EVALUATION_BATCH = 256
"""How many images are measured at a time."""


def forward_in_batches(
    module: nn.Module,
    images: Tensor,
    preprocess: Preprocess,
    device: torch.device,
    views: str = "center",
    *,
    several_labels: bool = False,
) -> Tensor:
    """Return the module's outputs ``(N, K)`` in evaluation mode, on the CPU; its mode is restored.

    Of several views they are logits of the mean probabilities; see `striate.data.augment.VIEWS`. With
    ``several_labels`` the probabilities are sigmoids, one for each class.
    """
    pieces = torch.split(images, EVALUATION_BATCH)
    return torch.cat(list(outputs(module, pieces, preprocess, device, views, several_labels=several_labels)))


def outputs(
    module: nn.Module,
    pieces: Iterable[Tensor],
    preprocess: Preprocess,
    device: torch.device,
    views: str = "center",
    *,
    several_labels: bool = False,
) -> Generator[Tensor, None, None]:
    """Yield what `forward_in_batches` returns, for each of ``pieces``, uint8 ``(n, C, H, W)``.

    Where memory runs out, half as many images are answered at a time from there on.

    Raises:
        TrainingError: if there is not enough of it for one.
    """
    training = module.training
    module.eval()
    most = EVALUATION_BATCH
    try:
        with torch.inference_mode():
            for piece in pieces:
                while True:
                    try:
                        answered = [
                            _answered(module, some.to(device), preprocess, views, several_labels)
                            for some in torch.split(piece, most)
                        ]
                        break
                    except (MemoryError, RuntimeError) as error:
                        most = _fewer(min(most, len(piece)), error)
                yield torch.cat(answered) if len(answered) > 1 else answered[0]
    finally:
        module.train(training)


def _answered(
    module: nn.Module, images: Tensor, preprocess: Preprocess, views: str, several_labels: bool
) -> Tensor:
    answers = [module(view).float() for view in seen(images, preprocess, views)]
    return mean_answer(answers, several_labels=several_labels).cpu()


def _fewer(images: int, error: Exception) -> int:
    """Return how many images to take at a time where there was no memory for ``images``; or raise."""
    reason = lack_of_memory(error)
    if reason is None:
        raise error
    if images == 1:
        raise TrainingError(
            f"not enough memory to answer one image: {reason}. Use a smaller network or input."
        ) from None
    return math.ceil(images / 2)


def mean_answer(answers: list[Tensor], *, several_labels: bool = False) -> Tensor:
    """Return logits of the mean of the probabilities that several logits ``(N, K)`` stand for."""
    if len(answers) == 1:
        return answers[0]
    if several_labels:
        yes = reduce(torch.logaddexp, map(F.logsigmoid, answers))
        no = reduce(torch.logaddexp, [F.logsigmoid(-logits) for logits in answers])
        return yes - no
    return torch.stack([logits.log_softmax(1) for logits in answers]).logsumexp(0) - math.log(len(answers))
