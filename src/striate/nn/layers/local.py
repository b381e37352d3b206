"""Convolutions that share less than all: locally connected, tiled, by a table; and the separable one.

Legend: N batch, C channels, O output channels, P positions of the output, Q weights of one unit (kernel·C),
t tiles, k kernel, s stride, d dilation. Signals are computed as images one pixel high.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from striate.nn.layers.padded import PadRule, padded_with

__all__ = ["LocallyConnected", "SeparableConv", "TableConv", "TiledConv", "Windows"]

_CONV = (F.conv1d, F.conv2d, F.conv3d)
_MOST_ZEROS = 2.0  # times the arithmetic, for which one convolution is no slower than one for each kernel


class Windows:
    """Where the windows of a convolution lie: kernel, stride and dilation per axis, and the padding rule."""

    def __init__(self, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int], pads: PadRule):
        self.kernel = tuple(kernel)
        self.stride = tuple(stride)
        self.dilation = tuple(dilation)
        self.pads = pads

    def padded(self, x: Tensor) -> Tensor:
        """Return ``x`` with its padding of zeros."""
        return padded_with(x, self.pads(x.shape[2:]), 0.0)

    def positions(self, padded: Tensor) -> list[int]:
        """Return how many windows ``padded`` has on each axis."""
        windows = zip(padded.shape[2:], self.kernel, self.stride, self.dilation, strict=True)
        return [(n - d * (k - 1) - 1) // s + 1 for n, k, s, d in windows]

    def convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None, groups: int = 1) -> Tensor:
        """Return the convolution of ``x``, padded already."""
        convolution = _CONV[len(self.kernel) - 1]
        return convolution(x, weight, bias, self.stride, 0, self.dilation, groups)

    def as_image(self) -> Windows:
        """Return the same windows over ``(1, L)`` where they are over ``(L,)``."""
        if len(self.kernel) == 2:
            return self
        return Windows((1, *self.kernel), (1, *self.stride), (1, *self.dilation), self.pads)


class LocallyConnected(nn.Module):
    """Every output position has weights of its own: one matrix product per position, all in one call.

    ``weight`` is ``(*size, O, *kernel, C)``, so that a position's matrix lies in one piece: it is read once forward,
    and backward once more, and its gradient written once, whatever the batch. Channels come last because the windows
    are then copied in runs, which takes a fifth of the time.

    Args:
        in_channels: Maps of the input.
        out_channels: Maps of the output.
        size: Positions of the output on each axis, one or two.
        windows: Where they read.
        bias: Whether every output has a bias.
    """

    def __init__(
        self, in_channels: int, out_channels: int, size: Sequence[int], windows: Windows, *, bias: bool
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.windows = windows
        self.weight = nn.Parameter(torch.empty(*size, out_channels, *windows.kernel, in_channels))
        self.bias = nn.Parameter(torch.empty(out_channels, *size)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        padded = self.windows.padded(x)
        weight: Tensor = self.weight
        size = weight.shape[: len(self.windows.kernel)]
        if self.windows.positions(padded) != list(size) or x.shape[1] != self.in_channels:
            raise ValueError(
                f"input of shape {tuple(x.shape)}: a locally connected layer has weights for one size alone, here "
                f"for {self.in_channels} channels and {tuple(size)} output positions."
            )
        if torch.is_autocast_enabled(x.device.type):
            dtype = torch.get_autocast_dtype(x.device.type)
            padded, weight = padded.to(dtype), weight.to(dtype)
        signal = padded.dim() == 3
        if signal:
            padded, weight = padded.unsqueeze(2), weight.unsqueeze(0).unsqueeze(3)
        with torch.autocast(x.device.type, enabled=False):
            y: Tensor = _PerPosition.apply(padded, weight, self.windows.as_image())  # type: ignore[no-untyped-call]
        y = y.squeeze(2) if signal else y
        return y if self.bias is None else y + self.bias.to(y.dtype)


class _PerPosition(torch.autograd.Function):
    """``y[n, :, i, j] = weight[i, j] @ (window of x[n] at i, j)``.

    Written out because autograd's own way gives the gradient of the weights transposed and copies it: for 92 MB of
    weights a training step took twice as long that way. Most of what is left is the first touch of the gradient.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, windows: Windows) -> Tensor:
        height, width, filters = weight.shape[:3]
        matrices = weight.flatten(0, 1).flatten(2)  # (P, O, Q)
        channels_last = x.permute(0, 2, 3, 1).contiguous()
        patches = _windows_of(channels_last, windows, height, width).flatten(0, 1).flatten(2)  # (P, N, Q)
        ctx.save_for_backward(patches, weight)
        ctx.windows, ctx.shape = windows, channels_last.shape
        y = torch.bmm(matrices, patches.transpose(1, 2))  # (P, O, N)
        return y.permute(2, 1, 0).reshape(len(x), filters, height, width)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        patches, weight = ctx.saved_tensors
        height, width, _, *kernel, channels = weight.shape
        grad = grad.flatten(2).permute(2, 0, 1).contiguous()  # (P, N, O)
        of_x = of_weight = None
        if ctx.needs_input_grad[1]:
            of_weight = torch.bmm(grad.transpose(1, 2), patches).view_as(weight)
        if ctx.needs_input_grad[0]:
            of_patches = torch.bmm(grad, weight.flatten(0, 1).flatten(2))
            of_patches = of_patches.view(height, width, len(grad[0]), *kernel, channels)
            of_x = grad.new_zeros(ctx.shape)
            into = _windows_of(of_x, ctx.windows, height, width)
            for i, j in itertools.product(*map(range, kernel)):  # one tap meets each input once
                into[:, :, :, i, j] += of_patches[:, :, :, i, j]
            of_x = of_x.permute(0, 3, 1, 2)
        return of_x, of_weight, None


def _windows_of(x: Tensor, windows: Windows, height: int, width: int) -> Tensor:
    """Return a view of ``x`` ``(N, H, W, C)`` as ``(height, width, N, *kernel, C)``."""
    by_image, by_row, by_column, by_channel = x.stride()
    down, right = windows.stride[0] * by_row, windows.stride[1] * by_column
    taps = (windows.dilation[0] * by_row, windows.dilation[1] * by_column)
    size = (height, width, len(x), *windows.kernel, x.shape[3])
    return x.as_strided(size, (down, right, by_image, *taps, by_channel), x.storage_offset())


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
        convolution = _CONV[len(self.tiles) - 1]
        return convolution(x, wide.flatten(0, len(self.tiles)), bias, self._strides)

    def _by_kernel(self, x: Tensor, blocks: Sequence[int]) -> Tensor:
        """Return ``(N, t, O, *blocks)`` by a convolution for each kernel, which begins where it is first used."""
        convolution = _CONV[len(self.tiles) - 1]
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


class TableConv(nn.Module):
    """Convolution in which output map ``o`` reads the input maps ``connections[o]`` alone.

    ``weight`` is ``(number of connections, *kernel)``; it is laid into a dense kernel of zeros, which for tables as
    full as LeNet-5's is faster than any sparse way.
    """

    outputs: Tensor
    inputs: Tensor

    def __init__(
        self, in_channels: int, connections: Sequence[Sequence[int]], windows: Windows, *, bias: bool
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.connections = tuple(map(tuple, connections))
        self.windows = windows
        pairs = sum(map(len, connections))
        self.weight = nn.Parameter(torch.empty(pairs, *windows.kernel))
        self.bias = nn.Parameter(torch.empty(len(connections))) if bias else None
        self.register_buffer("outputs", torch.empty(pairs, dtype=torch.int64), persistent=False)
        self.register_buffer("inputs", torch.empty(pairs, dtype=torch.int64), persistent=False)

    def set_table(self) -> None:
        """Fill the two index tensors from the table."""
        pairs = [(o, i) for o, row in enumerate(self.connections) for i in row]
        self.outputs.copy_(torch.tensor([o for o, _ in pairs]))
        self.inputs.copy_(torch.tensor([i for _, i in pairs]))

    def forward(self, x: Tensor) -> Tensor:
        dense = self.weight.new_zeros(len(self.connections), self.in_channels, *self.windows.kernel)
        dense = dense.index_put((self.outputs, self.inputs), self.weight)
        return self.windows.convolve(self.windows.padded(x), dense, self.bias)


class SeparableConv(nn.Module):
    """A depthwise convolution and a 1×1 convolution behind it."""

    def __init__(
        self, in_channels: int, out_channels: int, multiplier: int, windows: Windows, *, bias: bool
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.windows = windows
        between = in_channels * multiplier
        ones = (1,) * len(windows.kernel)
        self.depthwise = nn.Parameter(torch.empty(between, 1, *windows.kernel))
        self.pointwise = nn.Parameter(torch.empty(out_channels, between, *ones))
        self.bias = nn.Parameter(torch.empty(out_channels)) if bias else None
        self._point = Windows(ones, ones, ones, windows.pads)

    def forward(self, x: Tensor) -> Tensor:
        x = self.windows.convolve(self.windows.padded(x), self.depthwise, None, groups=self.in_channels)
        return self._point.convolve(x, self.pointwise, self.bias)
