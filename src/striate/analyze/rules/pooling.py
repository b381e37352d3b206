"""The arithmetic of pooling."""

from __future__ import annotations

from striate.analyze.rules.base import Arithmetic, Shape, arithmetic, need_axes
from striate.analyze.rules.windows import pool_axes
from striate.spec.layers import AvgPool, GlobalAvgPool, MaxPool


@arithmetic.register(MaxPool)
@arithmetic.register(AvgPool)
def _(layer: MaxPool | AvgPool, shape: Shape) -> Arithmetic:
    axes = pool_axes(layer, shape)
    return Arithmetic((shape[0], *(a.output for a in axes)), axes=axes)


@arithmetic.register
def _(layer: GlobalAvgPool, shape: Shape) -> Arithmetic:
    need_axes(shape)
    return Arithmetic(shape[:1], whole=True)
