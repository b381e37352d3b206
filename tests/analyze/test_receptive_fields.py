"""Receptive fields equal those measured on a real module: what one output unit's gradient reaches."""

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from measured import check_measured, claimed, covers, positive_module, seen

from striate.analyze import analyze
from striate.errors import ShapeError
from striate.spec import (
    AvgPool,
    BatchNorm,
    Concat,
    Conv,
    Flatten,
    GlobalAvgPool,
    Identity,
    Linear,
    MaxPool,
    Network,
    ReLU,
    Repeat,
    Residual,
    Sequential,
)


def net(shape, *layers):
    return Network("n", shape, Sequential(*layers))


DENSE = [
    net((1, 12), Conv(2, 3)),
    net((2, 12), Conv(2, 3, padding=1), ReLU(), Conv(1, 5, padding=2)),
    net((1, 12), Conv(2, 4, padding="same"), Conv(1, 2, padding="same")),
    net((1, 12), Conv(2, 3, padding="causal"), Conv(1, 3, padding="causal")),
    net((1, 12), Conv(2, 3, padding="full"), Conv(1, 3, padding="full")),
    net((1, 12), Conv(2, 3, padding=((2, 0),)), AvgPool(3, stride=1, padding=1), BatchNorm()),
    net((1, 9, 7), Conv(2, (3, 5), padding=(1, 2)), ReLU(), Conv(1, 3)),
    net((1, 9, 7), Repeat([Conv(1, 3, padding=1), ReLU()], 3)),
    net((1, 9, 7), Residual([Conv(1, 3, padding=1), ReLU(), Conv(1, 3, padding=1)]), Conv(1, 3, padding=1)),
    net((1, 9, 7), Residual(Conv(2, 3, padding=1), Conv(2, 5, padding=2))),
    net((1, 9, 7), Concat(Conv(1, 1), Conv(1, 3, padding=1), [Conv(1, 1), Conv(1, 5, padding=2)])),
    net((1, 9, 7), Concat(Conv(1, 2, padding=((1, 0), (0, 1))), Conv(1, 2, padding="same")), Conv(1, 3)),
    net((1, 12), Concat(Conv(1, 3, padding="causal"), Conv(1, 3, padding=1))),
]

SPARSE = [
    net((1, 30), Conv(2, 3, stride=2), Conv(1, 3, stride=2)),
    net((1, 30), Conv(2, 3, dilation=2), Conv(1, 3, dilation=4)),
    net((1, 30), Conv(2, 3, dilation=2, padding="same"), AvgPool(2), Conv(1, 3, padding=1)),
    net((1, 30), Conv(2, 4, stride=3, padding="same"), Conv(1, 3, padding="same")),
    net((1, 30), AvgPool(3, stride=2, ceil_mode=True), Conv(1, 3, padding=1)),
    net((1, 36, 34), Conv(2, 7, stride=2, padding=3), AvgPool(3, stride=2, padding=1), Conv(1, 3, padding=1)),
    net((1, 24, 20), Conv(1, (1, 3), stride=(2, 1), dilation=(1, 3)), Conv(1, 3)),
    net((1, 24, 20), Residual(Conv(2, 3, stride=2, padding=1), Conv(2, 1, stride=2)), Conv(1, 3, padding=1)),
    net((1, 24, 20), Concat(Conv(1, 3, stride=2, padding=1), AvgPool(2)), Conv(1, 3, padding=1)),
    net((1, 10, 10, 9), Conv(1, 3, stride=2, padding=1), Conv(1, 2)),
]


@pytest.mark.parametrize("network", DENSE)
def test_every_unit_sees_what_is_claimed_clipped_to_the_input(network):
    assert check_measured(network, border="exact") > 0


@pytest.mark.parametrize("network", SPARSE)
def test_with_strides_and_holes_inner_units_see_what_is_claimed(network):
    assert check_measured(network, border="less") > 0


def test_a_unit_after_a_whole_map_sees_all_of_it():
    shape, size = (1, 12, 10), [(0, 11), (0, 9)]
    for head in ([GlobalAvgPool()], [Flatten(), Linear(3)], [Flatten(), Linear(4), ReLU(), Linear(2)]):
        network = net(shape, Conv(2, 3), ReLU(), *head)
        (*_, last) = analyze(network).layers
        assert claimed(last.receptive_field, (0, 0)) == size
        assert seen(positive_module(network), shape, ()) == size


def test_branches_of_different_stride_are_covered():
    # Both sides end at 4×3 maps; unit by unit the two fields drift apart.
    network = net((1, 9, 7), Residual(Conv(1, 3, stride=2), Conv(1, 1, padding=((0, 1), 1), stride=3)))
    analysis = analyze(network)
    assert analysis.output == (1, 4, 3)
    module, fields = positive_module(network), analysis.layers[-1].receptive_field
    for unit in [(0, 0), (1, 1), (2, 2), (3, 2)]:
        assert covers(claimed(fields, unit), seen(module, (1, 9, 7), unit)), unit


@pytest.mark.parametrize(
    "layers",
    [
        [MaxPool(3)],
        [MaxPool(3, stride=2, padding=1), Conv(1, 3)],
        [Conv(1, 3, padding=1), ReLU(), MaxPool(2), Conv(1, 3), MaxPool(3, stride=2)],
        [MaxPool(3, stride=2, ceil_mode=True), MaxPool(2, stride=1)],
        [Concat(MaxPool(3, stride=1, padding=1), Identity()), Conv(1, 3)],
        [MaxPool(4, stride=3, padding="same"), Conv(1, 2)],
    ],
)
def test_max_pools_see_what_is_claimed(layers):
    # A maximum has a gradient at one position alone: raise every input in turn, and see which units follow.
    network = net((1, 23), *layers)
    module, analysis = positive_module(network), analyze(network)
    (field,) = analysis.layers[-1].receptive_field
    raised = torch.ones(23, 1, 23, dtype=torch.float64) + 9 * torch.eye(23, dtype=torch.float64).unsqueeze(1)
    with torch.no_grad():
        moved = (module(raised) != module(torch.ones(1, 1, 23, dtype=torch.float64))).any(1)
    whole = 0
    for i in range(analysis.output[1]):
        followed = moved[:, i].nonzero().flatten().tolist()
        ((first, last),) = claimed((field,), (i,))
        if first >= 0 and last < 23:
            whole += 1
            assert (followed[0], followed[-1]) == (first, last)
        assert first <= followed[0] <= followed[-1] <= last
    assert whole > 0


windows = st.builds(
    Conv,
    st.just(1),
    st.integers(1, 4),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 3),
    padding=st.integers(0, 3)
    | st.tuples(st.tuples(st.integers(0, 3), st.integers(0, 3)))
    | st.sampled_from(["valid", "same", "full", "causal"]),
)
pools = st.builds(AvgPool, st.integers(2, 4), stride=st.integers(1, 3), ceil_mode=st.booleans())
chains = st.lists(windows | pools | st.just(ReLU()), min_size=1, max_size=4)


@settings(max_examples=80, deadline=None)
@given(st.integers(20, 60), chains)
def test_random_chains_see_what_is_claimed(size, layers):
    network = net((1, size), *layers)
    try:
        analyze(network)
    except ShapeError:
        assume(False)
    check_measured(network, border="less")


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(20, 40), st.lists(st.integers(1, 2), min_size=1, max_size=3))
def test_random_branches_see_what_is_claimed(data, size, strides):
    # The same strides in every branch, and "same" padding, so that they end at one size.
    window = st.tuples(st.integers(1, 5), st.integers(1, 2))
    branches = [
        Sequential(*(Conv(1, k, s, "same", dilation=d) for s in strides for k, d in [data.draw(window)]))
        for _ in range(data.draw(st.integers(2, 3)))
    ]
    check_measured(net((1, size), Concat(*branches)), border="less")
