"""The arithmetic of convolutions. Legend: C channels."""

from __future__ import annotations

import math

from striate.analyze.rules.base import Arithmetic, Misfit, Shape, arithmetic
from striate.analyze.rules.windows import conv_axes
from striate.analyze.terms import NOTHING, product
from striate.spec.layers import Conv


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


def _common_divisors(a: int, b: int) -> list[int]:
    common = math.gcd(a, b)
    return [d for d in range(1, common + 1) if common % d == 0][:12]
