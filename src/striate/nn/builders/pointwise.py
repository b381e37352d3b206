"""The modules of layers without windows: dense ones, normalization, activations, noise, changes of shape."""

from __future__ import annotations

from torch import nn

from striate.nn import layers
from striate.nn.builders.base import Shape, layer_module
from striate.spec import layers as spec

_BATCH_NORM = (nn.BatchNorm1d, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
_INSTANCE_NORM = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
_SPATIAL_DROPOUT = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)


@layer_module.register
def _(layer: spec.Flatten, shape: Shape) -> nn.Module:
    return nn.Flatten()


@layer_module.register
def _(layer: spec.Reshape, shape: Shape) -> nn.Module:
    return layers.Reshape(layer.shape)


@layer_module.register
def _(layer: spec.PadChannels, shape: Shape) -> nn.Module:
    return layers.PadChannels(layer.out_channels)


@layer_module.register
def _(layer: spec.SliceChannels, shape: Shape) -> nn.Module:
    return layers.SliceChannels(layer.start, layer.stop)


@layer_module.register
def _(layer: spec.Identity, shape: Shape) -> nn.Module:
    return nn.Identity()


@layer_module.register
def _(layer: spec.Linear, shape: Shape) -> nn.Module:
    return nn.Linear(shape[-1], layer.out_features, bias=layer.bias)


@layer_module.register
def _(layer: spec.RBF, shape: Shape) -> nn.Module:
    return layers.RBF(shape[0], layer.out_features)


@layer_module.register
def _(layer: spec.BatchNorm, shape: Shape) -> nn.Module:
    return _BATCH_NORM[len(shape) - 1](shape[0], eps=layer.eps, momentum=layer.momentum, affine=layer.affine)


@layer_module.register
def _(layer: spec.LayerNorm, shape: Shape) -> nn.Module:
    match layer.over:
        case "image":
            return nn.LayerNorm(shape, eps=layer.eps, elementwise_affine=layer.affine)
        case "channels":
            return layers.ChannelNorm(shape[0], eps=layer.eps, elementwise_affine=layer.affine)
        case "step":
            return nn.LayerNorm(shape[1], eps=layer.eps, elementwise_affine=layer.affine)


@layer_module.register
def _(layer: spec.GroupNorm, shape: Shape) -> nn.Module:
    return nn.GroupNorm(layer.num_groups, shape[0], eps=layer.eps, affine=layer.affine)


@layer_module.register
def _(layer: spec.InstanceNorm, shape: Shape) -> nn.Module:
    return _INSTANCE_NORM[len(shape) - 2](shape[0], eps=layer.eps, affine=layer.affine)


@layer_module.register
def _(layer: spec.LocalResponseNorm, shape: Shape) -> nn.Module:
    return layers.ResponseNorm(layer.size, layer.alpha, layer.beta, layer.k, layer.region)


@layer_module.register
def _(layer: spec.LocalContrastNorm, shape: Shape) -> nn.Module:
    sigma = layer.kernel_size / 4 if layer.sigma is None else layer.sigma
    return layers.LocalContrastNorm(layer.kernel_size, sigma, layer.eps)


@layer_module.register
def _(layer: spec.Dropout, shape: Shape) -> nn.Module:
    return nn.Dropout(layer.p)


@layer_module.register
def _(layer: spec.SpatialDropout, shape: Shape) -> nn.Module:
    return _SPATIAL_DROPOUT[len(shape) - 1](layer.p)


@layer_module.register
def _(layer: spec.DropConnect, shape: Shape) -> nn.Module:
    return layers.DropConnect(shape[0], layer.out_features, layer.p, bias=layer.bias)


@layer_module.register
def _(layer: spec.GaussianNoise, shape: Shape) -> nn.Module:
    return layers.GaussianNoise(layer.std)


@layer_module.register
def _(layer: spec.StochasticDepth, shape: Shape) -> nn.Module:
    return layers.StochasticDepth(layer.p, layer.mode)


@layer_module.register
def _(layer: spec.SparsityPenalty, shape: Shape) -> nn.Module:
    return layers.SparsityPenalty(layer.target, layer.weight)


@layer_module.register
def _(layer: spec.ReLU, shape: Shape) -> nn.Module:
    return nn.ReLU()


@layer_module.register
def _(layer: spec.LeakyReLU, shape: Shape) -> nn.Module:
    return nn.LeakyReLU(layer.negative_slope)


@layer_module.register
def _(layer: spec.RReLU, shape: Shape) -> nn.Module:
    return nn.RReLU(layer.lower, layer.upper)


@layer_module.register
def _(layer: spec.PReLU, shape: Shape) -> nn.Module:
    return nn.PReLU(shape[0] if layer.per_channel else 1, layer.initial)


@layer_module.register
def _(layer: spec.ELU, shape: Shape) -> nn.Module:
    return nn.ELU(layer.alpha)


@layer_module.register
def _(layer: spec.GELU, shape: Shape) -> nn.Module:
    return nn.GELU(layer.approximate)


@layer_module.register
def _(layer: spec.ScaledTanh, shape: Shape) -> nn.Module:
    return layers.ScaledTanh(layer.amplitude, layer.slope)


@layer_module.register
def _(layer: spec.Softmax, shape: Shape) -> nn.Module:
    return nn.Softmax(dim=2 if layer.per_step else 1)


@layer_module.register(spec.ReLU6)
@layer_module.register(spec.SELU)
@layer_module.register(spec.SiLU)
@layer_module.register(spec.Mish)
@layer_module.register(spec.Softplus)
@layer_module.register(spec.Sigmoid)
@layer_module.register(spec.Tanh)
def _(layer: spec.Layer, shape: Shape) -> nn.Module:
    made: nn.Module = getattr(nn, layer.kind)()  # these have no options, and torch calls them the same
    return made


@layer_module.register
def _(layer: spec.HardSigmoid, shape: Shape) -> nn.Module:
    return nn.Hardsigmoid()
