"""Convolutions that share less than all: locally connected, by a table; and the separable one.

Legend: N batch, C channels, O output channels, P positions of the output, Q weights of one unit (kernel·C).
Signals are computed as images one pixel high.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn

from striate.nn.layers.precision import as_autocast, without_autocast
from striate.nn.layers.windows import Windows

__all__ = ["LocallyConnected", "SeparableConv", "TableConv"]


class LocallyConnected(nn.Module):
    """Every output position has weights of its own: one matrix product per position, all in one call.

    ``weight`` is ``(*size, O, *kernel, C)``, so that a position's matrix lies in one piece: it is read once forward,
    and backward once more, and its gradient written once, whatever the batch. Channels come last because the windows
    are then copied in runs, which takes a fifth of the time. It has gradients of every order by `torch.autograd`;
    `torch.func` and forward-mode differentiation do not go through it.

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
                f"input of shape {tuple(x.shape)} gives {self.windows.positions(padded)} output positions: a locally "
                f"connected layer has weights for one size alone, here for {self.in_channels} channels and "
                f"{list(size)} output positions. Crop or scale the input to the size that the network was built "
                f"for, or build the network for this one."
            )
        padded, weight = as_autocast(padded), as_autocast(weight)
        signal = padded.dim() == 3
        if signal:
            padded, weight = padded.unsqueeze(2), weight.unsqueeze(0).unsqueeze(3)
        with without_autocast(x):
            y: Tensor = _PerPosition.apply(padded, weight, self.windows.as_image())  # type: ignore[no-untyped-call]
        y = y.squeeze(2) if signal else y
        return y if self.bias is None else y + self.bias.to(y.dtype)


class _PerPosition(torch.autograd.Function):
    """``y[n, :, i, j] = weight[i, j] @ (window of x[n] at i, j)``.

    Written out because autograd's own way gives the gradient of the weights transposed and copies it: for 92 MB of
    weights a training step took twice as long that way. Most of what is left is the first touch of the gradient.
    Where the gradient is to be differentiated in turn, it is made in autograd's own way.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, windows: Windows) -> Tensor:
        y, patches = _products(x, weight, windows)
        ctx.save_for_backward(x, weight, patches)
        ctx.windows = windows
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, weight, patches = ctx.saved_tensors
        if torch.is_grad_enabled():
            return *_differentiable_gradients(x, weight, ctx.windows, grad, ctx.needs_input_grad), None
        height, width, _, *kernel, channels = weight.shape
        grad = grad.flatten(2).permute(2, 0, 1).contiguous()  # (P, N, O)
        of_x = of_weight = None
        if ctx.needs_input_grad[1]:
            of_weight = torch.bmm(grad.transpose(1, 2), patches).view_as(weight)
        if ctx.needs_input_grad[0]:
            of_patches = torch.bmm(grad, weight.flatten(0, 1).flatten(2))
            of_patches = of_patches.view(height, width, len(x), *kernel, channels)
            # Every input is in up to kernel² windows: in bfloat16 the sum of so many was off by 1 %.
            summed_in = torch.promote_types(grad.dtype, torch.float32)
            of_x = grad.new_zeros(len(x), *x.shape[2:], channels, dtype=summed_in)
            into = _windows_of(of_x, ctx.windows, height, width)
            for i, j in itertools.product(*map(range, kernel)):  # one tap meets each input once
                into[:, :, :, i, j] += of_patches[:, :, :, i, j]
            of_x = of_x.permute(0, 3, 1, 2).to(grad.dtype)
        return of_x, of_weight, None


def _products(x: Tensor, weight: Tensor, windows: Windows) -> tuple[Tensor, Tensor]:
    """Return the outputs ``(N, O, height, width)``, and the windows of ``x`` as matrices ``(P, N, Q)``."""
    height, width, filters = weight.shape[:3]
    matrices = weight.flatten(0, 1).flatten(2)  # (P, O, Q)
    channels_last = x.permute(0, 2, 3, 1).contiguous()
    patches = _windows_of(channels_last, windows, height, width).flatten(0, 1).flatten(2)
    y = torch.bmm(matrices, patches.transpose(1, 2))  # (P, O, N)
    return y.permute(2, 1, 0).reshape(len(x), filters, height, width), patches


def _differentiable_gradients(
    x: Tensor, weight: Tensor, windows: Windows, grad: Tensor, needed: Sequence[bool]
) -> tuple[Tensor | None, Tensor | None]:
    y, _ = _products(x, weight, windows)
    wanted = [tensor for tensor, need in zip((x, weight), needed, strict=False) if need]
    found = iter(torch.autograd.grad(y, wanted, grad, create_graph=True))
    return (next(found) if needed[0] else None), (next(found) if needed[1] else None)


def _windows_of(x: Tensor, windows: Windows, height: int, width: int) -> Tensor:
    """Return a view of ``x`` ``(N, H, W, C)`` as ``(height, width, N, *kernel, C)``."""
    by_image, by_row, by_column, by_channel = x.stride()
    down, right = windows.stride[0] * by_row, windows.stride[1] * by_column
    taps = (windows.dilation[0] * by_row, windows.dilation[1] * by_column)
    size = (height, width, len(x), *windows.kernel, x.shape[3])
    return x.as_strided(size, (down, right, by_image, *taps, by_channel), x.storage_offset())


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
        self._set_table()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Move as every module does, and refill the indices, which ``to_empty`` and "meta" lose."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self._set_table()
        return self

    def _set_table(self) -> None:
        """Fill the two index tensors from the table, where they have storage."""
        if self.outputs.is_meta:
            return
        self.outputs.copy_(torch.tensor([o for o, row in enumerate(self.connections) for _ in row]))
        self.inputs.copy_(torch.tensor([i for row in self.connections for i in row]))

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
