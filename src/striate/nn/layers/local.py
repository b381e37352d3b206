"""Convolutions that share less than all: locally connected, tiled, by a table; and the separable one.

Legend: N batch, C channels, O output channels, P positions of the output, Q weights of one unit (C·kernel),
t tiles, k kernel, s stride, d dilation. Signals are computed as images one pixel high.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from striate.nn.layers.padded import PadRule, padded_with

__all__ = ["LocallyConnected", "SeparableConv", "TableConv", "TiledConv", "Windows"]

_CONV = (F.conv1d, F.conv2d, F.conv3d)


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

    ``weight`` is ``(*size, O, Q)``, so that a position's matrix lies in one piece: it is read once forward, and
    backward once more, and its gradient written once, whatever the batch.

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
        self.windows = windows
        inputs = in_channels * math.prod(windows.kernel)
        self.weight = nn.Parameter(torch.empty(*size, out_channels, inputs))
        self.bias = nn.Parameter(torch.empty(out_channels, *size)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        padded = self.windows.padded(x)
        weight: Tensor = self.weight
        if torch.is_autocast_enabled(x.device.type):
            dtype = torch.get_autocast_dtype(x.device.type)
            padded, weight = padded.to(dtype), weight.to(dtype)
        signal = padded.dim() == 3
        if signal:
            padded, weight = padded.unsqueeze(2), weight.unsqueeze(0)
        with torch.autocast(x.device.type, enabled=False):
            y: Tensor = _PerPosition.apply(padded, weight, self.windows.as_image())  # type: ignore[no-untyped-call]
        y = y.squeeze(2) if signal else y
        return y if self.bias is None else y + self.bias


class _PerPosition(torch.autograd.Function):
    """``y[n, :, i, j] = weight[i, j] @ (window of x[n] at i, j)``.

    Written out because autograd's own way gives the gradient of the weights transposed and copies it: for 92 MB of
    weights a training step took 88 ms that way and takes 44 ms so, of which 40 are the first touch of the gradient.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, windows: Windows) -> Tensor:
        height, width, filters, inputs = weight.shape
        patches = _windows_of(x, windows, (height, width)).permute(2, 3, 0, 1, 4, 5)
        patches = patches.reshape(height * width, len(x), inputs)  # (P, N, Q)
        ctx.save_for_backward(patches, weight)
        ctx.windows, ctx.shape = windows, x.shape
        y = torch.bmm(patches, weight.reshape(-1, filters, inputs).transpose(1, 2))  # (P, N, O)
        return y.permute(1, 2, 0).reshape(len(x), filters, height, width)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        patches, weight = ctx.saved_tensors
        height, width, filters, inputs = weight.shape
        grad = grad.flatten(2).permute(2, 0, 1).contiguous()  # (P, N, O)
        of_x = of_weight = None
        if ctx.needs_input_grad[1]:
            of_weight = torch.bmm(grad.transpose(1, 2), patches).view_as(weight)
        if ctx.needs_input_grad[0]:
            of_patches = torch.bmm(grad, weight.reshape(-1, filters, inputs))
            channels, kernel = ctx.shape[1], ctx.windows.kernel
            of_patches = of_patches.view(height, width, -1, channels, *kernel).permute(2, 3, 0, 1, 4, 5)
            of_x = grad.new_zeros(ctx.shape)
            into = _windows_of(of_x, ctx.windows, (height, width))
            for i, j in itertools.product(*map(range, kernel)):  # one tap meets each input once
                into[..., i, j] += of_patches[..., i, j]
        return of_x, of_weight, None


def _windows_of(x: Tensor, windows: Windows, size: Sequence[int]) -> Tensor:
    """Return a view of ``x`` ``(N, C, H, W)`` as ``(N, C, *size, *kernel)``."""
    by_image, by_channel, *by_position = x.stride()
    steps = [s * n for s, n in zip(windows.stride, by_position, strict=True)]
    taps = [d * n for d, n in zip(windows.dilation, by_position, strict=True)]
    return x.as_strided(
        (*x.shape[:2], *size, *windows.kernel), (by_image, by_channel, *steps, *taps), x.storage_offset()
    )


class TiledConv(nn.Module):
    """Kernels taken in turn: output position ``i`` of an axis uses kernel ``i mod t``.

    The positions of one kernel are an ordinary convolution of stride ``s·t`` that begins ``i·s`` later; there
    are as many convolutions as kernels, and together they do the work of one.

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
        strides = [s * t for s, t in zip(windows.stride, tiles, strict=True)]
        self._every = Windows(windows.kernel, strides, windows.dilation, windows.pads)

    def forward(self, x: Tensor) -> Tensor:
        x = self.windows.padded(x)
        size, starts, lengths = [], [], []
        # All phases get equally many positions, the last ones beyond the end where t does not divide the size.
        for n, k, s, d, t in zip(
            x.shape[2:],
            self.windows.kernel,
            self.windows.stride,
            self.windows.dilation,
            self.tiles,
            strict=True,
        ):
            positions = (n - d * (k - 1) - 1) // s + 1
            size.append(positions)
            starts.append(range(0, s * t, s))
            lengths.append((math.ceil(positions / t) - 1) * s * t + d * (k - 1) + 1)
        missing = [(0, max(r[-1] + m - n, 0)) for r, m, n in zip(starts, lengths, x.shape[2:], strict=True)]
        x = padded_with(x, missing, 0.0)
        phases = []
        for which, start in zip(
            itertools.product(*map(range, self.tiles)), itertools.product(*starts), strict=True
        ):
            part = x
            for axis, (first, length) in enumerate(zip(start, lengths, strict=True), 2):
                part = part.narrow(axis, first, length)
            bias = None if self.bias is None else self.bias[which]
            phases.append(self._every.convolve(part, self.weight[which], bias))
        return _interleaved(phases, self.tiles, size)


def _interleaved(phases: list[Tensor], tiles: Sequence[int], size: Sequence[int]) -> Tensor:
    """Join phases ``(N, O, *size / t)``, those of the last axis next to each other, to ``(N, O, *size)``."""
    batch, filters, *each = phases[0].shape
    joined = torch.stack(phases, -1).view(batch, filters, *each, *tiles)
    axes = len(tiles)
    order = [
        axis for i in range(axes) for axis in (2 + i, 2 + axes + i)
    ]  # position, then phase, axis by axis
    joined = joined.permute(0, 1, *order).reshape(
        batch, filters, *(n * t for n, t in zip(each, tiles, strict=True))
    )
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
