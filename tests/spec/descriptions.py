"""Random descriptions for hypothesis: every layer kind, nested compositions, any valid option."""

from hypothesis import strategies as st

from striate.errors import DescriptionError
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
    Network,
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
from striate.spec.values import RESERVED_NAMES

counts = st.integers(1, 2**31 - 1)
sizes = counts | st.lists(counts, min_size=1, max_size=3).map(tuple)
widths = st.integers(0, 9)
axis_pads = widths | st.tuples(widths, widths)
paddings = widths | st.lists(axis_pads, min_size=1, max_size=3).map(tuple)
positives = st.floats(0, exclude_min=True, allow_infinity=False, allow_nan=False)
margins = widths | st.lists(widths, min_size=1, max_size=3).map(tuple)
probabilities = st.floats(0, 1, exclude_max=True)
names = st.none() | st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,20}", fullmatch=True).filter(
    lambda name: name not in RESERVED_NAMES
)


def _layer(kind, **options):
    return st.builds(kind, name=names, **options)


_pools = {"kernel_size": sizes, "stride": st.none() | sizes, "ceil_mode": st.booleans()}
pool_paddings = paddings | st.sampled_from(["valid", "same"])

_windows = {
    "out_channels": counts,
    "kernel_size": sizes,
    "stride": sizes,
    "padding": paddings | st.sampled_from(["valid", "same", "full", "causal"]),
    "dilation": sizes,
    "bias": st.booleans(),
}
_recurrent = {
    "hidden_size": counts,
    "num_layers": counts,
    "bidirectional": st.booleans(),
    "bias": st.booleans(),
}

PLAIN = (
    *(ReLU, ReLU6, SELU, SiLU, Mish, Softplus, Tanh, Sigmoid, HardSigmoid, Identity),
    *(Flatten, GlobalAvgPool, GlobalMaxPool, LastStep, Transpose, LinearChainCRF),
)

layers = st.one_of(
    _layer(Conv, groups=counts, **_windows),
    _layer(MaxPool, padding=pool_paddings, **_pools),
    _layer(AvgPool, padding=pool_paddings, count_include_pad=st.booleans(), **_pools),
    _layer(Linear, out_features=counts, bias=st.booleans(), per_step=st.booleans()),
    _layer(Dropout, p=probabilities),
    _layer(BatchNorm, eps=positives, momentum=st.floats(0, 1, exclude_min=True), affine=st.booleans()),
    _layer(
        LocalResponseNorm,
        size=counts,
        alpha=positives,
        beta=positives,
        k=positives,
        region=st.sampled_from(["across", "within"]),
    ),
    _layer(LeakyReLU, negative_slope=positives),
    _layer(ELU, alpha=positives),
    _layer(GELU, approximate=st.sampled_from(["none", "tanh"])),
    _layer(
        ConvTranspose,
        padding=margins,
        output_padding=margins,
        groups=counts,
        **{name: option for name, option in _windows.items() if name != "padding"},
    ),
    _layer(TiledConv, tiles=sizes, **_windows),
    _layer(LocallyConnected, **_windows),
    _layer(SeparableConv, multiplier=counts, **_windows),
    _layer(
        DepthwiseConv,
        multiplier=counts,
        **{name: option for name, option in _windows.items() if name != "out_channels"},
    ),
    _layer(
        TableConv,
        connections=st.lists(st.lists(widths, min_size=1, unique=True), min_size=1, max_size=4),
        **{name: option for name, option in _windows.items() if name != "out_channels"},
    ),
    _layer(LpPool, p=st.floats(1, 100), padding=pool_paddings, **_pools),
    _layer(StochasticPool, padding=pool_paddings, **_pools),
    _layer(Subsample, kernel_size=sizes, stride=st.none() | sizes),
    _layer(AdaptiveAvgPool, output_size=sizes),
    _layer(AdaptiveMaxPool, output_size=sizes),
    _layer(ChannelPool, size=counts, mode=st.sampled_from(["max", "average"])),
    _layer(MaxUnpool, pool=st.sampled_from(["pool1", "stage1.pool2", "a.b.c_3"])),
    _layer(Upsample, scale_factor=sizes, mode=st.sampled_from(["nearest", "bilinear"])),
    _layer(RReLU, lower=st.floats(0.01, 0.3), upper=st.floats(0.3, 2)),
    _layer(PReLU, per_channel=st.booleans(), initial=positives),
    _layer(ScaledTanh, amplitude=positives, slope=positives),
    _layer(Maxout, pieces=counts),
    _layer(Softmax, per_step=st.booleans()),
    _layer(RBF, out_features=counts),
    _layer(DropConnect, out_features=counts, p=probabilities, bias=st.booleans()),
    _layer(Reshape, shape=st.lists(counts, min_size=1, max_size=4).map(tuple)),
    _layer(PadChannels, out_channels=counts),
    _layer(SliceChannels, start=widths, stop=widths.map(lambda n: n + 100)),
    _layer(
        LayerNorm,
        over=st.sampled_from(["image", "channels", "step"]),
        eps=positives,
        affine=st.booleans(),
    ),
    _layer(GroupNorm, num_groups=counts, eps=positives, affine=st.booleans()),
    _layer(InstanceNorm, eps=positives, affine=st.booleans()),
    _layer(LocalContrastNorm, kernel_size=widths.map(lambda n: 2 * n + 1), sigma=st.none() | positives),
    _layer(SpatialDropout, p=probabilities),
    _layer(GaussianNoise, std=positives),
    _layer(StochasticDepth, p=probabilities, mode=st.sampled_from(["row", "batch"])),
    _layer(SparsityPenalty, target=st.floats(0, 1, exclude_min=True, exclude_max=True), weight=positives),
    _layer(Embedding, num_embeddings=counts, dim=counts),
    _layer(OneHot, num_tokens=counts),
    _layer(RNN, activation=st.sampled_from(["tanh", "relu"]), **_recurrent),
    _layer(LSTM, **_recurrent),
    _layer(GRU, **_recurrent),
    *map(_layer, PLAIN),
)


def _compositions(parts):
    runs = st.lists(parts, min_size=1, max_size=4)
    return st.one_of(
        st.builds(lambda run, name: Sequential(run, name=name), runs, names),
        st.builds(lambda run, name: Concat(run, name=name), runs, names),
        st.builds(Residual, body=parts, shortcut=st.none() | parts, name=names),
        st.builds(Repeat, body=parts, n=st.integers(1, 3), name=names),
        st.builds(AuxHead, body=parts, weight=positives, name=names),
    )


bodies = st.recursive(layers, _compositions, max_leaves=8)
shapes = st.lists(counts, min_size=1, max_size=4).map(tuple)
titles = st.text(min_size=1, max_size=100).filter(lambda text: text.strip() and text.isprintable())


def _network(title, shape, body):
    try:
        return Network(title, shape, body)
    except DescriptionError as error:  # two random names were one
        if "are named" not in str(error):
            raise
        return None


networks = st.builds(_network, titles, shapes, bodies).filter(lambda network: network is not None)
