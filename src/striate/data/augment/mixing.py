"""Pairs of a batch's images made one, with their targets: mixup (Zhang et al. 2018) and CutMix (Yun et al. 2019).

What concerns an image as a whole is drawn with NumPy on the host; what concerns its pixels is done where they are.
Legend: N images, C channels, H W height and width.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from striate.data.augment.draws import Floats, Keys, uniforms
from striate.data.augment.nonlinear.erase import box_masks

__all__ = ["box_of_share", "cutmix", "mixup", "partner_order", "soft_targets", "symmetric_beta"]


def partner_order(keys: Keys) -> NDArray[np.int64]:
    """Return the place in the batch of each image's partner, int64 ``(N,)``.

    In the order of their keys ``(N,)`` each image has the next one for a partner, and the last one the first. So the
    pairs do not depend on the order in the batch, and only an image that is alone is its own partner.
    """
    order = np.argsort(keys, kind="stable")
    partners = np.empty(len(keys), np.int64)
    partners[order] = np.roll(order, -1)
    return partners


def symmetric_beta(keys: Keys, alpha: float) -> Floats:
    """Return a draw of the distribution Beta(``alpha``, ``alpha``) for each key, ``(N,)``.

    Two uniform draws give a draw of Student's t with 2 alpha degrees of freedom (Bailey 1994, "Polar generation of
    random variates with the t-distribution"), and t / sqrt(2 alpha + t²) is the Beta draw, moved to -1..1. That is
    exact for every alpha > 0, and takes no special function.
    """
    radius, turn = uniforms(keys, 2).T
    tail = radius ** (1 / alpha)
    cosine: Floats = np.cos(2 * np.pi * turn)
    squared = (1 - tail) * cosine**2
    shares: Floats = 0.5 + np.sign(cosine) * np.sqrt(squared / (squared + tail)) / 2
    return shares


def box_of_share(
    shares: Floats, centers: Floats, height: int, width: int
) -> tuple[NDArray[np.int64], Floats]:
    """Return boxes for `cutmix`, int64 ``(N, 4)``, and the share of each image that is left outside, ``(N,)``.

    Args:
        shares: What is wanted to stay of each image, ``(N,)`` of 0 to 1. A box has the image's proportions, sides
            rounded down, and is cut off at the border, so that more than this may stay.
        centers: Of the boxes, as ``(N, 2)`` shares of height and width of [0, 1).
        height: Of the images, in pixels.
        width: Of the images, in pixels.
    """
    sides = np.array([height, width])
    lengths = (np.sqrt(1 - shares)[:, None] * sides).astype(np.int64)
    starts = (centers * sides).astype(np.int64) - lengths // 2
    ends = np.minimum(starts + lengths, sides)
    starts = np.maximum(starts, 0)
    boxes = np.concatenate([starts, ends - starts], axis=1)
    return boxes, 1 - boxes[:, 2] * boxes[:, 3] / (height * width)


def mixup(images: Tensor, partners: Tensor, shares: Tensor) -> Tensor:
    """Return share · ``images`` + (1 - share) · ``partners``, in their shape, for images or signals.

    Args:
        images: Float32 ``(N, C, ...)``.
        partners: In the same shape.
        shares: Float32 ``(N,)`` of 0 to 1; 1 leaves an image unchanged.
    """
    shares = shares.view(-1, *[1] * (images.ndim - 1))
    out = images * shares
    out += partners * (1 - shares)
    return out


def cutmix(images: Tensor, partners: Tensor, boxes: Tensor) -> Tensor:
    """Return ``images`` with what is in a box replaced by what is there in their partners, ``(N, C, H, W)``.

    Args:
        images: Float32 ``(N, C, H, W)``.
        partners: In the same shape.
        boxes: Top, left, height and width in pixels, int64 ``(N, 4)``.
    """
    return torch.where(box_masks(boxes, *images.shape[2:]), partners, images)


def soft_targets(targets: Tensor, partner_targets: Tensor, shares: Tensor, num_classes: int) -> Tensor:
    """Return share · ``targets`` + (1 - share) · ``partner_targets``, float32 ``(N, classes)``; rows sum to 1.

    Args:
        targets: Numbers of classes, int64 ``(N,)``, or probabilities, float32 ``(N, classes)``.
        partner_targets: Likewise.
        shares: Of the image itself, float32 ``(N,)`` of 0 to 1.
        num_classes: How many classes there are.
    """
    own, other = (_probabilities(numbers, num_classes) for numbers in (targets, partner_targets))
    return mixup(own, other, shares)


def _probabilities(targets: Tensor, num_classes: int) -> Tensor:
    if targets.is_floating_point():
        return targets
    return (targets[:, None] == torch.arange(num_classes, device=targets.device)).float()
