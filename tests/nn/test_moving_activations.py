"""Activations move behind a maximum, where they never fall and it makes fewer elements; all else stays."""

import dataclasses

import pytest
from rewritten import assert_same_training, net, order, unchanged

from striate.nn import WeightMapping
from striate.spec import (
    GELU,
    AdaptiveMaxPool,
    AuxHead,
    AvgPool,
    BatchNorm,
    ChannelPool,
    Concat,
    Conv,
    Dropout,
    Flatten,
    GlobalAvgPool,
    GlobalMaxPool,
    LeakyReLU,
    Linear,
    Maxout,
    MaxPool,
    MaxUnpool,
    Mish,
    PReLU,
    ReLU,
    Repeat,
    Residual,
    RReLU,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    StochasticPool,
    Subsample,
    Tanh,
)


@pytest.mark.parametrize(
    "pool",
    [
        MaxPool(2),
        MaxPool(3, stride=2, padding=1),
        MaxPool(2, ceil_mode=True),
        MaxPool(3, stride=2, padding=((2, 0), (0, 1))),
        MaxPool((1, 2)),
        MaxPool(4, stride=3, padding="same"),
        AdaptiveMaxPool((2, 3)),
        GlobalMaxPool(),
        ChannelPool(2),
        Maxout(4),
    ],
    ids=repr,
)
@pytest.mark.parametrize("activation", [ReLU(), LeakyReLU(2.0), Tanh(), Sigmoid()], ids=repr)
def test_an_activation_moves_behind_a_maximum(pool, activation):
    network = net(
        Conv(8, 3, name="c"), dataclasses.replace(activation, name="f"), dataclasses.replace(pool, name="p")
    )
    fast = assert_same_training(network)
    assert order(fast.network) == ["c", "p", "f"]
    assert fast.changes == ("f behind p",)
    assert fast.weights == WeightMapping()


def test_several_move_past_several_and_keep_their_order():
    network = net(Tanh(), ReLU(), MaxPool(2), Sigmoid(), MaxPool(2))
    fast = assert_same_training(network)
    assert order(fast.network) == ["pool1", "pool2", "tanh1", "relu1", "sigmoid1"]
    assert len(fast.changes) == 5  # two behind the first, three behind the second


def test_activations_move_within_every_composition():
    network = net(
        Repeat([Conv(4, 3, padding=1), ReLU(), MaxPool(2)], 2),
        Residual([Conv(4, 1), ReLU(), MaxPool(2)], [Tanh(), MaxPool(2)]),
        Concat(
            [Sigmoid(), GlobalMaxPool()], [AuxHead([ReLU(), GlobalMaxPool(), Linear(3)]), GlobalAvgPool()]
        ),
        shape=(4, 24, 16),
    )
    fast = assert_same_training(network)
    assert len(fast.changes) == 2 + 2 + 2
    assert set(order(fast.network)) == set(order(network))


@pytest.mark.parametrize(
    "layers",
    [
        *([activation, MaxPool(2)] for activation in (GELU(), SiLU(), Mish(), PReLU(), RReLU(), Softmax())),
        *(
            [ReLU(), pool]
            for pool in (AvgPool(2), StochasticPool(2), ChannelPool(2, "average"), Subsample(2))
        ),
        [ReLU(), MaxPool(3, stride=1, padding=1)],  # as many elements behind as before
        [ReLU(), BatchNorm(), MaxPool(2)],
        [ReLU(), Dropout(), MaxPool(2)],
        [ReLU(), AuxHead([GlobalAvgPool(), Linear(3)]), MaxPool(2)],
        [MaxPool(2), ReLU()],
        [Residual([Conv(4, 3, padding=1), ReLU()]), MaxPool(2)],  # the ReLU acts before the sum
        [Sequential(ReLU(), name="block"), MaxPool(2)],  # behind the pool it would have another path
        [ReLU(), Flatten(), Linear(8), Maxout(2)],
        [ReLU(), MaxPool(2, name="p"), Conv(4, 1), MaxUnpool("p")],
    ],
    ids=repr,
)
def test_no_other_activation_moves(layers):
    assert unchanged(net(*layers), "training")


def test_a_maximum_reads_what_it_read_where_something_else_reads_the_activation():
    network = net(ReLU(), Residual(MaxPool(2), AvgPool(2)))
    assert unchanged(network, "training")
