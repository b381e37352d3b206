"""The modules of sequences."""

from __future__ import annotations

from torch import nn

from striate.nn import layers
from striate.nn.builders.base import Shape, layer_module
from striate.spec import layers as spec


@layer_module.register
def _(layer: spec.Embedding, shape: Shape) -> nn.Module:
    return nn.Embedding(layer.num_embeddings, layer.dim)


@layer_module.register
def _(layer: spec.OneHot, shape: Shape) -> nn.Module:
    return layers.OneHot(layer.num_tokens)


@layer_module.register
def _(layer: spec.RNN, shape: Shape) -> nn.Module:
    return layers.RNN(
        shape[1],
        layer.hidden_size,
        layer.num_layers,
        nonlinearity=layer.activation,
        bias=layer.bias,
        bidirectional=layer.bidirectional,
        batch_first=True,
    )


@layer_module.register(spec.LSTM)
@layer_module.register(spec.GRU)
def _(layer: spec.LSTM | spec.GRU, shape: Shape) -> nn.Module:
    make = layers.LSTM if isinstance(layer, spec.LSTM) else layers.GRU
    return make(
        shape[1],
        layer.hidden_size,
        layer.num_layers,
        bias=layer.bias,
        bidirectional=layer.bidirectional,
        batch_first=True,
    )


@layer_module.register
def _(layer: spec.LastStep, shape: Shape) -> nn.Module:
    return layers.LastStep()


@layer_module.register
def _(layer: spec.Transpose, shape: Shape) -> nn.Module:
    return layers.Transpose()


@layer_module.register
def _(layer: spec.LinearChainCRF, shape: Shape) -> nn.Module:
    return layers.LinearChainCRF(shape[1])
