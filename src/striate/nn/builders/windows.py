"""The modules of convolutions and poolings: torch's own where its padding can say it, else padded first."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from torch import nn

from striate.analyze import Axis, conv_axes, pool_axes
from striate.nn import layers
from striate.nn.builders.base import Shape, layer_module
from striate.spec import AvgPool, Conv, MaxPool

_Makers = tuple[Callable[..., nn.Module], ...]

_CONV: _Makers = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_PADDED_CONV: tuple[Callable[..., layers.PadFirst], ...] = (
    layers.PaddedConv1d,
    layers.PaddedConv2d,
    layers.PaddedConv3d,
)
_MAX_POOL: _Makers = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)
_PADDED_MAX_POOL: tuple[Callable[..., layers.PadFirst], ...] = (
    layers.PaddedMaxPool1d,
    layers.PaddedMaxPool2d,
    layers.PaddedMaxPool3d,
)
_AVG_POOL: _Makers = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)


@layer_module.register
def _(layer: Conv, shape: Shape) -> nn.Module:
    axes = conv_axes(layer, shape)
    options: dict[str, Any] = {
        "kernel_size": tuple(a.kernel for a in axes),
        "stride": tuple(a.stride for a in axes),
        "dilation": tuple(a.dilation for a in axes),
        "groups": layer.groups,
        "bias": layer.bias,
    }
    channels = (shape[0], layer.out_channels)
    if _is_fixed(layer, axes):
        return _CONV[len(axes) - 1](*channels, padding=tuple(a.before for a in axes), **options)
    return _PADDED_CONV[len(axes) - 1](*channels, **options).pad_by(partial(_conv_pads, layer))


@layer_module.register
def _(layer: MaxPool, shape: Shape) -> nn.Module:
    axes = pool_axes(layer, shape)
    windows = {"kernel_size": tuple(a.kernel for a in axes), "stride": tuple(a.stride for a in axes)}
    if _is_fixed(layer, axes) and _is_at_most_half(axes):
        padding = tuple(a.before for a in axes)
        return _MAX_POOL[len(axes) - 1](**windows, padding=padding, ceil_mode=layer.ceil_mode)
    return _PADDED_MAX_POOL[len(axes) - 1](**windows).pad_by(partial(_pool_pads, layer), fill=-math.inf)


@layer_module.register
def _(layer: AvgPool, shape: Shape) -> nn.Module:
    axes = pool_axes(layer, shape)
    windows: dict[str, Any] = {
        "kernel_size": tuple(a.kernel for a in axes),
        "stride": tuple(a.stride for a in axes),
    }
    pool = _AVG_POOL[len(axes) - 1]
    if _is_fixed(layer, axes) and _is_at_most_half(axes):
        padding: Any = tuple(a.before for a in axes)
        return pool(
            **windows,
            padding=padding,
            ceil_mode=layer.ceil_mode,
            count_include_pad=layer.count_include_pad,
        )
    counted = partial(_counted_pads, layer) if layer.count_include_pad else _no_pads
    return layers.PaddedAvgPool(pool(**windows), partial(_pool_pads, layer), counted)


def _is_fixed(layer: Conv | MaxPool | AvgPool, axes: Sequence[Axis]) -> bool:
    """Tell whether the padding is even and the same for every input size, as torch's own must be."""
    by_size = layer.padding == "same" and any(a.stride > 1 for a in axes)
    return not by_size and all(a.before == a.after for a in axes)


def _is_at_most_half(axes: Sequence[Axis]) -> bool:
    return all(2 * a.before <= a.kernel for a in axes)


def _conv_pads(layer: Conv, sizes: Sequence[int]) -> layers.Pads:
    return [(a.before, a.after) for a in conv_axes(layer, (layer.groups, *sizes))]


def _pool_pads(layer: MaxPool | AvgPool, sizes: Sequence[int]) -> layers.Pads:
    """Return the padding that reaches to the end of the last window, rounded up or not."""
    axes = pool_axes(layer, (1, *sizes))
    ends = [(a.output - 1) * a.stride + a.extent for a in axes]
    return [(a.before, max(end - a.before - a.size, 0)) for a, end in zip(axes, ends, strict=True)]


def _counted_pads(layer: AvgPool, sizes: Sequence[int]) -> layers.Pads:
    needed = _pool_pads(layer, sizes)
    axes = pool_axes(layer, (1, *sizes))
    return [(a.before, min(a.after, after)) for a, (_, after) in zip(axes, needed, strict=True)]


def _no_pads(sizes: Sequence[int]) -> layers.Pads:
    return [(0, 0)] * len(sizes)
