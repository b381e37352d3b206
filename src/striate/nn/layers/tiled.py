"""Convolution by kernels taken in turn.

Legend: N batch, O output channels, t tiles, s stride.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from striate.nn.layers.padded import padded_with
from striate.nn.layers.windows import CONV, Windows

__all__ = ["TiledConv"]

_MOST_ZEROS = 2.0  # times the arithmetic, for which one convolution is no slower than one for each kernel


class TiledConv(nn.Module):
    """Kernels taken in turn: output position ``i`` of an axis uses kernel ``i mod t``.

    One tile of the output is what a convolution of stride ``s·t`` gives whose kernels reach over the whole tile, each
    of ours shifted to its place among zeros. Where that would more than double the arithmetic there is a convolution
    of stride ``s·t`` for each kernel instead.

    Args:
        in_channels: Maps of the input.
        out_channels: Maps of the output.
        tiles: Kernels taken in turn on each axis.
        windows: Where they read.
        bias: Whether every kernel has a bias.
    """

    def __init__(
        self, in_channels: int, out_channels: int, tiles: Sequence[int], windows: Windows, *, bias: bool
    ) -> None:
        super().__init__()
        self.tiles = tuple(tiles)
        self.windows = windows
        self.weight = nn.Parameter(torch.empty(*tiles, out_channels, in_channels, *windows.kernel))
        self.bias = nn.Parameter(torch.empty(*tiles, out_channels)) if bias else None
        self._strides = tuple(s * t for s, t in zip(windows.stride, tiles, strict=True))

    def forward(self, x: Tensor) -> Tensor:
        x = self.windows.padded(x)
        size = self.windows.positions(x)
        blocks = [math.ceil(n / t) for n, t in zip(size, self.tiles, strict=True)]
        # Every tile is computed whole, the last one beyond the end where t does not divide the size.
        windows = zip(x.shape[2:], blocks, self.tiles, self.windows.stride, self._extents, strict=True)
        missing = [(0, max((b * t - 1) * s + extent - n, 0)) for n, b, t, s, extent in windows]
        x = padded_with(x, missing, 0.0)
        if math.prod(self._reach) <= _MOST_ZEROS * math.prod(self.windows.kernel):
            parts = self._by_tile(x)
        else:
            parts = self._by_kernel(x, blocks)
        filters = self.weight.shape[len(self.tiles)]
        return _interleaved(parts.view(len(x), *self.tiles, filters, *blocks), size)

    @property
    def _extents(self) -> list[int]:
        """Positions from the first to the last that one window sees, on each axis."""
        return [d * (k - 1) + 1 for k, d in zip(self.windows.kernel, self.windows.dilation, strict=True)]

    @property
    def _reach(self) -> list[int]:
        """Positions from the first to the last that the windows of one tile see, on each axis."""
        windows = zip(self._extents, self.windows.stride, self.tiles, strict=True)
        return [extent + s * (t - 1) for extent, s, t in windows]

    def _by_tile(self, x: Tensor) -> Tensor:
        """Return ``(N, t·O, *blocks)`` by one convolution, whose kernels see a whole tile's windows."""
        wide = self.weight.new_zeros(*self.weight.shape[: -len(self.tiles)], *self._reach)
        for which in self._which():
            taps = zip(which, self._extents, self.windows.stride, self.windows.dilation, strict=True)
            place: Any = (..., *(slice(i * s, i * s + extent, d) for i, extent, s, d in taps))
            wide[which][place] = self.weight[which]
        bias = None if self.bias is None else self.bias.flatten()
        convolution = CONV[len(self.tiles) - 1]
        return convolution(x, wide.flatten(0, len(self.tiles)), bias, self._strides)

    def _by_kernel(self, x: Tensor, blocks: Sequence[int]) -> Tensor:
        """Return ``(N, t, O, *blocks)`` by a convolution for each kernel, which begins where it is first used."""
        convolution = CONV[len(self.tiles) - 1]
        parts = []
        for which in self._which():
            part = x
            for axis, (i, b, step, s, extent) in enumerate(
                zip(which, blocks, self._strides, self.windows.stride, self._extents, strict=True), 2
            ):
                part = part.narrow(axis, i * s, (b - 1) * step + extent)
            bias = None if self.bias is None else self.bias[which]
            parts.append(convolution(part, self.weight[which], bias, self._strides, 0, self.windows.dilation))
        return torch.stack(parts, 1)

    def _which(self) -> Iterator[tuple[int, ...]]:
        return itertools.product(*map(range, self.tiles))


def _interleaved(parts: Tensor, size: Sequence[int]) -> Tensor:
    """Lay parts ``(N, *t, O, *blocks)`` out as ``(N, O, *size)``: block ``b`` of kernel ``i`` at ``b·t + i``."""
    axes = len(size)
    order = [axis for i in range(axes) for axis in (2 + axes + i, 1 + i)]  # block, then kernel, axis by axis
    whole = [t * b for t, b in zip(parts.shape[1 : 1 + axes], parts.shape[2 + axes :], strict=True)]
    joined = parts.permute(0, 1 + axes, *order).reshape(len(parts), parts.shape[1 + axes], *whole)
    for axis, n in enumerate(size, 2):
        joined = joined.narrow(axis, 0, n)
    return joined
