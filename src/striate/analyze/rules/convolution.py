"""The arithmetic of convolutions, weights shared or not. Legend: C channels."""

from __future__ import annotations

import dataclasses
import math

from striate.analyze.axes import AnyAxis, Axis, TransposedAxis
from striate.analyze.rules.base import Arithmetic, Misfit, Shape, arithmetic, divisors
from striate.analyze.rules.windows import AnyConv, conv_axes, per_axis, transposed_axes
from striate.analyze.terms import NOTHING, Sum, product
from striate.spec.layers import (
    Conv,
    ConvTranspose,
    DepthwiseConv,
    LocallyConnected,
    SeparableConv,
    TableConv,
    TiledConv,
)


def _convolution(
    layer: AnyConv | ConvTranspose,
    shape: Shape,
    output: Shape,
    axes: tuple[AnyAxis, ...],
    *,
    weights: Sum,
    biases: Sum,
    macs: Sum,
) -> Arithmetic:
    """Return the arithmetic of a layer that multiplies once per weight of a kernel and position: ``macs``."""
    return Arithmetic(
        output,
        weights=weights,
        biases=biases if layer.bias else NOTHING,
        macs=macs,
        neurons=product(*output),
        dense=product(*shape, *output),
        local=macs,  # unshared, each of them has a weight of its own
        axes=axes,
    )


@arithmetic.register
def _(layer: Conv, shape: Shape) -> Arithmetic:
    axes = conv_axes(layer, shape)
    _check_groups(layer, shape[0])
    return _shared(layer, shape, layer.out_channels, (shape[0] // layer.groups, *_kernel(axes)), axes)


@arithmetic.register
def _(layer: DepthwiseConv, shape: Shape) -> Arithmetic:
    axes = conv_axes(layer, shape)
    return _shared(layer, shape, shape[0] * layer.multiplier, _kernel(axes), axes)


def _shared(
    layer: AnyConv, shape: Shape, filters: int, per_unit: Shape, axes: tuple[AnyAxis, ...]
) -> Arithmetic:
    """Return the arithmetic of ``filters`` kernels of ``per_unit`` weights that pass over every position."""
    output = (filters, *_size(axes))
    weights, macs = product(filters, *per_unit), product(*output, *per_unit)
    return _convolution(layer, shape, output, axes, weights=weights, biases=product(filters), macs=macs)


@arithmetic.register
def _(layer: SeparableConv, shape: Shape) -> Arithmetic:
    axes = conv_axes(layer, shape)
    kernel, size = _kernel(axes), _size(axes)
    between, filters = shape[0] * layer.multiplier, layer.out_channels
    output = (filters, *size)
    done = _convolution(
        layer,
        shape,
        output,
        axes,
        weights=Sum(((between, *kernel), (filters, between))),
        biases=product(filters),
        macs=Sum(((between, *size, *kernel), (*output, between))),
    )
    return dataclasses.replace(done, neurons=Sum(((between, *size), output)), stacked=2)


@arithmetic.register
def _(layer: ConvTranspose, shape: Shape) -> Arithmetic:
    axes = transposed_axes(layer, shape)
    _check_groups(layer, shape[0])
    filters = layer.out_channels
    per_unit = (filters // layer.groups, *_kernel(axes))
    # Every input meets every weight of its kernels once.
    weights, macs = product(shape[0], *per_unit), product(*shape, *per_unit)
    output = (filters, *_size(axes))
    return _convolution(layer, shape, output, axes, weights=weights, biases=product(filters), macs=macs)


@arithmetic.register
def _(layer: LocallyConnected, shape: Shape) -> Arithmetic:
    axes = conv_axes(layer, shape)
    _check_rank(layer, shape)
    output = (layer.out_channels, *_size(axes))
    each = product(*output, shape[0], *_kernel(axes))
    return _convolution(layer, shape, output, axes, weights=each, biases=product(*output), macs=each)


@arithmetic.register
def _(layer: TiledConv, shape: Shape) -> Arithmetic:
    axes = conv_axes(layer, shape)
    _check_rank(layer, shape)
    tiles = per_axis("tiles", layer.tiles, len(axes))
    for t, a in zip(tiles, axes, strict=True):
        if t > a.output:
            raise Misfit(f"tiles={t} is more than the {a.output} output positions; use at most {a.output}")
    kernels = (*tiles, layer.out_channels)
    output = (layer.out_channels, *_size(axes))
    per_unit = (shape[0], *_kernel(axes))
    weights, macs = product(*kernels, *per_unit), product(*output, *per_unit)
    return _convolution(layer, shape, output, axes, weights=weights, biases=product(*kernels), macs=macs)


@arithmetic.register
def _(layer: TableConv, shape: Shape) -> Arithmetic:
    axes = conv_axes(layer, shape)
    last = max(map(max, layer.connections))
    if last >= shape[0]:
        raise Misfit(
            f"connections name input map {last}, and the last of the {shape[0]} is {shape[0] - 1}; "
            f"count from 0, or give {last + 1} channels to this layer"
        )
    pairs, filters = sum(map(len, layer.connections)), len(layer.connections)
    output = (filters, *_size(axes))
    weights, macs = product(pairs, *_kernel(axes)), product(pairs, *_size(axes), *_kernel(axes))
    return _convolution(layer, shape, output, axes, weights=weights, biases=product(filters), macs=macs)


def _kernel(axes: tuple[Axis, ...] | tuple[TransposedAxis, ...]) -> Shape:
    return tuple(a.kernel for a in axes)


def _size(axes: tuple[AnyAxis, ...]) -> Shape:
    return tuple(a.output for a in axes)


def _check_groups(layer: Conv | ConvTranspose, channels: int) -> None:
    groups, filters = layer.groups, layer.out_channels
    for what, count in (("input channels", channels), ("out_channels", filters)):
        if count % groups:
            raise Misfit(
                f"groups={groups} does not divide the {count} {what} ({count}/{groups} = {count / groups:.4g}); "
                f"use one of {divisors(math.gcd(channels, filters))}"
            )


def _check_rank(layer: LocallyConnected | TiledConv, shape: Shape) -> None:
    if len(shape) > 3:
        raise Misfit(f"{layer.kind} works over one or two axes, (C, L) or (C, H, W); use Conv over three")
