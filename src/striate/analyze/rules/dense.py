"""The arithmetic of fully connected layers, of changes of shape, and of normalization."""

from __future__ import annotations

import math

from striate.analyze.rules.base import Arithmetic, Misfit, Shape, arithmetic, need_axes
from striate.analyze.terms import NOTHING, product
from striate.spec.layers import BatchNorm, Flatten, Linear, LocalResponseNorm


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
    need_axes(shape)
    return Arithmetic(shape)
