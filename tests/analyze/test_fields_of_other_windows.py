"""Receptive fields behind larger maps, unshared windows and local normalization equal those measured on a module."""

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from measured import check_measured, claimed, clipped, covers, inside, positive_module, seen

from striate.analyze import analyze
from striate.errors import ShapeError
from striate.nn import build
from striate.spec import (
    RNN,
    AdaptiveAvgPool,
    AvgPool,
    ChannelPool,
    Conv,
    ConvTranspose,
    DepthwiseConv,
    Embedding,
    Linear,
    LinearChainCRF,
    LocalContrastNorm,
    LocallyConnected,
    LocalResponseNorm,
    LpPool,
    MaxPool,
    MaxUnpool,
    Network,
    Residual,
    SeparableConv,
    Sequential,
    Subsample,
    TableConv,
    TiledConv,
    Transpose,
    Upsample,
)


def net(shape, *layers):
    return Network("n", shape, Sequential(*layers))


EXACT = [
    net((1, 12), LocallyConnected(2, 3, padding=1), Conv(1, 3)),
    net((1, 9, 7), LocallyConnected(2, (3, 2), padding="same"), LocallyConnected(1, 3)),
    net((1, 12), TiledConv(2, 3, 4, padding="same"), TiledConv(2, 3, 2)),
    net((2, 9, 7), TiledConv(2, (3, 5), (2, 1), padding=((1, 0), 2))),
    net((2, 12), TableConv([[0], [0, 1]], 3), TableConv([[0, 1]], 3, padding="causal")),
    net((2, 9, 7), SeparableConv(2, 3, padding=1), DepthwiseConv(3)),
    net((1, 12), LpPool(3, stride=1, padding=1), Conv(1, 3)),
    net((2, 9, 7), ChannelPool(2, "average"), Conv(1, 3)),
    net((1, 14), LocalResponseNorm(3, 1.0, region="within"), Conv(1, 3)),
    net((1, 14), LocalResponseNorm(4, 1.0, region="within")),
    net((2, 9, 8), Conv(1, 3, padding=1), LocalResponseNorm(2, 1.0, region="within")),
    net((1, 12), ConvTranspose(2, 3), Conv(1, 3)),
    net((1, 12), ConvTranspose(2, 4, stride=2, padding=1)),
    net((1, 12), ConvTranspose(2, 5, stride=3, padding=2, output_padding=1), Conv(1, 3)),
    net((1, 7, 6), ConvTranspose(1, (3, 4), stride=(1, 2), padding=1), Conv(1, 3)),
    net((1, 12), Upsample(2)),
    net((1, 12), Upsample(3), Conv(1, 4)),
    net((1, 7, 6), Upsample((2, 1)), Conv(1, 3, padding=1)),
    net((1, 12), Upsample(2, "bilinear")),
    net((1, 12), Upsample(3, "bilinear")),
    net((1, 12), Conv(1, 3), Upsample(2, "bilinear"), Conv(1, 3)),
    net((1, 7, 6), Upsample((1, 4), "bilinear"), Conv(1, 3)),
    net((1, 12), AdaptiveAvgPool(4)),
    net((1, 12, 9), Conv(1, 3, padding=1), AdaptiveAvgPool((6, 3))),
]

COVERED = [
    net((1, 30), Conv(2, 3, stride=2), ConvTranspose(1, 3, stride=2), Conv(1, 3)),
    net((1, 30), ConvTranspose(2, 3, dilation=2), Conv(1, 3, stride=2)),
    net((1, 20), Subsample(2), LocallyConnected(1, 3, stride=2)),
    net((1, 20), AvgPool(2), Upsample(2), Conv(1, 3)),
    net((1, 20), AvgPool(2), Upsample(2, "bilinear"), Conv(1, 3)),
    net((1, 24, 20), TiledConv(1, 3, 2, stride=2, padding=1), Upsample(2), Conv(1, 3)),
    net((1, 20), Upsample(3, "bilinear"), AvgPool(3), Conv(1, 3)),
    net((1, 20), Residual([AvgPool(2), Upsample(2)]), Conv(1, 3)),
]


@pytest.mark.parametrize("network", EXACT)
def test_every_unit_sees_what_is_claimed_clipped_to_the_input(network):
    assert check_measured(network, border="exact") > 0


def check_covered(network):
    """No unit sees more than is claimed, and some sees the first position that is claimed, some the last."""
    analysis, module = analyze(network), positive_module(network)
    fields, size = analysis.layers[-1].receptive_field, network.input[1:]
    met = set()
    for i in range(max(analysis.output[1:])):
        unit = tuple(min(i, n - 1) for n in analysis.output[1:])
        spans, measured = claimed(fields, unit), seen(module, network.input, unit)
        assert covers(clipped(spans, size), measured), unit
        if inside(spans, size) and measured:
            met |= {"first"} if measured[0][0] == spans[0][0] else set()
            met |= {"last"} if measured[0][1] == spans[0][1] else set()
    return met


@pytest.mark.parametrize("network", COVERED)
def test_where_units_differ_the_field_covers_them_and_no_more(network):
    assert check_covered(network) == {"first", "last"}


@pytest.mark.parametrize(("size", "out"), [(12, 5), (12, 7), (13, 4), (9, 8), (10, 10), (7, 1)])
def test_adaptive_windows_of_differing_length_are_covered(size, out):
    check_covered(net((1, size), AdaptiveAvgPool(out)))


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("shape", [(1, 25), (2, 25, 23)], ids=str)
def test_local_contrast_sees_twice_its_window(shape, kernel):
    # Where the contrast is above the mean of the image, what is divided by is that of the place alone: 2k − 1.
    network = net(shape, LocalContrastNorm(kernel))
    module, (*_, row) = positive_module(network), analyze(network).layers
    unit = tuple(n // 2 for n in shape[1:])
    x = torch.rand(1, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    spans = claimed(row.receptive_field, unit)
    around = tuple(slice(first, last + 1) for first, last in spans)
    x[(0, slice(None), *around)] *= 100
    x.requires_grad_()
    module(x)[(0, slice(None), *unit)].square().sum().backward()
    reached = x.grad[0].abs().sum(0).nonzero()
    assert [(min(at), max(at)) for at in reached.T.tolist()] == spans
    assert [last - first + 1 for first, last in spans] == [2 * kernel - 1] * len(unit)


@pytest.mark.parametrize(
    "pool",
    [MaxPool(2), MaxPool(3), MaxPool(3, 1), MaxPool(3, 2), MaxPool(3, 2, 1), MaxPool(4, 3, ceil_mode=True)],
)
def test_an_unpooled_position_sees_the_windows_that_it_is_in(pool):
    # Make a position the maximum of its windows, then raise every input in turn: which takes its place?
    size = 16
    network = net((1, size), pool, MaxUnpool("pool1"))
    module, (field,) = build(network, 0).double(), analyze(network).layers[-1].receptive_field
    met = set()
    for p in range(size):
        base = torch.ones(1, 1, size, dtype=torch.float64)
        base[..., p] = 2
        raised = base + 9 * torch.eye(size, dtype=torch.float64).unsqueeze(1)
        moved = (module(raised)[:, 0, p] != module(base)[:, 0, p]).nonzero().flatten().tolist()
        ((first, last),) = claimed((field,), (p,))
        if not moved:
            continue  # in no window
        assert first <= moved[0] <= moved[-1] <= last
        met |= {name for name, here in (("first", moved[0] == first), ("last", moved[-1] == last)) if here}
    assert met == {"first", "last"}


def test_behind_tokens_a_unit_sees_steps():
    network = net((9,), Embedding(5, 3), Transpose(), Conv(2, 3, padding=1), Conv(2, 3, padding=1))
    module, (*_, row) = build(network, 0), analyze(network).layers
    with torch.no_grad():
        plain, changed = module(torch.zeros(1, 9).long()), module(torch.eye(9).long())
    for i in range(9):
        steps = ((changed - plain)[..., i].abs() > 1e-4).any(1).nonzero().flatten().tolist()
        assert [(steps[0], steps[-1])] == clipped(claimed(row.receptive_field, (i,)), (9,))


@pytest.mark.parametrize(
    "layers",
    [
        [Transpose(), Conv(2, 3, padding=1), Transpose(), Linear(2, per_step=True)],
        [Linear(2, per_step=True), Transpose(), Conv(2, 4, padding="causal"), Transpose()],
        [RNN(2, bidirectional=True)],
        [Linear(2, per_step=True), LinearChainCRF()],
    ],
    ids=["same", "causal", "both ways", "crf"],
)
def test_the_positions_of_a_sequence_are_its_steps(layers):
    network = net((8, 3), *layers)
    module, (*_, row) = positive_module(network), analyze(network).layers
    for i in range(8):
        x = torch.rand(1, 8, 3, dtype=torch.float64).requires_grad_()
        module(x)[0, i].sum().backward()
        steps = x.grad[0].abs().sum(1).nonzero().flatten().tolist()
        assert [(steps[0], steps[-1])] == clipped(claimed(row.receptive_field, (i,)), (8,))


windows = st.one_of(
    st.builds(
        ConvTranspose, st.just(1), st.integers(1, 4), stride=st.integers(1, 3), dilation=st.integers(1, 2)
    ),
    st.builds(Upsample, st.integers(1, 3), st.sampled_from(["nearest", "bilinear"])),
    st.builds(LocallyConnected, st.just(1), st.integers(1, 3), stride=st.integers(1, 2)),
    st.builds(TiledConv, st.just(1), st.integers(1, 3), st.just(2), padding=st.integers(0, 1)),
    st.builds(Conv, st.just(1), st.integers(1, 4), stride=st.integers(1, 3), dilation=st.integers(1, 2)),
    st.builds(AvgPool, st.integers(2, 3)),
)


@settings(max_examples=60, deadline=None)
@given(st.integers(8, 20), st.lists(windows, min_size=1, max_size=3))
def test_random_chains_see_no_more_than_is_claimed(size, layers):
    network = net((1, size), *layers)
    try:
        analyze(network)
    except ShapeError:
        assume(False)
    check_covered(network)
