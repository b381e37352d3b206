"""Parts of images of the size that a network takes: the middle one, and those that an evaluation averages over.

N images, C channels, H W height width.
"""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor

from striate.data.pixels import ByteArray
from striate.errors import DataError, bad_argument

__all__ = ["center", "views"]

_Images = TypeVar("_Images", Tensor, ByteArray)


def center(images: _Images, size: tuple[int, int]) -> _Images:
    """Return the middle ``size`` (height, width) of images ``(…, H, W)``; of an odd rest the larger half is cut below.

    Raises:
        DataError: if images are smaller.
    """
    (height, width), (rows, columns) = size, images.shape[-2:]
    _check(size, rows, columns)
    return _cut(images, (rows - height) // 2, (columns - width) // 2, size)


def views(images: Tensor, size: tuple[int, int], count: int = 10) -> Tensor:
    """Return several parts of each image ``(N, C, H, W)``, as ``(N, count, C, *size)``.

    Krizhevsky et al. 2012 average a network's answers to ten of them.

    Args:
        images: Of any type; larger than ``size``, or as large.
        size: ``(height, width)`` of each part.
        count: 5: upper left, upper right, lower left, lower right, middle. 10: these, then the same mirrored from left
            to right. 1: the middle. 2: the middle and its mirror image.

    Raises:
        DataError: if there is no such count, or images are smaller.
    """
    if count not in (1, 2, 5, 10):
        raise DataError(bad_argument("count", count, "1, 2, 5 or 10"))
    rows, columns = images.shape[-2:]
    _check(size, rows, columns)
    bottom, right = rows - size[0], columns - size[1]
    parts = [center(images, size)]
    if count >= 5:
        parts = [_cut(images, top, left, size) for top in (0, bottom) for left in (0, right)] + parts
    if count in (2, 10):
        parts += [part.flip(-1) for part in parts]
    return torch.stack(parts, 1)


def _cut(images: _Images, top: int, left: int, size: tuple[int, int]) -> _Images:
    return images[..., top : top + size[0], left : left + size[1]]


def _check(size: tuple[int, int], rows: int, columns: int) -> None:
    if size[0] > rows or size[1] > columns:
        raise DataError(
            bad_argument("size", size, f"within the {rows}×{columns} of the images", "Load them larger.")
        )
