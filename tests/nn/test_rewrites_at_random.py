"""Random networks, optimized, compute what they did: nested compositions, with everything that a rewrite looks at."""

import math

from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from rewritten import assert_same_outputs, assert_same_training

from striate.analyze import analyze
from striate.errors import ShapeError
from striate.spec import (
    ELU,
    GELU,
    SELU,
    AuxHead,
    AvgPool,
    BatchNorm,
    ChannelPool,
    Concat,
    Conv,
    ConvTranspose,
    DepthwiseConv,
    Dropout,
    GaussianNoise,
    GlobalAvgPool,
    GlobalMaxPool,
    HardSigmoid,
    Identity,
    LeakyReLU,
    Linear,
    MaxPool,
    Mish,
    Network,
    PReLU,
    ReLU,
    ReLU6,
    Repeat,
    Residual,
    ScaledTanh,
    SeparableConv,
    Sequential,
    Sigmoid,
    SiLU,
    Softplus,
    SpatialDropout,
    StochasticDepth,
    Tanh,
)

CHANNELS = 4  # every layer gives as many, so that any two can follow each other

activations = st.sampled_from(
    [
        *(
            ReLU(),
            ReLU6(),
            LeakyReLU(),
            LeakyReLU(1.5),
            ELU(),
            ELU(0.3),
            SELU(),
            Softplus(),
            Tanh(),
            Sigmoid(),
        ),
        *(HardSigmoid(), ScaledTanh(), GELU(), SiLU(), Mish(), PReLU()),
    ]
)
norms = st.builds(BatchNorm, eps=st.sampled_from([1e-5, 1e-2]), affine=st.booleans())
pointwise = st.builds(Conv, st.just(CHANNELS), st.just(1), stride=st.just(1), bias=st.booleans())
convolutions = st.one_of(
    pointwise,
    st.builds(Conv, st.just(CHANNELS), st.just(3), padding=st.just(1), bias=st.booleans()),
    st.builds(
        Conv, st.just(CHANNELS), st.just(3), padding=st.just("same"), groups=st.just(2), bias=st.booleans()
    ),
    st.builds(DepthwiseConv, st.just(3), padding=st.just(1), bias=st.booleans()),
    st.builds(SeparableConv, st.just(CHANNELS), st.just(3), padding=st.just(1), bias=st.booleans()),
    st.builds(
        ConvTranspose,
        st.just(CHANNELS),
        st.just(3),
        padding=st.just(1),
        groups=st.sampled_from([1, 2]),
        bias=st.booleans(),
    ),
)
keeping_pools = st.sampled_from([MaxPool(3, stride=1, padding=1), AvgPool(3, stride=1, padding=1)])
chance = st.sampled_from(
    [Dropout(0.3), SpatialDropout(0.4), GaussianNoise(0.1), StochasticDepth(0.2), Identity()]
)
shrinking_pools = st.sampled_from(
    [
        *(
            MaxPool(2),
            MaxPool(3, stride=2, padding=1),
            MaxPool(2, ceil_mode=True),
            MaxPool(2, padding="same"),
        ),
        *(MaxPool((1, 2)), MaxPool(3, stride=2, padding=((0, 1), (2, 0))), AvgPool(2)),
    ]
)
layers = st.one_of(activations, activations, norms, convolutions, keeping_pools, chance)


@st.composite
def inceptions(draw, parts):
    """Draw branches that begin alike, or nearly."""
    bias, behind = draw(st.booleans()), draw(st.lists(activations | norms, max_size=2))
    widths = draw(st.sampled_from([(2, 2), (1, 3), (1, 1, 2), (4,)]))
    branches = []
    for width in widths:
        first = Conv(width, 1, bias=bias if draw(st.integers(0, 5)) else not bias)
        rest = [MaxPool(3, 1, 1)] if draw(st.booleans()) else []
        branches.append(Sequential(first, *(behind if draw(st.integers(0, 5)) else behind[:1]), *rest))
    branches.insert(draw(st.integers(0, len(branches))), draw(parts))
    join = Concat(branches)
    return Sequential(join, Conv(CHANNELS, 1), name=draw(st.sampled_from([None, "module"])))


def compositions(parts):
    runs = st.lists(parts, min_size=1, max_size=4)
    return st.one_of(
        st.builds(lambda run, name: Sequential(run, name=name), runs, st.sampled_from([None, "block"])),
        st.builds(Residual, body=parts, shortcut=st.none() | parts),
        st.builds(lambda run: Sequential(Concat(run), Conv(CHANNELS, 1)), runs),
        st.builds(Repeat, body=runs.map(list), n=st.integers(1, 2)),
        st.builds(
            lambda run, weight: AuxHead([*run, GlobalAvgPool(), Linear(3)], weight=weight),
            runs,
            st.sampled_from([0.3, 1.0]),
        ),
        inceptions(parts),
    )


bodies = st.recursive(layers, compositions, max_leaves=10)
ends = st.sampled_from(
    [
        [],
        [Tanh(), GlobalMaxPool()],
        [ReLU(), ChannelPool(2)],
        [GlobalAvgPool(), Linear(5), BatchNorm(), Tanh()],
    ]
)


@st.composite
def networks(draw):
    stages = []
    for _ in range(draw(st.integers(1, 3))):
        stages += draw(st.lists(bodies, min_size=1, max_size=3))
        stages += draw(st.lists(activations, max_size=2))
        stages.append(draw(shrinking_pools))
    try:
        network = Network("random", (CHANNELS, 9, 8), Sequential(*stages, *draw(ends)))
        analyze(network)
    except (ShapeError, ValueError):  # two parts of one name
        assume(False)
    return network


@settings(max_examples=60)
@given(network=networks())
def test_inference_gives_the_same(network):
    fast = assert_same_outputs(network)
    _tell(fast)
    kinds = {layer.kind for _, layer in fast.network.walk()}
    assert not kinds & {"Dropout", "SpatialDropout", "GaussianNoise", "StochasticDepth", "AuxHead"}


@settings(max_examples=60)
@given(network=networks())
def test_a_training_step_is_the_same(network):
    fast = assert_same_training(network)
    _tell(fast)
    before, after = analyze(network), analyze(fast.network)
    assert (before.totals.params, before.totals.macs) == (after.totals.params, after.totals.macs)
    moved = [change.split()[0] for change in fast.changes if " behind " in change]
    for path in moved:
        sizes = [math.prod(analysis.row(path).output_shape) for analysis in (before, after)]
        assert sizes[1] < sizes[0]


def _tell(fast):
    for word in ("behind", "as", "into", "left"):
        event(f"{word}: {any(f' {word} ' in change for change in fast.changes)}")
