"""Norms fold into what they follow, and what does nothing in evaluation is left out."""

import numpy as np
import pytest
import torch
from rewritten import assert_same_outputs, filled, net, order, unchanged

from striate.nn import build, optimize
from striate.spec import (
    AuxHead,
    BatchNorm,
    Concat,
    Conv,
    ConvTranspose,
    DepthwiseConv,
    DropConnect,
    Dropout,
    Flatten,
    GlobalAvgPool,
    GlobalMaxPool,
    Identity,
    LayerNorm,
    Linear,
    LocallyConnected,
    MaxPool,
    ReLU,
    Residual,
    SeparableConv,
    Sequential,
    Sigmoid,
    SparsityPenalty,
    SpatialDropout,
    TableConv,
    Tanh,
)


@pytest.mark.parametrize("affine", [True, False], ids=["affine", "plain"])
@pytest.mark.parametrize(
    ("shape", "layer"),
    [
        ((4, 13), Conv(6, 3, bias=False)),
        ((4, 9, 8), Conv(6, 3)),
        ((4, 9, 8), Conv(6, 3, groups=2, bias=False)),
        ((2, 5, 4, 6), Conv(3, 3)),
        ((4, 9, 8), DepthwiseConv(3, multiplier=2)),
        ((4, 9, 8), SeparableConv(5, 3, bias=False)),
        ((4, 9, 8), ConvTranspose(6, 3, stride=2, bias=False)),
        ((4, 9, 8), ConvTranspose(6, 3, groups=2)),
        ((4, 13), ConvTranspose(4, 3, groups=4, bias=False)),
        ((7,), Linear(5)),
        ((7,), Linear(5, bias=False)),
    ],
    ids=str,
)
def test_a_norm_folds_into_what_it_follows(shape, layer, affine):
    network = net(layer, BatchNorm(eps=0.01, affine=affine), ReLU(), shape=shape)
    fast = assert_same_outputs(network)
    assert [made.kind for _, made in fast.network.walk()] == [layer.kind, "ReLU"]
    assert not fast.weights.invertible


def test_the_folded_numbers_are_those_of_the_formula():
    # γ (w x + b − μ) / √(σ² + ε) + β, channel by channel
    network = net(Conv(3, 1, name="c"), BatchNorm(eps=0.5, name="n"), shape=(2, 4, 4))
    state = {name: t.numpy() for name, t in filled(network).state_dict().items()}
    mapped = optimize(network, "inference").weights.forward({k: torch.tensor(v) for k, v in state.items()})
    assert set(mapped) == {"c.weight", "c.bias"}
    for i in range(3):
        scale = state["n.weight"][i] / np.sqrt(state["n.running_var"][i] + 0.5)
        np.testing.assert_allclose(mapped["c.weight"][i], state["c.weight"][i] * scale, rtol=1e-14)
        shift = (state["c.bias"][i] - state["n.running_mean"][i]) * scale + state["n.bias"][i]
        np.testing.assert_allclose(mapped["c.bias"][i], shift, rtol=1e-14)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_folding_keeps_the_precision_of_the_weights(dtype):
    network = net(Conv(3, 1), BatchNorm())
    mapped = optimize(network, "inference").weights.forward(filled(network).to(dtype).state_dict())
    assert {tensor.dtype for tensor in mapped.values()} == {dtype}


@pytest.mark.parametrize(
    "layers",
    [
        [Conv(4, 1), ReLU(), BatchNorm()],
        [BatchNorm(), Conv(4, 1)],
        [Residual(Conv(4, 1)), BatchNorm()],
        [Concat(Conv(4, 1), MaxPool(3, 1, 1)), BatchNorm()],
        [Sequential(Conv(4, 1), name="block"), BatchNorm()],
        [Conv(4, 1), LayerNorm("channels")],
        [LocallyConnected(4, 3), BatchNorm()],
        [TableConv([[0], [1, 2]], 3), BatchNorm()],
        [Flatten(), DropConnect(4), BatchNorm()],
        [MaxPool(2), BatchNorm()],
    ],
    ids=repr,
)
def test_no_other_norm_folds(layers):
    assert unchanged(net(*layers), "inference")


def test_a_norm_behind_a_layer_per_step_stays():
    assert unchanged(net(Linear(3, per_step=True), BatchNorm(), shape=(6, 5)), "inference")


def test_a_norm_stays_where_the_output_of_the_convolution_goes_elsewhere_too():
    head = AuxHead([GlobalAvgPool(), Linear(3)])
    network = net(Conv(4, 1), head, BatchNorm())
    assert [path for path, _ in optimize(network, "training").network.walk()] == order(network)
    # In evaluation the head is not there, and nothing else reads the convolution.
    assert order(assert_same_outputs(network).network) == ["conv1"]
    assert unchanged(net(Conv(4, 1), Residual(BatchNorm(), Tanh())), "inference")


def test_what_does_nothing_in_evaluation_is_left_out():
    network = net(
        Conv(4, 1),
        Sequential(Dropout(), Identity(), name="empty"),
        Residual([Conv(4, 1), SpatialDropout()], Dropout()),
        AuxHead([GlobalMaxPool(), BatchNorm(), Linear(3)], name="aux"),
        Concat(Dropout(), [Identity(), AuxHead(Conv(2, 1))], [Conv(2, 3, padding=1), Dropout()]),
        GlobalAvgPool(),
        Sigmoid(),
        SparsityPenalty(),
    )
    fast = assert_same_outputs(network)
    assert order(fast.network) == [
        *("conv1", "residual1.conv1", "concat1.branch1", "concat1.branch2", "concat1.branch3.conv1"),
        *("pool1", "sigmoid1"),
    ]
    assert not [name for name in build(fast.network).state_dict() if "aux" in name]


def test_a_head_whose_weights_are_not_there_is_no_fault():
    network = net(Conv(4, 1), AuxHead([GlobalAvgPool(), Linear(3)], name="aux"))
    state = {name: t for name, t in build(network).state_dict().items() if not name.startswith("aux")}
    assert list(optimize(network, "inference").weights.forward(state)) == ["conv1.weight", "conv1.bias"]


def test_something_always_stays():
    fast = assert_same_outputs(net(Dropout(), AuxHead(Conv(2, 1))))
    assert [(path, layer.kind) for path, layer in fast.network.walk()] == [("dropout1", "Identity")]
    assert unchanged(net(Identity()), "inference")
    assert unchanged(net(Residual(Identity(), Tanh()), Concat(Identity(), Conv(2, 1))), "inference")


def test_one_rewrite_makes_room_for_another():
    network = net(
        Concat([Conv(2, 1, bias=False), Dropout(), BatchNorm()], [Conv(3, 1), Identity()]),
        Dropout(),
        ReLU(),
        Dropout(),
        MaxPool(2),
    )
    fast = assert_same_outputs(network)
    assert order(fast.network) == ["concat1.conv", "pool1", "relu1"]
