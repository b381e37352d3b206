"""Receptive fields where the two axes of a sequence change places, measured by gradients.

The positions that the fields tell of lie along the axis that the first layer with a notion of positions reads:
windows read the last, layers that go step by step the first.
"""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from measured import claimed, clipped, covers, positive_module

from striate.analyze import analyze
from striate.spec import (
    GRU,
    AvgPool,
    ChannelPool,
    Concat,
    Conv,
    Flatten,
    GlobalAvgPool,
    Identity,
    LastStep,
    Linear,
    Maxout,
    Network,
    ReLU,
    Reshape,
    Residual,
    Sequential,
    Softmax,
    Transpose,
)


def net(shape, *layers):
    return Network("n", shape, Sequential(*layers))


def seen_along(network, module, axis, unit):
    """Return first and last position along ``axis`` of the input that an output position, or a vector, reaches."""
    x = torch.rand(1, *network.input, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x.add_(0.5).requires_grad_()
    y = module(x)[0]
    (y[:, unit] if y.dim() == 2 else y).sum().backward()
    reached = x.grad[0].abs().sum(1 - axis).nonzero().flatten().tolist()
    return [(min(reached), max(reached))] if reached else []


def spans(network, axis):
    """Return what is claimed of each output position, clipped to the input, and what is measured."""
    module = positive_module(network, 0.01, 0.1)  # larger ones saturate gates, whose gradient is then 0
    row = analyze(network).layers[-1]
    for unit in range(row.output_shape[1] if len(row.output_shape) == 2 else 1):
        said = clipped(claimed(row.receptive_field, (unit,)), (network.input[axis],))
        yield said, seen_along(network, module, axis, unit)


@pytest.mark.parametrize(
    ("shape", "layers", "axis"),
    [
        ((4, 13), [Conv(6, 3), Transpose(), Conv(2, 3)], 1),
        ((4, 13), [Conv(6, 3), Transpose(), AvgPool(2), Conv(2, 3)], 1),
        ((13, 4), [Transpose(), Conv(6, 3), GRU(2), Conv(2, 1)], 0),
        ((13, 4), [Linear(6, per_step=True), Conv(2, 3)], 0),
        ((13, 4), [Linear(6, per_step=True), Flatten()], 0),
        ((13, 4), [Linear(6, per_step=True), Flatten(), Linear(3)], 0),
        ((13, 4), [Linear(6, per_step=True), GlobalAvgPool(), Linear(3)], 0),
        ((4, 13), [Conv(6, 3), Reshape((6, 11, 1)), Flatten()], 1),
        ((4, 13), [Conv(6, 3), Reshape((2, 33)), Conv(2, 3)], 1),
        ((4, 13), [Conv(6, 3), Flatten(), Reshape((6, 11)), Transpose(), Conv(2, 3)], 1),
        ((4, 13), [Conv(6, 3, padding=1), LastStep(), Linear(2)], 1),
        ((8, 4), [Linear(8, per_step=True), Concat(Identity(), Identity()), Conv(2, 3)], 0),
        ((8, 4), [Residual(Linear(4, per_step=True), Conv(8, 1)), Conv(2, 1)], 1),
    ],
)
def test_where_an_axis_is_mixed_every_unit_is_said_to_see_all_of_it(shape, layers, axis):
    network = net(shape, *layers)
    everything = (0, shape[axis] - 1)
    met = set()
    for said, measured in spans(network, axis):
        assert said == [everything]
        met |= {position for span in measured for position in span}
    assert (min(met), max(met)) == everything


@pytest.mark.parametrize(
    ("shape", "layers", "axis"),
    [
        ((4, 13), [Conv(6, 3), Transpose(), Transpose(), Conv(2, 3)], 1),
        ((4, 13), [Conv(6, 3), Transpose(), Linear(5, per_step=True), Transpose(), Conv(2, 3)], 1),
        ((13, 4), [Linear(6, per_step=True), Transpose(), Conv(2, 3), ReLU(), Conv(2, 2)], 0),
        (
            (13, 4),
            [Transpose(), Conv(6, 3, padding=1), Transpose(), Linear(5, per_step=True), Transpose()],
            0,
        ),
        ((13, 4), [Softmax(per_step=True), Transpose(), Maxout(2), Conv(1, 3)], 0),
        ((4, 13), [ChannelPool(2, "average"), Conv(1, 3)], 1),
        ((4, 13), [Residual([Transpose(), Linear(4, per_step=True), Transpose()]), Conv(2, 3)], 1),
        ((4, 13), [Concat(Identity(), [Transpose(), Linear(2, per_step=True), Transpose()]), Conv(2, 3)], 1),
    ],
)
def test_where_the_axes_change_back_every_unit_sees_what_is_claimed(shape, layers, axis):
    for said, measured in spans(net(shape, *layers), axis):
        assert said == measured


def test_the_working_of_a_mixed_axis_is_true():
    row = analyze(net((4, 13), Conv(6, 3), Transpose(), Conv(2, 3))).layers[-1]
    assert row.work["receptive_field"] == ["13 + (3 − 1)·0 = 13 (stride 0, offset 0)"]


# Each with the axis along which it takes positions to lie.
SETTLED = {
    Conv(3, 3, padding="same"): 1,
    Conv(4, 2, stride=2, padding="same"): 1,
    AvgPool(2, ceil_mode=True): 1,
    Linear(5, per_step=True): 0,
    GRU(2): 0,
    Softmax(per_step=True): 0,
}
chains = st.lists(st.sampled_from([*SETTLED, Transpose(), Transpose(), ReLU()]), min_size=1, max_size=6)


@given(st.integers(3, 9), st.integers(3, 9), chains)
def test_random_chains_see_no_more_than_is_claimed(channels, length, layers):
    layers = [*layers, Conv(2, 2, padding="same")]
    settled = next(i for i, layer in enumerate(layers) if layer in SETTLED or i == len(layers) - 1)
    turned = sum(layer.kind == "Transpose" for layer in layers[:settled]) % 2
    axis = SETTLED.get(layers[settled], 1) ^ turned
    for said, measured in spans(net((channels, length), *layers), axis):
        assert covers(said, measured), layers
