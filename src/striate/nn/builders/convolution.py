"""The modules of convolutions: torch's own where its padding can say it, else padded first."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from striate.analyze import Axis, arithmetic, conv_axes, transposed_axes
from striate.analyze.rules.windows import AnyConv, per_axis
from striate.nn import layers
from striate.nn.builders.base import Shape, layer_module
from striate.nn.builders.windows import conv_pads, is_fixed
from striate.spec import (
    Conv,
    ConvTranspose,
    DepthwiseConv,
    LocallyConnected,
    SeparableConv,
    TableConv,
    TiledConv,
)

_CONV: tuple[Callable[..., nn.Module], ...] = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_PADDED_CONV: tuple[Callable[..., layers.PadFirst], ...] = (
    layers.PaddedConv1d,
    layers.PaddedConv2d,
    layers.PaddedConv3d,
)
_TRANSPOSED: tuple[Callable[..., nn.Module], ...] = (
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
)


@layer_module.register
def _(layer: Conv, shape: Shape) -> nn.Module:
    return _torch_conv(layer, shape, layer.out_channels, layer.groups)


@layer_module.register
def _(layer: DepthwiseConv, shape: Shape) -> nn.Module:
    return _torch_conv(layer, shape, shape[0] * layer.multiplier, shape[0])


def _torch_conv(layer: Conv | DepthwiseConv, shape: Shape, out_channels: int, groups: int) -> nn.Module:
    axes = conv_axes(layer, shape)
    options: dict[str, Any] = {
        "kernel_size": tuple(a.kernel for a in axes),
        "stride": tuple(a.stride for a in axes),
        "dilation": tuple(a.dilation for a in axes),
        "groups": groups,
        "bias": layer.bias,
    }
    channels = (shape[0], out_channels)
    if is_fixed(layer, axes):
        return _CONV[len(axes) - 1](*channels, padding=tuple(a.before for a in axes), **options)
    return _PADDED_CONV[len(axes) - 1](*channels, **options).pad_by(partial(conv_pads, layer))


@layer_module.register
def _(layer: ConvTranspose, shape: Shape) -> nn.Module:
    axes = transposed_axes(layer, shape)
    return _TRANSPOSED[len(axes) - 1](
        shape[0],
        layer.out_channels,
        kernel_size=tuple(a.kernel for a in axes),
        stride=tuple(a.stride for a in axes),
        padding=tuple(a.cut for a in axes),
        output_padding=tuple(a.added for a in axes),
        dilation=tuple(a.dilation for a in axes),
        groups=layer.groups,
        bias=layer.bias,
    )


@layer_module.register
def _(layer: SeparableConv, shape: Shape) -> nn.Module:
    windows = _windows(layer, conv_axes(layer, shape))
    return layers.SeparableConv(shape[0], layer.out_channels, layer.multiplier, windows, bias=layer.bias)


@layer_module.register
def _(layer: LocallyConnected, shape: Shape) -> nn.Module:
    size = arithmetic(layer, shape).output[1:]
    windows = _windows(layer, conv_axes(layer, shape))
    return layers.LocallyConnected(shape[0], layer.out_channels, size, windows, bias=layer.bias)


@layer_module.register
def _(layer: TiledConv, shape: Shape) -> nn.Module:
    axes = conv_axes(layer, shape)
    tiles = per_axis("tiles", layer.tiles, len(axes))
    return layers.TiledConv(shape[0], layer.out_channels, tiles, _windows(layer, axes), bias=layer.bias)


@layer_module.register
def _(layer: TableConv, shape: Shape) -> nn.Module:
    windows = _windows(layer, conv_axes(layer, shape))
    return layers.TableConv(shape[0], layer.connections, windows, bias=layer.bias)


def _windows(layer: AnyConv, axes: tuple[Axis, ...]) -> layers.Windows:
    settings = ([a.kernel for a in axes], [a.stride for a in axes], [a.dilation for a in axes])
    return layers.Windows(*settings, partial(conv_pads, layer))
