"""The modules of all layers without windows."""

from __future__ import annotations

from torch import nn

from striate.nn import layers
from striate.nn.builders.base import Shape, layer_module
from striate.spec import (
    ELU,
    GELU,
    BatchNorm,
    Dropout,
    Flatten,
    GlobalAvgPool,
    Identity,
    LeakyReLU,
    Linear,
    LocalResponseNorm,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)

_BATCH_NORM = (nn.BatchNorm1d, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


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
