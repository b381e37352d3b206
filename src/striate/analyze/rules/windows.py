"""Where the windows of convolutions and poolings lie on each spatial axis."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TypeVar

from striate.analyze.rules.base import Misfit, Shape, need_axes
from striate.analyze.terms import Axis
from striate.spec.layers import AvgPool, Conv, MaxPool

__all__ = ["conv_axes", "pool_axes", "same_padding"]

_T = TypeVar("_T")


def conv_axes(layer: Conv, shape: Shape) -> tuple[Axis, ...]:
    """Return the window of a convolution on each spatial axis of ``shape``.

    Raises:
        Misfit: if the window does not fit.
    """
    need_axes(shape)
    sizes = shape[1:]
    if layer.padding == "causal" and len(sizes) != 1:
        raise Misfit(f"padding='causal' is for signals (C, L) alone; use 'same' over {len(sizes)} axes")
    return _axes(sizes, layer.kernel_size, layer.stride, layer.padding, layer.dilation, ceil_mode=False)


def pool_axes(layer: MaxPool | AvgPool, shape: Shape) -> tuple[Axis, ...]:
    """Return the window of a pooling layer on each spatial axis of ``shape``.

    Raises:
        Misfit: if the window does not fit.
    """
    need_axes(shape)
    stride = layer.kernel_size if layer.stride is None else layer.stride
    axes = _axes(shape[1:], layer.kernel_size, stride, layer.padding, 1, ceil_mode=layer.ceil_mode)
    for a in axes:
        if max(a.before, a.after) >= a.kernel:
            raise Misfit(
                f"padding {max(a.before, a.after)} is not less than the kernel size {a.kernel}, so that a "
                f"window would hold padding alone; use at most {a.kernel - 1}"
            )
    return axes


def same_padding(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """Return the padding before and after that makes the output ``ceil(size / stride)`` long."""
    covered = (math.ceil(size / stride) - 1) * stride + dilation * (kernel - 1) + 1
    total = max(covered - size, 0)
    return total // 2, total - total // 2


def _axes(
    sizes: Sequence[int],
    kernel_size: int | tuple[int, ...],
    stride: int | tuple[int, ...],
    padding: int | str | tuple[int | tuple[int, int], ...],
    dilation: int | tuple[int, ...],
    *,
    ceil_mode: bool,
) -> tuple[Axis, ...]:
    rank = len(sizes)
    kernels = _per_axis("kernel_size", kernel_size, rank)
    strides = _per_axis("stride", stride, rank)
    dilations = _per_axis("dilation", dilation, rank)
    pads = list(_pads(sizes, kernels, strides, dilations, padding))
    windows = zip(sizes, kernels, strides, dilations, pads, strict=True)
    axes = tuple(Axis(n, k, s, d, *pad, ceil_mode) for n, k, s, d, pad in windows)
    for a in axes:
        if a.output < 1:
            raise Misfit(
                f"the window spans {a.extent} positions and the input with its padding has "
                f"{a.size + a.before + a.after}: {a.work}. Use a smaller kernel_size or dilation, more padding, "
                f"a larger input, or less stride before this layer"
            )
    return axes


def _pads(
    sizes: Sequence[int],
    kernels: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
    padding: int | str | tuple[int | tuple[int, int], ...],
) -> Iterator[tuple[int, int]]:
    spans = [d * (k - 1) for k, d in zip(kernels, dilations, strict=True)]
    match padding:
        case "valid":
            yield from ((0, 0) for _ in sizes)
        case "same":
            for window in zip(sizes, kernels, strides, dilations, strict=True):
                yield same_padding(*window)
        case "full":
            yield from ((span, span) for span in spans)
        case "causal":
            yield from ((span, 0) for span in spans)
        case _:
            assert not isinstance(padding, str)
            each: tuple[int | tuple[int, int], ...] = _per_axis("padding", padding, len(sizes))
            for pad in each:
                yield pad if isinstance(pad, tuple) else (pad, pad)


def _per_axis(name: str, value: _T | tuple[_T, ...], rank: int) -> tuple[_T, ...]:
    if not isinstance(value, tuple):
        return (value,) * rank
    if len(value) != rank:
        raise Misfit(
            f"{name}={value} has {len(value)} entries and the input has {rank} spatial axes; give {rank}, or one int"
        )
    return value
