"""Random descriptions for hypothesis: every layer kind, nested compositions, any valid option."""

from hypothesis import strategies as st

from striate.errors import DescriptionError
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
    Network,
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
from striate.spec.values import RESERVED_NAMES

counts = st.integers(1, 2**31 - 1)
sizes = counts | st.lists(counts, min_size=1, max_size=3).map(tuple)
widths = st.integers(0, 9)
axis_pads = widths | st.tuples(widths, widths)
paddings = widths | st.lists(axis_pads, min_size=1, max_size=3).map(tuple)
positives = st.floats(0, exclude_min=True, allow_infinity=False, allow_nan=False)
names = st.none() | st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,20}", fullmatch=True).filter(
    lambda name: name not in RESERVED_NAMES
)


def _layer(kind, **options):
    return st.builds(kind, name=names, **options)


_pools = {"kernel_size": sizes, "stride": st.none() | sizes, "ceil_mode": st.booleans()}
pool_paddings = paddings | st.sampled_from(["valid", "same"])

layers = st.one_of(
    _layer(
        Conv,
        out_channels=counts,
        kernel_size=sizes,
        stride=sizes,
        padding=paddings | st.sampled_from(["valid", "same", "full", "causal"]),
        dilation=sizes,
        groups=counts,
        bias=st.booleans(),
    ),
    _layer(MaxPool, padding=pool_paddings, **_pools),
    _layer(AvgPool, padding=pool_paddings, count_include_pad=st.booleans(), **_pools),
    _layer(Linear, out_features=counts, bias=st.booleans()),
    _layer(Dropout, p=st.floats(0, 1, exclude_max=True)),
    _layer(BatchNorm, eps=positives, momentum=st.floats(0, 1, exclude_min=True), affine=st.booleans()),
    _layer(LocalResponseNorm, size=counts, alpha=positives, beta=positives, k=positives),
    _layer(LeakyReLU, negative_slope=positives),
    _layer(ELU, alpha=positives),
    _layer(GELU, approximate=st.sampled_from(["none", "tanh"])),
    *(
        _layer(kind)
        for kind in (GlobalAvgPool, Flatten, ReLU, SiLU, Softplus, Tanh, Sigmoid, Softmax, Identity)
    ),
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
