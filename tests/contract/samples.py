"""Sample descriptions of every layer kind: `SAMPLES[kind]` lists (input shape, description)."""

from striate.spec import (
    ELU,
    GELU,
    GRU,
    LSTM,
    RBF,
    RNN,
    SELU,
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    AuxHead,
    AvgPool,
    BatchNorm,
    ChannelPool,
    Concat,
    Conv,
    ConvTranspose,
    DepthwiseConv,
    DropConnect,
    Dropout,
    Embedding,
    Flatten,
    GaussianNoise,
    GlobalAvgPool,
    GlobalMaxPool,
    GroupNorm,
    HardSigmoid,
    Identity,
    InstanceNorm,
    LastStep,
    LayerNorm,
    LeakyReLU,
    Linear,
    LinearChainCRF,
    LocalContrastNorm,
    LocallyConnected,
    LocalResponseNorm,
    LpPool,
    Maxout,
    MaxPool,
    MaxUnpool,
    Mish,
    OneHot,
    PadChannels,
    PReLU,
    ReLU,
    ReLU6,
    Repeat,
    Reshape,
    Residual,
    RReLU,
    ScaledTanh,
    SeparableConv,
    Sequential,
    Sigmoid,
    SiLU,
    SliceChannels,
    Softmax,
    Softplus,
    SparsityPenalty,
    SpatialDropout,
    StochasticDepth,
    StochasticPool,
    Subsample,
    TableConv,
    Tanh,
    TiledConv,
    Transpose,
    Upsample,
)

SIGNAL, IMAGE, VOLUME, VECTOR = (4, 13), (4, 11, 9), (2, 6, 5, 7), (7,)
STEPS, TOKENS = (6, 5), (8,)  # a sequence (T, C), and tokens (T,), which are whole numbers below 5
MAPS = (SIGNAL, IMAGE, VOLUME)

CONVS = [
    (SIGNAL, Conv(6, 3)),
    (SIGNAL, Conv(6, 4, padding="causal", dilation=2)),
    (SIGNAL, Conv(6, 5, stride=3, padding=((3, 1),))),
    (SIGNAL, Conv(6, 4, padding="full")),
    (IMAGE, Conv(6, 3)),
    (IMAGE, Conv(6, 1, bias=False)),
    (IMAGE, Conv(6, (5, 3), stride=(2, 1), padding=(2, 0))),
    (IMAGE, Conv(6, 3, padding=((0, 2), (1, 1)), groups=2)),
    (IMAGE, Conv(8, 3, stride=2, padding="same", groups=4, bias=False)),
    (IMAGE, Conv(6, (2, 4), padding="same", dilation=(2, 1))),
    (IMAGE, Conv(6, 3, padding="full", dilation=2)),
    (IMAGE, Conv(6, 3, padding="valid", stride=4)),
    (VOLUME, Conv(3, 3, padding=1)),
    (VOLUME, Conv(4, (1, 2, 3), stride=(1, 2, 1), padding="same", groups=2)),
]

MAX_POOLS = [
    (SIGNAL, MaxPool(3)),
    (SIGNAL, MaxPool(4, stride=3, ceil_mode=True)),
    (IMAGE, MaxPool(2)),
    (IMAGE, MaxPool(3, stride=2, padding=1)),
    (IMAGE, MaxPool((3, 2), stride=(2, 3), padding=((1, 2), 0))),
    (IMAGE, MaxPool(3, stride=2, padding="same")),
    (IMAGE, MaxPool(2, stride=2, ceil_mode=True)),
    (IMAGE, MaxPool(3, padding=2, stride=2, ceil_mode=True)),
    (VOLUME, MaxPool(2, stride=1)),
    (VOLUME, MaxPool((2, 3, 2), padding="same")),
]

AVG_POOLS = [
    (SIGNAL, AvgPool(3)),
    (SIGNAL, AvgPool(4, stride=3, ceil_mode=True, count_include_pad=False)),
    (IMAGE, AvgPool(2)),
    (IMAGE, AvgPool(5, stride=3, ceil_mode=True)),
    (IMAGE, AvgPool(3, stride=2, padding=1, count_include_pad=False)),
    (IMAGE, AvgPool((3, 2), stride=(2, 3), padding=((1, 2), 0))),
    (IMAGE, AvgPool(3, stride=2, padding="same")),
    (VOLUME, AvgPool(2, stride=1)),
    (VOLUME, AvgPool((2, 3, 2), padding="same", count_include_pad=False)),
]

TRANSPOSED = [
    (SIGNAL, ConvTranspose(6, 3)),
    (SIGNAL, ConvTranspose(6, 4, stride=3, padding=1, output_padding=2)),
    (IMAGE, ConvTranspose(6, 3)),
    (IMAGE, ConvTranspose(6, 4, stride=2, padding=1, bias=False)),
    (IMAGE, ConvTranspose(6, (5, 2), stride=(2, 3), padding=(2, 0), output_padding=(1, 2), groups=2)),
    (IMAGE, ConvTranspose(4, 3, dilation=2, padding=3, groups=4)),
    (IMAGE, ConvTranspose(4, 2, stride=3)),
    (VOLUME, ConvTranspose(3, 2, stride=2)),
]

DEPTHWISE = [
    (SIGNAL, DepthwiseConv(3, padding="causal")),
    (IMAGE, DepthwiseConv(3, padding=1, bias=False)),
    (IMAGE, DepthwiseConv((3, 5), stride=2, padding="same", multiplier=2)),
    (VOLUME, DepthwiseConv(2, dilation=2, multiplier=3)),
]

SEPARABLE = [
    (SIGNAL, SeparableConv(6, 3, padding="causal")),
    (IMAGE, SeparableConv(6, 3, padding=1, bias=False)),
    (IMAGE, SeparableConv(5, (3, 5), stride=2, padding="same", multiplier=2)),
    (VOLUME, SeparableConv(3, 2, dilation=2)),
]

LOCAL = [
    (SIGNAL, LocallyConnected(6, 3)),
    (SIGNAL, LocallyConnected(3, 4, stride=3, padding=((3, 1),), bias=False)),
    (SIGNAL, LocallyConnected(3, 3, padding="causal", dilation=2)),
    (IMAGE, LocallyConnected(6, 3)),
    (IMAGE, LocallyConnected(2, (2, 4), stride=(1, 2), padding="same")),
    (IMAGE, LocallyConnected(2, 3, padding=((0, 2), (1, 1)), dilation=2, bias=False)),
]

TILED = [
    (SIGNAL, TiledConv(6, 3, 2)),
    (SIGNAL, TiledConv(3, 4, 5, stride=2, padding="same", bias=False)),
    (SIGNAL, TiledConv(3, 3, 1)),
    (IMAGE, TiledConv(6, 3, 2)),
    (IMAGE, TiledConv(2, (2, 4), (3, 2), stride=(1, 2), padding=((1, 0), 2))),
    (IMAGE, TiledConv(3, 3, 2, dilation=2, padding=2)),
    (IMAGE, TiledConv(2, 3, (9, 7))),  # as many tiles as positions
]

TABLES = [
    (SIGNAL, TableConv([[0], [1, 3], [0, 1, 2, 3]], 3)),
    (IMAGE, TableConv([[0, 1], [3]], (3, 2), stride=2, padding="same", bias=False)),
    (VOLUME, TableConv([[1], [0, 1]], 2, padding=1)),
]

LP_POOLS = [
    (SIGNAL, LpPool(3)),
    (IMAGE, LpPool(2, p=1.0)),
    (IMAGE, LpPool(3, p=3.0, stride=2, padding=1, ceil_mode=True)),
    (VOLUME, LpPool((2, 3, 2), padding="same")),
]

STOCHASTIC_POOLS = [
    (SIGNAL, StochasticPool(3)),
    (IMAGE, StochasticPool(2)),
    (IMAGE, StochasticPool(3, stride=2, padding=1, ceil_mode=True)),
    (VOLUME, StochasticPool((2, 3, 2), padding="same")),
]

ADAPTIVE = {
    kind.__name__: [
        (SIGNAL, kind(5)),
        (SIGNAL, kind(13)),
        (IMAGE, kind((4, 3))),
        (IMAGE, kind(1)),
        (VOLUME, kind((6, 2, 3))),
    ]
    for kind in (AdaptiveAvgPool, AdaptiveMaxPool)
}

UNPOOLS = [
    (SIGNAL, Sequential(MaxPool(3, name="pool"), MaxUnpool("pool"))),
    (IMAGE, Sequential(MaxPool(2, name="pool"), ReLU(), MaxUnpool("pool"), Conv(2, 3))),
    (IMAGE, Sequential(MaxPool(3, stride=2, padding=1, ceil_mode=True, name="pool"), MaxUnpool("pool"))),
    (
        IMAGE,
        Sequential(MaxPool(3, 2, "same", name="a"), MaxPool(2, name="b"), MaxUnpool("b"), MaxUnpool("a")),
    ),
    (VOLUME, Sequential(MaxPool((2, 3, 2), padding="same", name="pool"), MaxUnpool("pool"))),
]

RECURRENT = {
    kind.__name__: [
        (STEPS, kind(3)),
        (STEPS, kind(3, num_layers=2, bias=False)),
        (STEPS, kind(4, num_layers=3, bidirectional=True)),
        (TOKENS, Sequential(OneHot(5), kind(3), LastStep(), Linear(2))),
    ]
    for kind in (RNN, LSTM, GRU)
}

_BLOCK = Sequential(
    Conv(4, 3, padding=1, bias=False), BatchNorm(), ReLU(), Conv(4, 3, padding=1), name="block"
)

RESIDUALS = [
    (SIGNAL, Residual(Conv(4, 3, padding=1))),
    (IMAGE, Residual(_BLOCK)),
    (IMAGE, Residual(Conv(8, 3, stride=2, padding=1), Conv(8, 1, stride=2))),
    (IMAGE, Residual(Residual(_BLOCK), [Conv(4, 1), BatchNorm()])),
    # Both sides end at 4×3 maps, with strides that differ.
    ((2, 9, 7), Residual(Conv(3, 3, stride=2), Conv(3, 1, padding=((0, 1), 1), stride=3))),
    (VOLUME, Residual(Conv(2, 3, padding="same"))),
    (VECTOR, Residual([Linear(5), Tanh(), Linear(7)])),
]

CONCATS = [
    (SIGNAL, Concat(Conv(2, 1), Conv(3, 3, padding="causal"))),
    (IMAGE, Concat(Identity(), Conv(2, 1))),
    (IMAGE, Concat(Conv(2, 1), [Conv(2, 1), ReLU(), Conv(3, 5, padding=2)], [MaxPool(3, 1, 1), Conv(1, 1)])),
    (IMAGE, Concat(GlobalAvgPool(), [Flatten(), Linear(3)])),
    (VOLUME, Concat(Conv(2, 3, padding="same"), AvgPool(3, stride=1, padding=1))),
    (VECTOR, Concat(Linear(2), Identity())),
]

COMPOSITIONS = {
    "Sequential": [
        (SIGNAL, Sequential(Conv(3, 3), ReLU(), Conv(2, 3), Sigmoid())),
        (IMAGE, Sequential(Sequential(Conv(3, 3), ReLU(), name="inner"), Flatten(), Linear(3), name="outer")),
        (VOLUME, Sequential(Conv(3, 3), GlobalAvgPool(), Linear(3))),
    ],
    "Residual": RESIDUALS,
    "Concat": CONCATS,
    "Repeat": [
        (SIGNAL, Repeat(Conv(4, 3), 4)),
        (IMAGE, Repeat(_BLOCK, 2)),
        (IMAGE, Repeat(Repeat(Conv(4, 3, padding=1), 2, name="pair"), 2, name="all")),
        (IMAGE, Repeat([Residual(_BLOCK), ReLU()], 3)),
        (VECTOR, Repeat([Linear(3), ReLU()], 2)),
    ],
    "AuxHead": [
        (IMAGE, AuxHead([GlobalAvgPool(), Linear(3)])),
        (IMAGE, Sequential(Conv(4, 3), AuxHead([Flatten(), Linear(5)], weight=0.1), ReLU())),
        (SIGNAL, Residual([AuxHead(Conv(2, 3)), Conv(4, 3, padding=1)])),
    ],
}

_UNCHANGING = {
    "Dropout": [Dropout(), Dropout(0.9)],
    "ReLU": [ReLU()],
    "LeakyReLU": [LeakyReLU(), LeakyReLU(0.2)],
    "ELU": [ELU(), ELU(0.5)],
    "GELU": [GELU(), GELU("tanh")],
    "SiLU": [SiLU()],
    "Softplus": [Softplus()],
    "Tanh": [Tanh()],
    "Sigmoid": [Sigmoid()],
    "Identity": [Identity()],
    "ReLU6": [ReLU6()],
    "SELU": [SELU()],
    "Mish": [Mish()],
    "HardSigmoid": [HardSigmoid()],
    "ScaledTanh": [ScaledTanh(), ScaledTanh(1.0, 0.5)],
    "SpatialDropout": [SpatialDropout(), SpatialDropout(0.2)],
    "GaussianNoise": [GaussianNoise(0.5)],
    "StochasticDepth": [StochasticDepth(0.5), StochasticDepth(0.2, "batch")],
    "SparsityPenalty": [SparsityPenalty(), SparsityPenalty(0.1, 2.0)],
    "RReLU": [RReLU(), RReLU(0.1, 0.2)],
    "BatchNorm": [BatchNorm(), BatchNorm(eps=1e-3, momentum=0.5), BatchNorm(affine=False)],
}

SAMPLES = {
    "Conv": CONVS,
    "MaxPool": MAX_POOLS,
    "AvgPool": AVG_POOLS,
    "GlobalAvgPool": [(shape, GlobalAvgPool()) for shape in MAPS],
    "Flatten": [(shape, Flatten()) for shape in (VECTOR, *MAPS)],
    "Linear": [
        (VECTOR, Linear(5)),
        (VECTOR, Linear(1, bias=False)),
        ((1,), Linear(3)),
        (STEPS, Linear(3, per_step=True)),
        (STEPS, Linear(3, bias=False, per_step=True)),
    ],
    "ConvTranspose": TRANSPOSED,
    "DepthwiseConv": DEPTHWISE,
    "SeparableConv": SEPARABLE,
    "LocallyConnected": LOCAL,
    "TiledConv": TILED,
    "TableConv": TABLES,
    "LpPool": LP_POOLS,
    "StochasticPool": STOCHASTIC_POOLS,
    **ADAPTIVE,
    "GlobalMaxPool": [(shape, GlobalMaxPool()) for shape in MAPS],
    "ChannelPool": [
        (shape, ChannelPool(size, mode))
        for shape in (SIGNAL, IMAGE, VOLUME, (6,))
        for size, mode in ((2, "max"), (1, "average"), (2, "average"))
    ],
    "Maxout": [(shape, Maxout(2)) for shape in (SIGNAL, IMAGE, VOLUME, (6,))],
    "Subsample": [
        (SIGNAL, Subsample(2)),
        (IMAGE, Subsample((2, 3), stride=2)),
        (VOLUME, Subsample(2, stride=1)),
    ],
    "MaxUnpool": UNPOOLS,
    "Softmax": [*((shape, Softmax()) for shape in (VECTOR, *MAPS)), (STEPS, Softmax(per_step=True))],
    "Upsample": [
        (SIGNAL, Upsample(3)),
        (SIGNAL, Upsample(2, "bilinear")),
        (IMAGE, Upsample(2)),
        (IMAGE, Upsample((1, 3), "bilinear")),
        (VOLUME, Upsample((2, 1, 2))),
        (VOLUME, Upsample(2, "bilinear")),
    ],
    "PReLU": [(shape, layer) for shape in (VECTOR, *MAPS) for layer in (PReLU(), PReLU(per_channel=False))],
    "LayerNorm": [
        *(
            (shape, LayerNorm(over, affine=affine))
            for shape in MAPS
            for over, affine in (("image", True), ("channels", True), ("channels", False))
        ),
        (VECTOR, LayerNorm()),
        (VECTOR, LayerNorm("channels")),
        (STEPS, LayerNorm("step")),
    ],
    "GroupNorm": [(shape, GroupNorm(2, affine=affine)) for shape in MAPS for affine in (True, False)],
    "InstanceNorm": [(shape, InstanceNorm(affine=affine)) for shape in MAPS for affine in (True, False)],
    "LocalContrastNorm": [
        (SIGNAL, LocalContrastNorm()),
        (IMAGE, LocalContrastNorm(3)),
        (IMAGE, LocalContrastNorm(5, sigma=2.0)),
    ],
    "DropConnect": [(VECTOR, DropConnect(5)), (VECTOR, DropConnect(2, 0.2, bias=False))],
    "RBF": [(VECTOR, RBF(3))],
    "Reshape": [
        (VECTOR, Reshape((7, 1))),
        (IMAGE, Reshape((2, 22, 9))),
        ((12,), [Linear(12), Reshape((3, 2, 2)), Conv(2, 2)]),
    ],
    "PadChannels": [(VECTOR, PadChannels(9)), *((shape, PadChannels(7)) for shape in MAPS)],
    "SliceChannels": [
        *((shape, SliceChannels(1, 2)) for shape in (VECTOR, *MAPS)),
        (IMAGE, SliceChannels(0, 4)),
        (IMAGE, Concat([SliceChannels(0, 3), Conv(2, 1)], SliceChannels(3, 4))),
    ],
    "Embedding": [(TOKENS, Embedding(5, 3)), (TOKENS, Sequential(Embedding(5, 4), Transpose(), Conv(3, 3)))],
    "OneHot": [(TOKENS, OneHot(5))],
    **RECURRENT,
    "LastStep": [(STEPS, LastStep())],
    "Transpose": [(STEPS, Transpose()), (SIGNAL, Sequential(Transpose(), RNN(3)))],
    "LinearChainCRF": [(STEPS, LinearChainCRF()), (TOKENS, Sequential(Embedding(5, 3), LinearChainCRF()))],
    "LocalResponseNorm": [
        (shape, norm)
        for shape in MAPS
        for norm in (
            LocalResponseNorm(),
            LocalResponseNorm(2, 1.0, 0.5, 2.0),
            LocalResponseNorm(3, 1.0, region="within"),
            LocalResponseNorm(4, 0.5, region="within"),
        )
    ],
    **{
        kind: [(shape, layer) for shape in (VECTOR, *MAPS) for layer in layers]
        for kind, layers in _UNCHANGING.items()
    },
    **COMPOSITIONS,
}

UNCHANGED = frozenset(_UNCHANGING) - {"BatchNorm"}
"""Kinds that give the shape they take and have no weights: they need no arithmetic of their own."""
