"""The arithmetic of each layer kind: what it makes of a shape, and what that costs.

One function per kind, found by type. A new kind adds its function here; the contract test names a
kind that has none. Legend: C channels, F output channels or features.

Convention: a MAC is one multiply-accumulate of a convolution or a fully connected layer, biases not
counted; pooling, activations and normalization count none (as fvcore and the ResNet paper do).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import TypeVar

from striate.analyze.terms import NOTHING, Axis, Sum, product
from striate.spec.layers import (
    AvgPool,
    BatchNorm,
    Conv,
    Flatten,
    GlobalAvgPool,
    Layer,
    Linear,
    LocalResponseNorm,
    MaxPool,
)

__all__ = ["Arithmetic", "Misfit", "arithmetic", "conv_axes", "pool_axes", "same_padding"]

Shape = tuple[int, ...]
_T = TypeVar("_T")


class Misfit(ValueError):
    """A shape that cannot pass through a layer; the walk adds where, and raises `ShapeError`."""


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """What one layer makes of one input shape.

    Attributes:
        output: Shape of the output for one image.
        neurons: Units that have weights of their own inputs: outputs of convolutions and linear layers.
        dense: Weights of a fully connected layer between the same input and output.
        local: Weights of a layer with the same windows that does not share them between positions.
        axes: The sliding window on each spatial axis; empty where the layer works point by point.
        whole: Whether every output sees every position of the input.
    """

    output: Shape
    weights: Sum = NOTHING
    biases: Sum = NOTHING
    macs: Sum = NOTHING
    neurons: Sum = NOTHING
    dense: Sum = NOTHING
    local: Sum = NOTHING
    axes: tuple[Axis, ...] = ()
    whole: bool = False


@singledispatch
def arithmetic(layer: Layer, shape: Shape) -> Arithmetic:
    """Return what ``layer`` makes of an input of ``shape``; activations and dropout change nothing.

    Raises:
        Misfit: if ``shape`` cannot pass through ``layer``.
    """
    return Arithmetic(shape)


@arithmetic.register
def _(layer: Conv, shape: Shape) -> Arithmetic:
    channels, groups, filters = shape[0], layer.groups, layer.out_channels
    axes = conv_axes(layer, shape)
    for what, count in (("input channels", channels), ("out_channels", filters)):
        if count % groups:
            raise Misfit(
                f"groups={groups} does not divide the {count} {what} ({count}/{groups} = {count / groups:.4g}); "
                f"use one of {', '.join(map(str, _common_divisors(channels, filters)))}"
            )
    kernel = tuple(a.kernel for a in axes)
    output = (filters, *(a.output for a in axes))
    per_unit = (channels // groups, *kernel)
    return Arithmetic(
        output,
        weights=product(filters, *per_unit),
        biases=product(filters) if layer.bias else NOTHING,
        macs=product(*output, *per_unit),
        neurons=product(*output),
        dense=product(*shape, *output),
        local=product(*output, *per_unit),
        axes=axes,
    )


@arithmetic.register(MaxPool)
@arithmetic.register(AvgPool)
def _(layer: MaxPool | AvgPool, shape: Shape) -> Arithmetic:
    axes = pool_axes(layer, shape)
    return Arithmetic((shape[0], *(a.output for a in axes)), axes=axes)


@arithmetic.register
def _(layer: GlobalAvgPool, shape: Shape) -> Arithmetic:
    _need_axes(shape)
    return Arithmetic(shape[:1], whole=True)


@arithmetic.register
def _(layer: Flatten, shape: Shape) -> Arithmetic:
    return Arithmetic((math.prod(shape),), whole=True)


@arithmetic.register
def _(layer: Linear, shape: Shape) -> Arithmetic:
    if len(shape) != 1:
        raise Misfit("Linear takes a vector (C,); put Flatten() or GlobalAvgPool() before it")
    weights = product(layer.out_features, shape[0])
    return Arithmetic(
        (layer.out_features,),
        weights=weights,
        biases=product(layer.out_features) if layer.bias else NOTHING,
        macs=weights,
        neurons=product(layer.out_features),
        dense=weights,
        local=weights,
        whole=True,
    )


@arithmetic.register
def _(layer: BatchNorm, shape: Shape) -> Arithmetic:
    per_channel = product(shape[0]) if layer.affine else NOTHING
    return Arithmetic(shape, weights=per_channel, biases=per_channel)


@arithmetic.register
def _(layer: LocalResponseNorm, shape: Shape) -> Arithmetic:
    _need_axes(shape)
    return Arithmetic(shape)


def conv_axes(layer: Conv, shape: Shape) -> tuple[Axis, ...]:
    """Return the window of a convolution on each spatial axis of ``shape``.

    Raises:
        Misfit: if the window does not fit.
    """
    _need_axes(shape)
    sizes = shape[1:]
    if layer.padding == "causal" and len(sizes) != 1:
        raise Misfit(f"padding='causal' is for signals (C, L) alone; use 'same' over {len(sizes)} axes")
    return _axes(sizes, layer.kernel_size, layer.stride, layer.padding, layer.dilation, ceil_mode=False)


def pool_axes(layer: MaxPool | AvgPool, shape: Shape) -> tuple[Axis, ...]:
    """Return the window of a pooling layer on each spatial axis of ``shape``.

    Raises:
        Misfit: if the window does not fit.
    """
    _need_axes(shape)
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


def _need_axes(shape: Shape) -> None:
    if len(shape) < 2:
        raise Misfit("it needs a map (C, L), (C, H, W) or (C, D, H, W), not a vector; put it before Flatten")


def _common_divisors(a: int, b: int) -> list[int]:
    common = math.gcd(a, b)
    return [d for d in range(1, common + 1) if common % d == 0][:12]
