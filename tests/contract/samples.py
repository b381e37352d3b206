"""Sample descriptions of every layer kind: `SAMPLES[kind]` lists (input shape, description)."""

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
    LeakyReLU,
    Linear,
    LocalResponseNorm,
    MaxPool,
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

SIGNAL, IMAGE, VOLUME, VECTOR = (4, 13), (4, 11, 9), (2, 6, 5, 7), (7,)
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
    "Softmax": [Softmax()],
    "Identity": [Identity()],
    "BatchNorm": [BatchNorm(), BatchNorm(eps=1e-3, momentum=0.5), BatchNorm(affine=False)],
}

SAMPLES = {
    "Conv": CONVS,
    "MaxPool": MAX_POOLS,
    "AvgPool": AVG_POOLS,
    "GlobalAvgPool": [(shape, GlobalAvgPool()) for shape in MAPS],
    "Flatten": [(shape, Flatten()) for shape in (VECTOR, *MAPS)],
    "Linear": [(VECTOR, Linear(5)), (VECTOR, Linear(1, bias=False)), ((1,), Linear(3))],
    "LocalResponseNorm": [
        (shape, norm) for shape in MAPS for norm in (LocalResponseNorm(), LocalResponseNorm(2, 1.0, 0.5, 2.0))
    ],
    **{
        kind: [(shape, layer) for shape in (VECTOR, *MAPS) for layer in layers]
        for kind, layers in _UNCHANGING.items()
    },
    **COMPOSITIONS,
}

UNCHANGED = frozenset(_UNCHANGING) - {"BatchNorm"}
"""Kinds that give the shape they take and have no weights: they need no arithmetic of their own."""
