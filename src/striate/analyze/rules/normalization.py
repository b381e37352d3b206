"""The arithmetic of normalization, and of activations that learn.

Convention: means and variances are not counted among what a unit sees.
"""

from __future__ import annotations

import math

from striate.analyze.rules.base import Arithmetic, Misfit, Shape, arithmetic, divided, need_axes, need_steps
from striate.analyze.rules.windows import around
from striate.analyze.terms import NOTHING, product
from striate.spec.layers import (
    BatchNorm,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    LocalContrastNorm,
    LocalResponseNorm,
    PReLU,
)


@arithmetic.register
def _(layer: BatchNorm, shape: Shape) -> Arithmetic:
    per_channel = product(shape[0]) if layer.affine else NOTHING
    return Arithmetic(shape, weights=per_channel, biases=per_channel)


@arithmetic.register
def _(layer: GroupNorm, shape: Shape) -> Arithmetic:
    channels = divided("channels", shape[0], "num_groups", layer.num_groups)
    _need_several(channels * math.prod(shape[1:]), "group", "use fewer groups")
    per_channel = product(shape[0]) if layer.affine else NOTHING
    return Arithmetic(shape, weights=per_channel, biases=per_channel)


@arithmetic.register
def _(layer: InstanceNorm, shape: Shape) -> Arithmetic:
    need_axes(shape)
    _need_several(math.prod(shape[1:]), "map", "put it where there are several positions")
    per_channel = product(shape[0]) if layer.affine else NOTHING
    return Arithmetic(shape, weights=per_channel, biases=per_channel)


@arithmetic.register
def _(layer: LayerNorm, shape: Shape) -> Arithmetic:
    if layer.over == "step":
        need_steps(shape)
    learned = {"image": shape, "channels": shape[:1], "step": shape[1:]}[layer.over]
    each = product(*learned) if layer.affine else NOTHING
    return Arithmetic(shape, weights=each, biases=each)


@arithmetic.register
def _(layer: LocalResponseNorm, shape: Shape) -> Arithmetic:
    need_axes(shape)
    if layer.region == "within":
        return Arithmetic(shape, axes=around(layer.size, shape))
    return Arithmetic(shape, along=1)


@arithmetic.register
def _(layer: LocalContrastNorm, shape: Shape) -> Arithmetic:
    need_axes(shape)
    if len(shape) > 3:
        raise Misfit("LocalContrastNorm works over one or two axes, (C, L) or (C, H, W)")
    # What is divided by has seen, at every position of its window, a window: twice the reach.
    return Arithmetic(shape, axes=around(2 * layer.kernel_size - 1, shape))


def _need_several(values: int, of: str, fix: str) -> None:
    if values == 1:
        raise Misfit(f"each {of} has one value, which is its own mean; {fix}")


@arithmetic.register
def _(layer: PReLU, shape: Shape) -> Arithmetic:
    return Arithmetic(shape, weights=product(shape[0] if layer.per_channel else 1))
