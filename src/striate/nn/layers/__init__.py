"""The layers PyTorch lacks or does otherwise. They are ordinary modules and know nothing of descriptions.

Their parameters, and the codes of `RBF`, are uninitialized memory until `striate.nn.init` fills them, as
`striate.nn.build` has it do; who makes a layer directly fills them himself.
"""

from striate.nn.layers.compose import (
    AuxHead,
    Concat,
    Residual,
    aux_losses,
)
from striate.nn.layers.crf import (
    LinearChainCRF,
)
from striate.nn.layers.local import (
    LocallyConnected,
    SeparableConv,
    TableConv,
)
from striate.nn.layers.normalization import (
    ChannelNorm,
    LocalContrastNorm,
    ResponseNorm,
)
from striate.nn.layers.padded import (
    PaddedAvgPool,
    PaddedConv1d,
    PaddedConv2d,
    PaddedConv3d,
    PaddedMaxPool1d,
    PaddedMaxPool2d,
    PaddedMaxPool3d,
    PadFirst,
    PadRule,
    Pads,
)
from striate.nn.layers.pooling import (
    ChannelPool,
    GlobalAvgPool,
    GlobalMaxPool,
    LpPool,
    MaxUnpool,
    StochasticPool,
    Subsample,
    SwitchedMaxPool,
)
from striate.nn.layers.regularization import (
    DropConnect,
    GaussianNoise,
    SparsityPenalty,
    StochasticDepth,
)
from striate.nn.layers.sequence import (
    GRU,
    LSTM,
    RNN,
    LastStep,
    OneHot,
    Transpose,
)
from striate.nn.layers.shapes import (
    RBF,
    PadChannels,
    Reshape,
    ScaledTanh,
    SliceChannels,
)
from striate.nn.layers.tiled import (
    TiledConv,
)
from striate.nn.layers.windows import (
    Windows,
)

__all__ = [
    "GRU",
    "LSTM",
    "RBF",
    "RNN",
    "AuxHead",
    "ChannelNorm",
    "ChannelPool",
    "Concat",
    "DropConnect",
    "GaussianNoise",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "LastStep",
    "LinearChainCRF",
    "LocalContrastNorm",
    "LocallyConnected",
    "LpPool",
    "MaxUnpool",
    "OneHot",
    "PadChannels",
    "PadFirst",
    "PadRule",
    "PaddedAvgPool",
    "PaddedConv1d",
    "PaddedConv2d",
    "PaddedConv3d",
    "PaddedMaxPool1d",
    "PaddedMaxPool2d",
    "PaddedMaxPool3d",
    "Pads",
    "Reshape",
    "Residual",
    "ResponseNorm",
    "ScaledTanh",
    "SeparableConv",
    "SliceChannels",
    "SparsityPenalty",
    "StochasticDepth",
    "StochasticPool",
    "Subsample",
    "SwitchedMaxPool",
    "TableConv",
    "TiledConv",
    "Transpose",
    "Windows",
    "aux_losses",
]
