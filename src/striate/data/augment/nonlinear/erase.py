"""Rectangles of an image replaced: random erasing (Zhong et al. 2020) and cutout (DeVries and Taylor 2017).

Legend: n images, C channels, H W height and width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from striate.data.augment.draws import Keys, pixel_uniforms

__all__ = ["box_masks", "erase", "mean_fills", "noise_fills"]


def erase(images: Tensor, boxes: Tensor, fills: Tensor) -> Tensor:
    """Return ``images`` with what is in a box replaced by what ``fills`` have there, ``(n, C, H, W)``.

    Args:
        images: Float32 ``(n, C, H, W)``.
        boxes: Top, left, height and width in pixels, int64 ``(n, 4)``. What reaches over the border is cut off, and
            a box without height or width leaves its image unchanged.
        fills: Of a shape that broadcasts to the images': ``(n, C, 1, 1)`` for a value to each channel.
    """
    return torch.where(box_masks(boxes, *images.shape[2:]), fills, images)


def box_masks(boxes: Tensor, height: int, width: int) -> Tensor:
    """Return where in an image of ``height`` × ``width`` each of ``boxes`` of `erase` is, bool ``(n, 1, H, W)``."""
    top, left, box_height, box_width = boxes[:, :, None].unbind(1)
    y, x = (torch.arange(size, device=boxes.device) for size in (height, width))
    rows = (y >= top) & (y < top + box_height)
    columns = (x >= left) & (x < left + box_width)
    return rows[:, None, :, None] & columns[:, None, None, :]


def mean_fills(images: Tensor) -> Tensor:
    """Return the mean of each channel of ``images``, rounded to whole values before: float32 ``(n, C, 1, 1)``.

    Sums of whole numbers do not depend on their order, which differs with the size of a batch.
    """
    sums = images.round().sum((2, 3), keepdim=True, dtype=torch.float64)
    return (sums / (images.shape[2] * images.shape[3])).float()


def noise_fills(images: Tensor, keys: Keys) -> Tensor:
    """Return uniform noise of 0..255 in the shape of ``images``, by their ``keys`` ``(n,)``, ``(n, C, H, W)``."""
    return pixel_uniforms(keys, images.shape[1:], images.device).mul_(255)
