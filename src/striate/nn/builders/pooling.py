"""The modules of poolings: torch's own where its padding can say it, else padded first."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from torch import nn

from striate.analyze import Axis, pool_axes, subsample_axes
from striate.analyze.rules.windows import AnyPool
from striate.nn import layers
from striate.nn.builders.base import Shape, layer_module
from striate.nn.builders.windows import is_fixed, pool_pads
from striate.spec import (
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

__all__ = ["switched"]

_Makers = tuple[Callable[..., nn.Module], ...]
_MAX_POOL: _Makers = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)
_PADDED_MAX_POOL: tuple[Callable[..., layers.PadFirst], ...] = (
    layers.PaddedMaxPool1d,
    layers.PaddedMaxPool2d,
    layers.PaddedMaxPool3d,
)
_AVG_POOL: _Makers = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
_ADAPTIVE_AVG: _Makers = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)
_ADAPTIVE_MAX: _Makers = (nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d)
_LINEAR = ("linear", "bilinear", "trilinear")


@layer_module.register
def _(layer: MaxPool, shape: Shape) -> nn.Module:
    axes = pool_axes(layer, shape)
    windows = {"kernel_size": tuple(a.kernel for a in axes), "stride": tuple(a.stride for a in axes)}
    if is_fixed(layer, axes) and _is_at_most_half(axes):
        padding = tuple(a.before for a in axes)
        return _MAX_POOL[len(axes) - 1](**windows, padding=padding, ceil_mode=layer.ceil_mode)
    return _PADDED_MAX_POOL[len(axes) - 1](**windows).pad_by(partial(pool_pads, layer), fill=-math.inf)


def switched(layer: MaxPool, shape: Shape) -> layers.SwitchedMaxPool:
    """Return the module of a `MaxPool` whose switches a `MaxUnpool` will use."""
    return layers.SwitchedMaxPool(*_settings(layer, shape), partial(pool_pads, layer))


@layer_module.register
def _(layer: AvgPool, shape: Shape) -> nn.Module:
    axes = pool_axes(layer, shape)
    windows: dict[str, Any] = {
        "kernel_size": tuple(a.kernel for a in axes),
        "stride": tuple(a.stride for a in axes),
    }
    pool = _AVG_POOL[len(axes) - 1]
    if is_fixed(layer, axes) and _is_at_most_half(axes):
        padding: Any = tuple(a.before for a in axes)
        return pool(
            **windows,
            padding=padding,
            ceil_mode=layer.ceil_mode,
            count_include_pad=layer.count_include_pad,
        )
    counted = partial(_counted_pads, layer) if layer.count_include_pad else _no_pads
    return layers.PaddedAvgPool(pool(**windows), partial(pool_pads, layer), counted)


def _is_at_most_half(axes: Sequence[Axis]) -> bool:
    return all(2 * a.before <= a.kernel for a in axes)


def _counted_pads(layer: AvgPool, sizes: Sequence[int]) -> layers.Pads:
    needed = pool_pads(layer, sizes)
    axes = pool_axes(layer, (1, *sizes))
    return [(a.before, min(a.after, after)) for a, (_, after) in zip(axes, needed, strict=True)]


def _no_pads(sizes: Sequence[int]) -> layers.Pads:
    return [(0, 0)] * len(sizes)


@layer_module.register
def _(layer: LpPool, shape: Shape) -> nn.Module:
    return layers.LpPool(*_settings(layer, shape), partial(pool_pads, layer), layer.p)


@layer_module.register
def _(layer: StochasticPool, shape: Shape) -> nn.Module:
    return layers.StochasticPool(*_settings(layer, shape), partial(pool_pads, layer))


def _settings(layer: AnyPool, shape: Shape) -> tuple[list[int], list[int]]:
    axes = pool_axes(layer, shape)
    return [a.kernel for a in axes], [a.stride for a in axes]


@layer_module.register
def _(layer: Subsample, shape: Shape) -> nn.Module:
    axes = subsample_axes(layer, shape)
    return layers.Subsample(shape[0], [a.kernel for a in axes], [a.stride for a in axes])


@layer_module.register
def _(layer: AdaptiveAvgPool, shape: Shape) -> nn.Module:
    return _ADAPTIVE_AVG[len(shape) - 2](layer.output_size)


@layer_module.register
def _(layer: AdaptiveMaxPool, shape: Shape) -> nn.Module:
    return _ADAPTIVE_MAX[len(shape) - 2](layer.output_size)


@layer_module.register
def _(layer: GlobalAvgPool, shape: Shape) -> nn.Module:
    return layers.GlobalAvgPool()


@layer_module.register
def _(layer: GlobalMaxPool, shape: Shape) -> nn.Module:
    return layers.GlobalMaxPool()


@layer_module.register
def _(layer: ChannelPool, shape: Shape) -> nn.Module:
    return layers.ChannelPool(layer.size, layer.mode)


@layer_module.register
def _(layer: Maxout, shape: Shape) -> nn.Module:
    return layers.ChannelPool(layer.pieces, "max")


@layer_module.register
def _(layer: MaxUnpool, shape: Shape) -> nn.Module:
    return layers.MaxUnpool()


@layer_module.register
def _(layer: Upsample, shape: Shape) -> nn.Module:
    mode = "nearest" if layer.mode == "nearest" else _LINEAR[len(shape) - 2]
    return nn.Upsample(scale_factor=layer.scale_factor, mode=mode)
