"""`conv_pool`: a convolution, an activation and 2×2 pooling as one operator of autograd, on the CPU.

What it gives is a function of its inputs alone, whatever the number of threads: images are taken in parts of 32, and
the gradients of the weights are added part by part.

Legend: N images, C channels, O output channels, H W of the image, h w of the output.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from striate.nn.fused.loading import compiled
from striate.threads import Team

__all__ = ["Block", "conv_pool"]

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "none": lambda x: x,
    "relu": torch.relu,
    "tanh": torch.tanh,
}
_PART = 32  # images; so many are worth the 10 µs of a call

_team = Team("striate-fused")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A convolution with stride 1, an activation, and pooling of 2×2.

    Attributes:
        pad: Zeros above and below, left and right.
        activation: ``none``, ``relu`` or ``tanh``.
        largest: Whether the largest is pooled, else the mean.
    """

    pad: tuple[int, int]
    activation: str
    largest: bool

    def on_torch(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Return what torch's own operators give; the activation behind the largest, where it gives the same."""
        activated = _ACTIVATIONS[self.activation]
        with torch.autocast(x.device.type, enabled=False):
            x = F.conv2d(x, weight, bias, padding=self.pad)
            return activated(F.max_pool2d(x, 2)) if self.largest else F.avg_pool2d(activated(x), 2)

    def laid_out(self, x: Tensor) -> tuple[int, int]:
        """Return the size of an image with the zeros around it."""
        return x.shape[2] + 2 * self.pad[0], x.shape[3] + 2 * self.pad[1]

    def output_shape(self, x: Tensor, weight: Tensor) -> tuple[int, int, int, int]:
        """Return ``(N, O, h, w)``."""
        height, width = (
            (x.shape[axis] + 2 * self.pad[axis - 2] - weight.shape[axis] + 1) // 2 for axis in (2, 3)
        )
        return len(x), len(weight), height, width


def conv_pool(
    x: Tensor, weight: Tensor, bias: Tensor | None, block: Block, threads: int | None = None
) -> Tensor:
    """Return ``(N, O, h, w)`` for ``x`` ``(N, C, H, W)``, ``weight`` ``(O, C, Kh, Kw)``; all float32 on the CPU.

    It is done on so many ``threads``, by default as many as torch has. Without the compiled code torch does it. A
    gradient that is no number may spread to others of the same image.
    """
    bias = weight.new_zeros(len(weight)) if bias is None else bias
    if compiled() is None:
        return block.on_torch(x, weight, bias)
    out: Tensor = _ConvPool.apply(x, weight, bias, block, threads)  # type: ignore[no-untyped-call]
    return out


class _ConvPool(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, block: Block, threads: int | None
    ) -> Tensor:
        x, weight = x.contiguous(), weight.contiguous()
        engine = _engine()
        out = x.new_empty(block.output_shape(x, weight))
        lanes = -(-len(x) // engine.LANES), engine.LANES
        windows = engine.padded(len(weight)) * out.shape[2] * out.shape[3]
        kept = _in_lanes(lanes, x.shape[1] * math.prod(block.laid_out(x)))
        values = _in_lanes(lanes, windows if block.largest else 4 * windows)
        which = _in_lanes(lanes, windows if block.largest else 0, np.uint8)
        activation = engine.ACTIVATIONS.index(block.activation)
        images, taps, biases, given = map(_array, (x, weight, bias, out))

        def work(_: int, part: slice) -> None:
            groups = slice(part.start // engine.LANES, -(-part.stop // engine.LANES))
            engine.forward(
                images[part], taps, biases, block.pad, activation, block.largest,
                given[part], kept[groups], values[groups], which[groups],
            )  # fmt: skip

        _in_parts(work, len(x), threads)
        ctx.block, ctx.threads, ctx.lanes = block, threads, (kept, values, which)
        ctx.save_for_backward(x, weight, bias)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (gradient,) = gradients
        x, weight, bias = ctx.saved_tensors
        if torch.is_grad_enabled():  # these gradients are to be derived again, which torch's own can be
            return _gradients_on_torch(ctx, x, weight, bias, gradient)
        engine, block = _engine(), ctx.block
        of_x = torch.empty_like(x) if ctx.needs_input_grad[0] else x.new_empty((0, 0, 0, 0))
        parts = -(-len(x) // _PART)
        of_weight, of_bias = (
            np.empty((parts, *weight.shape), np.float32),
            np.empty((parts, len(bias)), np.float32),
        )
        activation = engine.ACTIVATIONS.index(block.activation)
        given, taps, spread = map(_array, (gradient.contiguous(), weight, of_x))
        size = x.shape[2], x.shape[3]

        def work(number: int, part: slice) -> None:
            groups = slice(part.start // engine.LANES, -(-part.stop // engine.LANES))
            kept, values, which = (each[groups] for each in ctx.lanes)
            engine.backward(
                given[part], taps, block.pad, activation, block.largest, kept, values, which, size,
                of_weight[number], of_bias[number], spread[part],
            )  # fmt: skip

        _in_parts(work, len(x), ctx.threads)
        totals = (torch.from_numpy(np.add.reduce(each, 0)) for each in (of_weight, of_bias))
        return of_x if ctx.needs_input_grad[0] else None, *totals, None, None


def _in_lanes(lanes: tuple[int, int], count: int, kind: type[np.generic] = np.float32) -> Any:
    """Return room for ``count`` numbers of each of so many images, in groups and lanes."""
    groups, width = lanes
    return np.empty((groups, count * width), kind)


def _gradients_on_torch(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, gradient: Tensor) -> Any:
    inputs = [each for each in (x, weight, bias) if each.requires_grad]
    out = ctx.block.on_torch(x, weight, bias)
    found = iter(torch.autograd.grad(out, inputs, gradient, create_graph=True))
    return *(next(found) if each.requires_grad else None for each in (x, weight, bias)), None, None


def _engine() -> Any:
    engine = compiled()
    assert engine is not None
    return engine


def _array(tensor: Tensor) -> Any:
    return tensor.detach().numpy()


def _in_parts(work: Callable[[int, slice], None], count: int, threads: int | None) -> None:
    """Call ``work`` with the number of each part of ``count`` images and the part, on so many threads."""
    parts = [(number, slice(start, start + _PART)) for number, start in enumerate(range(0, count, _PART))]
    _team.in_parts(work, parts, threads or torch.get_num_threads())
