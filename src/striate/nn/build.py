"""`build`: a description becomes an ordinary `torch.nn.Module` whose paths are those of the table.

One builder per layer kind, found by type. A new kind adds its builder here; the contract test names a
kind that has none.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial, singledispatch
from typing import Any

import torch
from torch import nn

from striate.analyze import Axis, analyze, conv_axes, pool_axes
from striate.nn import init, layers
from striate.spec import (
    ELU,
    GELU,
    AuxHead,
    AvgPool,
    BatchNorm,
    Concat,
    Conv,
    Dropout,
    Flatten,
    GlobalAvgPool,
    Identity,
    Layer,
    LeakyReLU,
    Linear,
    LocalResponseNorm,
    MaxPool,
    Network,
    Node,
    Placed,
    ReLU,
    Repeat,
    Residual,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)

__all__ = ["build"]

Shape = tuple[int, ...]


def build(network: Network, seed: int | None = None) -> nn.Module:
    """Return the PyTorch module of ``network``, initialized (see `striate.nn.init`).

    It takes ``(N, *network.input)`` and is called like any module; ``named_modules`` has the paths of
    the analysis.

    Args:
        network: The description.
        seed: Every weight is a function of the seed and the layer's path; None draws one from
            torch's own generator, which ``torch.manual_seed`` sets.

    Raises:
        ShapeError: if the network's input cannot pass through it.
    """
    analysis = analyze(network)
    shapes = {row.path: row.input_shape for row in analysis.layers}
    # Without storage first: torch's own initialization would be thrown away (1.5 s for VGG-16).
    with torch.device("meta"):
        module = nn.Sequential(OrderedDict(_modules(network.placed, shapes)))
    module.to_empty(device="cpu")
    init.initialize(module, network, _drawn_seed() if seed is None else seed)
    return module


def _drawn_seed() -> int:
    return int(torch.randint(2**63 - 1, (), dtype=torch.int64))


def _modules(chain: Sequence[Placed], shapes: dict[str, Shape]) -> dict[str, nn.Module]:
    return {part.name: _composed(part.node, part, shapes) for part in chain}


@singledispatch
def _composed(node: Node, part: Placed, shapes: dict[str, Shape]) -> nn.Module:
    raise TypeError(f"{node.kind} has no builder")  # only a kind added by halves


@_composed.register
def _(node: Layer, part: Placed, shapes: dict[str, Shape]) -> nn.Module:
    return layer_module(node, shapes[part.path])


@_composed.register(Sequential)
@_composed.register(Repeat)
def _(node: Node, part: Placed, shapes: dict[str, Shape]) -> nn.Module:
    return nn.Sequential(OrderedDict(_modules(part.chains[0], shapes)))


@_composed.register
def _(node: Residual, part: Placed, shapes: dict[str, Shape]) -> nn.Module:
    body, shortcut = (_modules(chain, shapes) for chain in part.chains)
    return layers.Residual(body, shortcut)


@_composed.register
def _(node: Concat, part: Placed, shapes: dict[str, Shape]) -> nn.Module:
    return layers.Concat(*(_modules(chain, shapes) for chain in part.chains))


@_composed.register
def _(node: AuxHead, part: Placed, shapes: dict[str, Shape]) -> nn.Module:
    return layers.AuxHead(_modules(part.chains[0], shapes), node.weight)


@singledispatch
def layer_module(layer: Layer, shape: Shape) -> nn.Module:
    """Return the module of one layer for inputs of ``shape``, one image."""
    raise TypeError(f"{layer.kind} has no builder")  # only a kind added by halves


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
_BATCH_NORM: _Makers = (nn.BatchNorm1d, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


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


@layer_module.register
def _(layer: GlobalAvgPool, shape: Shape) -> nn.Module:
    return layers.GlobalAvgPool()


@layer_module.register
def _(layer: Flatten, shape: Shape) -> nn.Module:
    return nn.Flatten()


@layer_module.register
def _(layer: Linear, shape: Shape) -> nn.Module:
    return nn.Linear(shape[0], layer.out_features, bias=layer.bias)


@layer_module.register
def _(layer: Dropout, shape: Shape) -> nn.Module:
    return nn.Dropout(layer.p)


@layer_module.register
def _(layer: BatchNorm, shape: Shape) -> nn.Module:
    return _BATCH_NORM[len(shape) - 1](shape[0], eps=layer.eps, momentum=layer.momentum, affine=layer.affine)


@layer_module.register
def _(layer: LocalResponseNorm, shape: Shape) -> nn.Module:
    return nn.LocalResponseNorm(layer.size, layer.alpha, layer.beta, layer.k)


@layer_module.register
def _(layer: ReLU, shape: Shape) -> nn.Module:
    return nn.ReLU()


@layer_module.register
def _(layer: LeakyReLU, shape: Shape) -> nn.Module:
    return nn.LeakyReLU(layer.negative_slope)


@layer_module.register
def _(layer: ELU, shape: Shape) -> nn.Module:
    return nn.ELU(layer.alpha)


@layer_module.register
def _(layer: GELU, shape: Shape) -> nn.Module:
    return nn.GELU(layer.approximate)


@layer_module.register
def _(layer: SiLU, shape: Shape) -> nn.Module:
    return nn.SiLU()


@layer_module.register
def _(layer: Softplus, shape: Shape) -> nn.Module:
    return nn.Softplus()


@layer_module.register
def _(layer: Tanh, shape: Shape) -> nn.Module:
    return nn.Tanh()


@layer_module.register
def _(layer: Sigmoid, shape: Shape) -> nn.Module:
    return nn.Sigmoid()


@layer_module.register
def _(layer: Softmax, shape: Shape) -> nn.Module:
    return nn.Softmax(dim=1)


@layer_module.register
def _(layer: Identity, shape: Shape) -> nn.Module:
    return nn.Identity()
