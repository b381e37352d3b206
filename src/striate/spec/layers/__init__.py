"""The layer kinds: one frozen dataclass each, saying what the layer is and nothing of how it runs.

Sizes (``kernel_size``, ``stride``, ``dilation``) are an int, meant for every axis, or a tuple with one
int per axis. The number of axes is not said here: it is that of the input, so that one `Conv` stands
for the 1-d, the 2-d and the 3-d convolution. ``padding`` is an int, one entry per axis (an int, or a
``(before, after)`` pair), or a word:

- ``"valid"``: none;
- ``"same"``: as much as makes the output ``ceil(input / stride)`` long, the odd one at the end;
- ``"full"``: ``dilation * (kernel_size - 1)`` at both ends, every overlap counts;
- ``"causal"``: ``dilation * (kernel_size - 1)`` at the beginning, for signals (1-d) alone.
"""

from striate.spec.layers.activation import (
    ELU,
    GELU,
    SELU,
    HardSigmoid,
    LeakyReLU,
    Maxout,
    Mish,
    PReLU,
    ReLU,
    ReLU6,
    RReLU,
    ScaledTanh,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from striate.spec.layers.base import Layer
from striate.spec.layers.convolution import (
    Conv,
    ConvTranspose,
    DepthwiseConv,
    LocallyConnected,
    SeparableConv,
    TableConv,
    TiledConv,
)
from striate.spec.layers.dense import (
    RBF,
    Flatten,
    Identity,
    Linear,
    PadChannels,
    Reshape,
    SliceChannels,
)
from striate.spec.layers.normalization import (
    BatchNorm,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    LocalContrastNorm,
    LocalResponseNorm,
)
from striate.spec.layers.pooling import (
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    AvgPool,
    ChannelPool,
    GlobalAvgPool,
    GlobalMaxPool,
    LpPool,
    MaxPool,
    MaxUnpool,
    StochasticPool,
    Subsample,
    Upsample,
)
from striate.spec.layers.regularization import (
    DropConnect,
    Dropout,
    GaussianNoise,
    SparsityPenalty,
    SpatialDropout,
    StochasticDepth,
)
from striate.spec.layers.sequence import (
    GRU,
    LSTM,
    RNN,
    Embedding,
    LastStep,
    LinearChainCRF,
    OneHot,
    Transpose,
)

__all__ = [
    "ELU",
    "GELU",
    "GRU",
    "LSTM",
    "RBF",
    "RNN",
    "SELU",
    "AdaptiveAvgPool",
    "AdaptiveMaxPool",
    "AvgPool",
    "BatchNorm",
    "ChannelPool",
    "Conv",
    "ConvTranspose",
    "DepthwiseConv",
    "DropConnect",
    "Dropout",
    "Embedding",
    "Flatten",
    "GaussianNoise",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "GroupNorm",
    "HardSigmoid",
    "Identity",
    "InstanceNorm",
    "LastStep",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LinearChainCRF",
    "LocalContrastNorm",
    "LocalResponseNorm",
    "LocallyConnected",
    "LpPool",
    "MaxPool",
    "MaxUnpool",
    "Maxout",
    "Mish",
    "OneHot",
    "PReLU",
    "PadChannels",
    "RReLU",
    "ReLU",
    "ReLU6",
    "Reshape",
    "ScaledTanh",
    "SeparableConv",
    "SiLU",
    "Sigmoid",
    "SliceChannels",
    "Softmax",
    "Softplus",
    "SparsityPenalty",
    "SpatialDropout",
    "StochasticDepth",
    "StochasticPool",
    "Subsample",
    "TableConv",
    "Tanh",
    "TiledConv",
    "Transpose",
    "Upsample",
]
