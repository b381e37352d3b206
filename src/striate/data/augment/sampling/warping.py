"""`warped`: a batch resampled once and colored once, straight from its bytes.

An output pixel is the mean of the source pixels around its place, weighed by a triangle: that reaches one pixel to
either side (bilinear interpolation), or as many as one output pixel covers where the image shrinks, which is what
Pillow does when it resizes. On the CPU compiled code does it, elsewhere torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from striate.data.augment.sampling import on_torch
from striate.data.augment.sampling.loading import compiled
from striate.data.buffers import Buffers
from striate.data.cores import cores
from striate.data.moving import moved
from striate.errors import DataError
from striate.threads import Team

__all__ = ["PADDINGS", "Warp", "channel_means", "compose", "warped"]

PADDINGS = ("zeros", "replicate", "reflect")
_LEAST_SHRINKING = 1.25  # of what is turned; below, seeing more pixels takes 7 times as long and shows little
_MOST_SHRINKING = 64  # of what is turned; a pixel is then of 16,384
_FARTHEST = 1e9  # pixels; places are counted in float32
_WHITE = 255
_LEAST_PIXELS = 2**16  # of a batch, that are worth a second thread
_SUMMED = 32  # bytes in the time of one pixel that is sampled

_team = Team("striate-augment")


@dataclass(frozen=True, eq=False, kw_only=True)
class Warp:
    """What is to be done to a batch.

    Attributes:
        size: Of the output, ``(h, w)``.
        maps: From places in the output to places in the source, float64 ``(N, 3, 3)``; a place is (x, y, 1) in pixels,
            the middle of the first pixel is (0.5, 0.5).
        colors: From the C channels, of 0..255, and 1 to the output's, float32 ``(N, C, C + 1)``.
        scale: What colors, held within 0..255, are multiplied with at last, ``(C,)``.
        shift: What is added then, ``(C,)``.
        padding: What is seen beyond the source: ``zeros`` (that is ``fill``), ``replicate``, ``reflect``.
        fill: Bytes ``(C,)``.
        bent: How far output pixels are moved before they are mapped, in pixels, x and y, float32 ``(N, 2, h, w)``.
    """

    size: tuple[int, int]
    maps: NDArray[np.float64]
    colors: NDArray[np.float32]
    scale: NDArray[np.float32]
    shift: NDArray[np.float32]
    padding: str
    fill: NDArray[np.uint8]
    bent: Tensor | None = None

    def between_pixels(self) -> NDArray[np.float64]:
        """Return ``maps`` between numbers of pixels, which count their middles: (0, 0) is the first."""
        maps = self.maps.copy()
        maps[..., 2] += 0.5 * (maps[..., 0] + maps[..., 1])
        maps[:, :2] -= 0.5 * maps[:, 2:]
        return maps

    def reach(self, source: tuple[int, int]) -> NDArray[np.float32]:
        """Return how many pixels of a ``source`` of that height and width a triangle reaches, left and up, ``(N, 2)``.

        That is how far one output pixel extends in the source, in the middle of the image, and at least 1. Where axes
        are turned, sheared or bent, less than 1.25 counts as 1, and more than 64 as 64.
        """
        tilted = self.maps[:, 2, :2].any(1)
        slopes = self._slopes() if tilted.any() else self.maps[:, :2, :2]
        reach = np.hypot(slopes[..., 0], slopes[..., 1])
        turned = tilted | (self.maps[:, 0, 1] != 0) | (self.maps[:, 1, 0] != 0)
        if self.bent is not None:
            turned |= self.bent.flatten(1).any(1).cpu().numpy()
        least = np.where(turned, _LEAST_SHRINKING, 1.0)[:, None]
        most = np.where(turned[:, None], _MOST_SHRINKING, np.array(source[::-1]))
        return np.clip(np.where(reach > least, reach, 1), 1, np.maximum(most, 1)).astype(np.float32)

    def _slopes(self) -> NDArray[np.float64]:
        """Return how places in the source change with those in the middle of the output, ``(N, 2, 2)``."""
        height, width = self.size
        middle = self.maps @ np.array([width / 2, height / 2, 1.0])
        below = middle[:, 2:, None]
        slopes: NDArray[np.float64] = (
            self.maps[:, :2, :2] - middle[:, :2, None] / below * self.maps[:, 2:, :2]
        ) / below
        return slopes


def compose(
    products: NDArray[np.float64], rows: NDArray[np.int64], others: NDArray[np.float64], *, first: bool
) -> None:
    """Multiply matrices ``products`` ``(N, k, k)`` of numbers ``rows`` ``(n,)`` with ``others``, in place.

    Args:
        products: What is changed.
        rows: Which of them.
        others: ``(n, k, k)``, or ``(1, k, k)`` for all.
        first: Whether ``others`` stand on the left.
    """
    engine = compiled()
    if engine is not None:  # NumPy takes 5 times as long for the small matrices of a batch
        engine.compose(products, rows, np.ascontiguousarray(others), first)
    else:
        products[rows] = others @ products[rows] if first else products[rows] @ others


def channel_means(images: Tensor) -> NDArray[np.float64]:
    """Return the mean of each channel of ``images``, uint8 ``(N, C, H, W)``, float64 ``(N, C)``."""
    engine = compiled() if images.device.type == "cpu" else None
    if engine is None:
        return on_torch.channel_means(images).numpy()
    pixels, means = images.contiguous().numpy(), np.empty(images.shape[:2])
    _on_threads(engine.channel_means, images.numel() // _SUMMED, pixels, means)
    return means


def warped(images: Tensor, warp: Warp, buffers: Buffers) -> Tensor:
    """Return ``images``, uint8 ``(N, C, H, W)``, warped and colored, float32 ``(N, C, h, w)``, where they lie.

    On the CPU the output is of ``buffers``.
    """
    maps, reach = warp.between_pixels(), warp.reach((images.shape[2], images.shape[3]))
    if not np.abs(maps).max(initial=0) < _FARTHEST:
        raise DataError("the recipe shrinks or moves images beyond all measure; take effects out of it.")
    engine = compiled() if images.device.type == "cpu" else None
    if engine is None:
        fill = torch.from_numpy(warp.fill)
        pixels = on_torch.warp(
            images, torch.from_numpy(maps), torch.from_numpy(reach), warp.bent, warp.padding, fill, warp.size
        )
        return colored(pixels, warp)
    count, channels = images.shape[:2]
    out = buffers.empty(count, channels, *warp.size, kind=np.float32)
    bent = np.empty((0, 2, 1, 1), np.float32) if warp.bent is None else warp.bent.numpy()

    def part(pixels: NDArray[Any], *each: NDArray[Any]) -> None:
        maps, reach, colors, out, *bent_of = each
        engine.warp(
            pixels, maps, reach, *(bent_of or [bent]), PADDINGS.index(warp.padding), warp.fill,
            colors, warp.scale, warp.shift, out,
        )  # fmt: skip

    each = [images.contiguous().numpy(), maps, reach, warp.colors, out.numpy()] + (
        [bent] if len(bent) else []
    )
    _on_threads(part, out.numel(), *each)
    return out


def colored(pixels: Tensor, warp: Warp) -> Tensor:
    """Return ``pixels``, float32 ``(N, C, h, w)`` of 0..255, through the matrices and scales of ``warp``."""
    colors = moved(torch.from_numpy(warp.colors), pixels.device)
    channels = pixels.shape[1]
    out = [
        sum(colors[:, c, d, None, None] * pixels[:, d] for d in range(channels))
        + colors[:, c, -1, None, None]
        for c in range(channels)
    ]
    scale, shift = (
        torch.from_numpy(each).to(pixels.device)[:, None, None] for each in (warp.scale, warp.shift)
    )
    return torch.stack(out, 1).clamp_(0, _WHITE).mul_(scale).add_(shift)


def _on_threads(work: Callable[..., None], pixels: int, *arrays: NDArray[Any]) -> None:
    """Call ``work`` with equal parts of ``arrays``, on as many threads as torch has, if there is enough to do."""
    count = len(arrays[0])
    threads = max(min(torch.get_num_threads(), cores(), count), 1) if pixels >= _LEAST_PIXELS else 1
    bounds = [count * k // threads for k in range(threads + 1)]
    parts = [[array[start:stop] for array in arrays] for start, stop in pairwise(bounds)]
    _team.in_parts(work, parts, threads)
