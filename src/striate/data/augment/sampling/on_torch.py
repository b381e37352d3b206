"""Sampling and coloring by torch, on any device: what `compiled` does, for all pixels of a batch at once.

Pixels are gathered by their numbers, rather than through ``grid_sample``, whose places from -1 to 1 do not meet whole
pixels exactly. Legend: N images, C channels, H W of the source, h w of the output.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["channel_means", "warp"]


def channel_means(images: Tensor) -> Tensor:
    """Return the mean of each channel of ``images``, uint8 ``(N, C, H, W)``, float64 ``(N, C)``, on the CPU."""
    sums = images.flatten(2).sum(2, dtype=torch.int64).cpu()
    return sums.double() / (images.shape[2] * images.shape[3])


def warp(
    images: Tensor,
    maps: Tensor,
    reach: Tensor,
    bent: Tensor | None,
    padding: str,
    fill: Tensor,
    size: tuple[int, int],
) -> Tensor:
    """Return ``images``, uint8 ``(N, C, H, W)``, warped, float32 ``(N, C, h, w)`` of 0..255.

    ``maps`` float64 ``(N, 3, 3)`` and ``reach`` float32 ``(N, 2)``, as x and y, lie on the CPU; ``bent``
    ``(N, 2, h, w)`` moves output pixels before they are mapped; ``fill`` ``(C,)``.
    """
    count, channels, height, width = images.shape
    xs, ys = _places(maps, bent, size, images.device)
    right, bottom = width - 1, height - 1
    inside = (xs >= -0.5) & (xs < right + 0.5) & (ys >= -0.5) & (ys < bottom + 0.5)
    xs, ys = _folded(xs, right, padding), _folded(ys, bottom, padding)
    columns, column_weights = _triangle(xs, reach[:, 0], width)
    rows, row_weights = _triangle(ys, reach[:, 1], height)
    pixels = images.flatten(2).float()
    total = pixels.new_zeros(count, channels, xs[0].numel())
    for row, row_weight in zip(rows, row_weights, strict=True):
        for column, column_weight in zip(columns, column_weights, strict=True):
            index = (row * width + column).flatten(1)[:, None].expand(-1, channels, -1)
            weight = (row_weight * column_weight).flatten(1)[:, None]
            total += weight * pixels.gather(2, index)
    total = total.view(count, channels, *size)
    if padding == "zeros":
        total = torch.where(inside[:, None], total, fill.to(total)[:, None, None])
    return total


def _places(
    maps: Tensor, bent: Tensor | None, size: tuple[int, int], device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return where output pixels come from, columns and rows, float32 ``(N, h, w)``."""
    straight = ~maps[:, 2, :2].any(1).to(device)
    if bent is not None:
        straight &= ~bent.flatten(1).any(1)
    if straight.all():
        return _straight_places(maps, size, device)
    places = _general_places(maps, bent, size, device)
    chosen = straight[:, None, None]
    each = zip(_straight_places(maps, size, device), places, strict=True)
    xs, ys = (torch.where(chosen, simple, general) for simple, general in each)
    return xs, ys


def _straight_places(maps: Tensor, size: tuple[int, int], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return what affine ``maps`` give, as compiled code does: in float32 along a row."""
    height, width = size
    rows = torch.arange(height, dtype=torch.float64)
    starts = (maps[:, :2, 1, None] * rows + maps[:, :2, 2, None]).float().to(device)
    along = maps[:, :2, 0].float().to(device)
    places = (
        along[:, :, None, None] * torch.arange(width, device=device, dtype=torch.float32) + starts[..., None]
    )
    return places[:, 0], places[:, 1]


def _general_places(
    maps: Tensor, bent: Tensor | None, size: tuple[int, int], device: torch.device
) -> tuple[Tensor, Tensor]:
    kind = torch.float32 if device.type == "mps" else torch.float64
    x = torch.arange(size[1], device=device, dtype=kind)
    y = torch.arange(size[0], device=device, dtype=kind)[:, None]
    m = maps.to(kind).to(device)[..., None, None]
    if bent is not None:
        x, y = x + bent[:, 0], y + bent[:, 1]
    below = (m[:, 2, 0] * x + m[:, 2, 1] * y + m[:, 2, 2]).clamp_min(1e-3)
    xs = (m[:, 0, 0] * x + m[:, 0, 1] * y + m[:, 0, 2]) / below
    ys = (m[:, 1, 0] * x + m[:, 1, 1] * y + m[:, 1, 2]) / below
    return xs.float(), ys.float()


def _folded(places: Tensor, last: int, padding: str) -> Tensor:
    if padding == "reflect" and last > 0:
        places = places.abs()
        places = places - 2 * last * torch.floor(places / (2 * last))
        places = torch.minimum(places, 2 * last - places)
    return places.clamp(0, last)


def _triangle(places: Tensor, reach: Tensor, size: int) -> tuple[list[Tensor], list[Tensor]]:
    """Return the pixels below a triangle around each place, and their weights, of sum 1, each ``(N, h, w)``."""
    most = float(reach.max())
    wide = reach.to(places)[:, None, None]
    first = torch.floor(places - wide) + 1
    numbers = [first + k for k in range(math.ceil(2 * most))]
    weights = [
        (1 - (number - places).abs() / wide).clamp_min(0) * ((number >= 0) & (number < size))
        for number in numbers
    ]
    total = sum(weights)  # one after the other: those beyond an image's own reach are 0 and change no bit
    return [number.long().clamp(0, size - 1) for number in numbers], [weight / total for weight in weights]
