"""The arithmetic of pooling, and of what makes maps larger again."""

from __future__ import annotations

from striate.analyze.axes import Axis, TransposedAxis
from striate.analyze.rules.base import Arithmetic, Misfit, Shape, arithmetic, divided, need_axes
from striate.analyze.rules.windows import (
    AnyPool,
    adaptive_axes,
    pool_axes,
    subsample_axes,
    upsampled_axes,
)
from striate.analyze.terms import product
from striate.spec.layers import (
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    AvgPool,
    ChannelPool,
    GlobalAvgPool,
    GlobalMaxPool,
    LpPool,
    Maxout,
    MaxPool,
    MaxUnpool,
    StochasticPool,
    Subsample,
    Upsample,
)

__all__ = ["unpooled"]


@arithmetic.register(MaxPool)
@arithmetic.register(AvgPool)
@arithmetic.register(LpPool)
@arithmetic.register(StochasticPool)
def _(layer: AnyPool, shape: Shape) -> Arithmetic:
    axes = pool_axes(layer, shape)
    return Arithmetic((shape[0], *(a.output for a in axes)), axes=axes)


@arithmetic.register(AdaptiveAvgPool)
@arithmetic.register(AdaptiveMaxPool)
def _(layer: AdaptiveAvgPool | AdaptiveMaxPool, shape: Shape) -> Arithmetic:
    axes = adaptive_axes(layer, shape)
    return Arithmetic((shape[0], *(a.output for a in axes)), axes=axes)


@arithmetic.register(GlobalAvgPool)
@arithmetic.register(GlobalMaxPool)
def _(layer: GlobalAvgPool | GlobalMaxPool, shape: Shape) -> Arithmetic:
    need_axes(shape)
    return Arithmetic(shape[:1], seen=shape[1:], along=1)


@arithmetic.register
def _(layer: Subsample, shape: Shape) -> Arithmetic:
    axes = subsample_axes(layer, shape)
    per_map = product(shape[0])
    return Arithmetic((shape[0], *(a.output for a in axes)), weights=per_map, biases=per_map, axes=axes)


@arithmetic.register
def _(layer: ChannelPool, shape: Shape) -> Arithmetic:
    return Arithmetic((divided("channels", shape[0], "size", layer.size), *shape[1:]), along=1)


@arithmetic.register
def _(layer: Maxout, shape: Shape) -> Arithmetic:
    return Arithmetic((divided("channels", shape[0], "pieces", layer.pieces), *shape[1:]), along=1)


@arithmetic.register
def _(layer: Upsample, shape: Shape) -> Arithmetic:
    axes = upsampled_axes(layer, shape)
    return Arithmetic((shape[0], *(a.output for a in axes)), axes=axes)


@arithmetic.register
def _(layer: MaxUnpool, shape: Shape) -> Arithmetic:
    raise Misfit(f"what it makes depends on the layer at pool={layer.pool!r}; analyze the network")


def unpooled(shape: Shape, pool_input: Shape, windows: tuple[Axis, ...]) -> Arithmetic:
    """Return what a `MaxUnpool` makes of ``shape``, the output of a pooling of ``pool_input`` by ``windows``.

    Raises:
        Misfit: if the pooling gave another shape.
    """
    pooled = (pool_input[0], *(a.output for a in windows))
    if shape != pooled:
        raise Misfit(f"the switches of its pool are for {pooled}; let what comes before give that shape")
    axes = []
    for a in windows:
        whole = TransposedAxis(a.output, a.kernel, a.stride, 1, a.before, 0)
        axes.append(TransposedAxis(a.output, a.kernel, a.stride, 1, a.before, a.size - whole.output))
    return Arithmetic(pool_input, axes=tuple(axes))
