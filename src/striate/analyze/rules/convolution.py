"""The arithmetic of convolutions, weights shared or not. Legend: C channels."""

from __future__ import annotations

import math

from striate.analyze.axes import AnyAxis
from striate.analyze.rules.base import Arithmetic, Misfit, Shape, arithmetic, divisors
from striate.analyze.rules.windows import conv_axes, per_axis, transposed_axes
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


@arithmetic.register
def _(layer: Conv, shape: Shape) -> Arithmetic:
    axes = conv_axes(layer, shape)
    _check_groups(layer, shape[0])
    per_unit = (shape[0] // layer.groups, *(a.kernel for a in axes))
    return _shared(shape, layer.out_channels, per_unit, axes, bias=layer.bias)


@arithmetic.register
def _(layer: DepthwiseConv, shape: Shape) -> Arithmetic:
    axes = conv_axes(layer, shape)
    per_unit = tuple(a.kernel for a in axes)
    return _shared(shape, shape[0] * layer.multiplier, per_unit, axes, bias=layer.bias)


def _shared(
    shape: Shape, filters: int, per_unit: tuple[int, ...], axes: tuple[AnyAxis, ...], *, bias: bool
) -> Arithmetic:
    """Return the arithmetic of ``filters`` kernels of ``per_unit`` weights that pass over every position."""
    output = (filters, *(a.output for a in axes))
    each = product(*output, *per_unit)
    return Arithmetic(
        output,
        weights=product(filters, *per_unit),
        biases=product(filters) if bias else NOTHING,
        macs=each,
        neurons=product(*output),
        dense=product(*shape, *output),
        local=each,
        axes=axes,
    )


@arithmetic.register
def _(layer: SeparableConv, shape: Shape) -> Arithmetic:
    axes = conv_axes(layer, shape)
    kernel = tuple(a.kernel for a in axes)
    size = tuple(a.output for a in axes)
    between = shape[0] * layer.multiplier
    output = (layer.out_channels, *size)
    each = Sum(((between, *size, *kernel), (*output, between)))
    return Arithmetic(
        output,
        weights=Sum(((between, *kernel), (layer.out_channels, between))),
        biases=product(layer.out_channels) if layer.bias else NOTHING,
        macs=each,
        neurons=Sum(((between, *size), output)),
        dense=product(*shape, *output),
        local=each,
        axes=axes,
        stacked=2,
    )


@arithmetic.register
def _(layer: ConvTranspose, shape: Shape) -> Arithmetic:
    axes = transposed_axes(layer, shape)
    _check_groups(layer, shape[0])
    per_unit = (layer.out_channels // layer.groups, *(a.kernel for a in axes))
    output = (layer.out_channels, *(a.output for a in axes))
    each = product(*shape, *per_unit)  # every input meets every weight of its kernels once
    return Arithmetic(
        output,
        weights=product(shape[0], *per_unit),
        biases=product(layer.out_channels) if layer.bias else NOTHING,
        macs=each,
        neurons=product(*output),
        dense=product(*shape, *output),
        local=each,
        axes=axes,
    )


@arithmetic.register
def _(layer: LocallyConnected, shape: Shape) -> Arithmetic:
    axes = conv_axes(layer, shape)
    _check_rank(layer, shape)
    output = (layer.out_channels, *(a.output for a in axes))
    each = product(*output, shape[0], *(a.kernel for a in axes))
    return Arithmetic(
        output,
        weights=each,
        biases=product(*output) if layer.bias else NOTHING,
        macs=each,
        neurons=product(*output),
        dense=product(*shape, *output),
        local=each,
        axes=axes,
    )


@arithmetic.register
def _(layer: TiledConv, shape: Shape) -> Arithmetic:
    axes = conv_axes(layer, shape)
    _check_rank(layer, shape)
    tiles = per_axis("tiles", layer.tiles, len(axes))
    for t, a in zip(tiles, axes, strict=True):
        if t > a.output:
            raise Misfit(f"tiles={t} is more than the {a.output} output positions; use at most {a.output}")
    output = (layer.out_channels, *(a.output for a in axes))
    per_unit = (shape[0], *(a.kernel for a in axes))
    each = product(*output, *per_unit)
    return Arithmetic(
        output,
        weights=product(*tiles, layer.out_channels, *per_unit),
        biases=product(*tiles, layer.out_channels) if layer.bias else NOTHING,
        macs=each,
        neurons=product(*output),
        dense=product(*shape, *output),
        local=each,
        axes=axes,
    )


@arithmetic.register
def _(layer: TableConv, shape: Shape) -> Arithmetic:
    axes = conv_axes(layer, shape)
    last = max(map(max, layer.connections))
    if last >= shape[0]:
        raise Misfit(
            f"connections name input map {last}, and the last of the {shape[0]} is {shape[0] - 1}; "
            f"count from 0, or give {last + 1} channels to this layer"
        )
    pairs = sum(map(len, layer.connections))
    kernel, size = tuple(a.kernel for a in axes), tuple(a.output for a in axes)
    output = (len(layer.connections), *size)
    each = product(pairs, *size, *kernel)
    return Arithmetic(
        output,
        weights=product(pairs, *kernel),
        biases=product(len(layer.connections)) if layer.bias else NOTHING,
        macs=each,
        neurons=product(*output),
        dense=product(*shape, *output),
        local=each,
        axes=axes,
    )


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
