"""Sampling and coloring by torch, on any device: what `compiled` does, for all pixels of a batch at once.

Images that are moved by whole pixels are gathered by their numbers, as ``grid_sample``, which does the others, counts
places from -1 to 1 and does not meet whole pixels exactly; those that shrink are summed below triangles.
Legend: N images, C channels, H W of the source, h w of the output.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from striate.data.moving import moved

__all__ = ["channel_means", "warp"]

_ROUNDING = 1e-6  # pixels


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
    height, width = images.shape[2:]
    xs, ys = _places(maps, bent, size, images.device)
    inside = (xs >= -0.5) & (xs < width - 0.5) & (ys >= -0.5) & (ys < height - 0.5)
    xs, ys = _folded(xs, width - 1, padding), _folded(ys, height - 1, padding)
    whole = _by_whole_pixels(maps, bent)
    wide = ~whole & (reach > 1).any(1)
    out = images.new_empty(*images.shape[:2], *size, dtype=torch.float32)
    for chosen, sampled in ((whole, _moved), (wide, _wide), (~whole & ~wide, _between)):
        rows = torch.nonzero(chosen)[:, 0]
        if len(rows):
            own = moved(rows, images.device)
            out[own] = sampled(images[own].float(), xs[own], ys[own], reach[rows])
    if padding == "zeros":
        out = torch.where(inside[:, None], out, moved(fill, out.device, out.dtype)[:, None, None])
    return out


def _by_whole_pixels(maps: Tensor, bent: Tensor | None) -> Tensor:
    """Return which images are shifted, mirrored and turned by quarters alone, bool ``(N,)``, on the CPU."""
    numbers = maps[:, :2].round()
    lengths = numbers[:, :, :2].abs().sum(2)
    whole = (numbers - maps[:, :2]).abs().amax((1, 2)) < _ROUNDING
    whole &= (lengths == 1).all(1) & ~maps[:, 2, :2].any(1)
    return whole if bent is None else whole & ~bent.flatten(1).any(1).cpu()


def _moved(pixels: Tensor, xs: Tensor, ys: Tensor, reach: Tensor) -> Tensor:
    """Return what lies at whole places."""
    index = (ys.round() * pixels.shape[3] + xs.round()).long().flatten(1)[:, None]
    moved = pixels.flatten(2).gather(2, index.expand(-1, pixels.shape[1], -1))
    return moved.view(*pixels.shape[:2], *xs.shape[1:])


def _between(pixels: Tensor, xs: Tensor, ys: Tensor, reach: Tensor) -> Tensor:
    """Return what lies between four pixels."""
    height, width = pixels.shape[2:]
    grid = torch.stack([xs * (2 / max(width - 1, 1)) - 1, ys * (2 / max(height - 1, 1)) - 1], 3)
    return F.grid_sample(pixels, grid, padding_mode="border", align_corners=True)


def _wide(pixels: Tensor, xs: Tensor, ys: Tensor, reach: Tensor) -> Tensor:
    """Return what lies below triangles that reach ``reach`` ``(n, 2)`` pixels."""
    count, channels, height, width = pixels.shape
    columns, column_weights = _triangle(xs, reach[:, 0], width)
    rows, row_weights = _triangle(ys, reach[:, 1], height)
    flat = pixels.flatten(2)
    total = flat.new_zeros(count, channels, xs[0].numel())
    for row, row_weight in zip(rows, row_weights, strict=True):
        for column, column_weight in zip(columns, column_weights, strict=True):
            index = (row * width + column).flatten(1)[:, None].expand(-1, channels, -1)
            total += (row_weight * column_weight).flatten(1)[:, None] * flat.gather(2, index)
    return total.view(count, channels, *xs.shape[1:])


def _places(
    maps: Tensor, bent: Tensor | None, size: tuple[int, int], device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return where output pixels come from, columns and rows, float32 ``(N, h, w)``."""
    straight = ~maps[:, 2, :2].any(1)
    if bent is None and straight.all():
        return _straight_places(maps, size, device)
    straight = moved(straight, device)
    if bent is not None:
        straight &= ~bent.flatten(1).any(1)
    places = _general_places(maps, bent, size, device)
    chosen = straight[:, None, None]
    each = zip(_straight_places(maps, size, device), places, strict=True)
    xs, ys = (torch.where(chosen, simple, general) for simple, general in each)
    return xs, ys


def _straight_places(maps: Tensor, size: tuple[int, int], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return what affine ``maps`` give, as compiled code does: in float32 along a row."""
    height, width = size
    rows = torch.arange(height, dtype=torch.float64)
    starts = moved((maps[:, :2, 1, None] * rows + maps[:, :2, 2, None]).float(), device)
    along = moved(maps[:, :2, 0].float(), device)
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
    m = moved(maps, device, kind)[..., None, None]
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
    wide = moved(reach, places.device, places.dtype)[:, None, None]
    first = torch.floor(places - wide) + 1
    numbers = [first + k for k in range(math.ceil(2 * most))]
    weights = [
        (1 - (number - places).abs() / wide).clamp_min(0) * ((number >= 0) & (number < size))
        for number in numbers
    ]
    total = sum(weights)  # one after the other: those beyond an image's own reach are 0 and change no bit
    return [number.long().clamp(0, size - 1) for number in numbers], [weight / total for weight in weights]
