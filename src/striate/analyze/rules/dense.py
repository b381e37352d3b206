"""The arithmetic of fully connected layers, and of changes of shape."""

from __future__ import annotations

import math

from striate.analyze.rules.base import Arithmetic, Misfit, Shape, arithmetic, need_steps
from striate.analyze.terms import NOTHING, product
from striate.spec.layers import (
    RBF,
    DropConnect,
    Flatten,
    Linear,
    PadChannels,
    Reshape,
    SliceChannels,
    Softmax,
)


@arithmetic.register
def _(layer: Flatten, shape: Shape) -> Arithmetic:
    return Arithmetic((math.prod(shape),), seen=shape[1:])


@arithmetic.register
def _(layer: Reshape, shape: Shape) -> Arithmetic:
    if math.prod(shape) != math.prod(layer.shape):
        count = math.prod(shape)
        raise Misfit(
            f"its {count:,} values do not fill shape={layer.shape}, which has {math.prod(layer.shape):,}; "
            f"choose sizes whose product is {count:,}"
        )
    return Arithmetic(layer.shape, seen=shape[1:])


@arithmetic.register
def _(layer: PadChannels, shape: Shape) -> Arithmetic:
    if layer.out_channels < shape[0]:
        raise Misfit(
            f"out_channels={layer.out_channels} is less than the {shape[0]} channels there are; "
            f"use at least {shape[0]}, or a Conv of kernel size 1 to have fewer"
        )
    return Arithmetic((layer.out_channels, *shape[1:]), along=1)


@arithmetic.register
def _(layer: SliceChannels, shape: Shape) -> Arithmetic:
    if layer.stop > shape[0]:
        raise Misfit(f"stop={layer.stop} is beyond the {shape[0]} channels there are; use at most {shape[0]}")
    return Arithmetic((layer.stop - layer.start, *shape[1:]), along=1)


@arithmetic.register
def _(layer: Linear, shape: Shape) -> Arithmetic:
    if not layer.per_step:
        return _fully_connected(layer, shape, bias=layer.bias)
    need_steps(shape)
    steps, features = shape
    each = product(steps, layer.out_features, features)
    return Arithmetic(
        (steps, layer.out_features),
        weights=product(layer.out_features, features),
        biases=product(layer.out_features) if layer.bias else NOTHING,
        macs=each,
        neurons=product(steps, layer.out_features),
        dense=product(*shape, steps, layer.out_features),
        local=each,
        along=0,
    )


@arithmetic.register
def _(layer: DropConnect, shape: Shape) -> Arithmetic:
    return _fully_connected(layer, shape, bias=layer.bias)


def _fully_connected(layer: Linear | DropConnect, shape: Shape, *, bias: bool) -> Arithmetic:
    if len(shape) != 1:
        steps = (
            ", or, for a sequence (T, C), say per_step=True"
            if len(shape) == 2 and layer.kind == "Linear"
            else ""
        )
        raise Misfit(f"{layer.kind} takes a vector (C,); put Flatten() or GlobalAvgPool() before it{steps}")
    weights = product(layer.out_features, shape[0])
    return Arithmetic(
        (layer.out_features,),
        weights=weights,
        biases=product(layer.out_features) if bias else NOTHING,
        macs=weights,
        neurons=product(layer.out_features),
        dense=weights,
        local=weights,
    )


@arithmetic.register
def _(layer: RBF, shape: Shape) -> Arithmetic:
    if len(shape) != 1:
        raise Misfit("RBF takes a vector (C,); put Flatten() or GlobalAvgPool() before it")
    return Arithmetic(
        (layer.out_features,),
        macs=product(layer.out_features, shape[0]),
        neurons=product(layer.out_features),
    )


@arithmetic.register
def _(layer: Softmax, shape: Shape) -> Arithmetic:
    if layer.per_step:
        need_steps(shape)
    return Arithmetic(shape, along=0 if layer.per_step else 1)
