"""`volumes`: what a picture shows of a network, against lists written by hand from the papers' figures."""

import math
import re

import pytest

from striate.analyze import analyze, volumes
from striate.analyze.plot import MOST
from striate.spec import (
    GRU,
    AuxHead,
    Conv,
    Embedding,
    Flatten,
    GlobalMaxPool,
    LastStep,
    Linear,
    MaxPool,
    Network,
    ReLU,
    Repeat,
    Reshape,
    Residual,
    Sequential,
    Transpose,
)
from striate.zoo import NETWORKS, find


def planned(network):
    return volumes(analyze(find(network) if isinstance(network, str) else network))


def net(shape, *layers):
    return Network("net", shape, Sequential(*layers))


LENET5 = [  # LeCun et al. 1998, figure 2; the fields by hand: unit n // 2 begins at n // 2 times the stride
    ("input", (1, 32, 32), range(16, 17)),
    ("c1: conv 5×5, tanh", (6, 28, 28), range(14, 14 + 5)),
    ("s2: avg pool 2×2 /2", (6, 14, 14), range(7 * 2, 7 * 2 + 6)),
    ("c3: conv 5×5, tanh", (16, 10, 10), range(5 * 2, 5 * 2 + 14)),
    ("s4: avg pool 2×2 /2", (16, 5, 5), range(2 * 4, 2 * 4 + 16)),
    ("c5: conv 5×5, tanh", (120, 1, 1), range(32)),
    ("f6: flatten, linear, tanh", (84,), range(32)),
    ("output: linear", (10,), range(32)),
]
RESNET152 = [  # He et al. 2016, table 1: 3, 8, 36 and 3 blocks of three convolutions
    ("input", (3, 224, 224), 1),
    ("conv1: conv 7×7 /2, batch norm, ReLU", (64, 112, 112), 7),
    ("pool1: max pool 3×3 /2", (64, 56, 56), 7 + 2 * 2),
    ("stage1: 3 blocks, 9 conv, 1 conv on shortcuts", (256, 56, 56), 11 + 3 * 2 * 4),
    ("stage2: 8 blocks, 24 conv, 1 conv on shortcuts", (512, 28, 28), 35 + 2 * 4 + 7 * 2 * 8),
    ("stage3: 36 blocks, 108 conv, 1 conv on shortcuts", (1024, 14, 14), 155 + 2 * 8 + 35 * 2 * 16),
    ("stage4: 3 blocks, 9 conv, 1 conv on shortcuts", (2048, 7, 7), 1291 + 2 * 16 + 2 * 2 * 32),
    ("pool2: global avg pool", (2048,), 1451 + 6 * 32),
    ("classifier: linear", (1000,), 1451 + 6 * 32),
]
GOOGLENET_AUX = [  # Szegedy et al. 2015, table 1; the 5×5 of a module adds four strides
    ("input", (3, 224, 224), 1),
    ("conv1: conv 7×7 /2, ReLU", (64, 112, 112), 7),
    ("pool1: max pool 3×3 /2, local response norm", (64, 56, 56), 7 + 2 * 2),
    ("conv2_reduce–conv2: conv 1×1, conv 3×3, ReLU, local response norm", (192, 56, 56), 11 + 2 * 4),
    ("pool2: max pool 3×3 /2", (192, 28, 28), 19 + 2 * 4),
    ("inception3a–3b: 2 blocks, 12 conv", (480, 28, 28), 27 + 2 * 4 * 8),
    ("pool3: max pool 3×3 /2", (480, 14, 14), 91 + 2 * 8),
    ("inception4a–4e: 5 blocks, 30 conv, head aux1, head aux2", (832, 14, 14), 107 + 5 * 4 * 16),
    ("pool4: max pool 3×3 /2", (832, 7, 7), 427 + 2 * 16),
    ("inception5a–5b: 2 blocks, 12 conv", (1024, 7, 7), 459 + 2 * 4 * 32),
    ("pool5: global avg pool, dropout", (1024,), 715 + 6 * 32),
    ("classifier: linear", (1000,), 715 + 6 * 32),
]


def test_lenet5():
    shown = planned("lenet5")
    assert [(v.label, v.shape, v.field) for v in shown] == [(*given, (f, f)) for *given, f in LENET5]
    assert [v.color for v in shown] == list(range(8))
    assert [(v.size, v.channels) for v in shown[4:7]] == [((5, 5), 16), ((1, 1), 120), ((), 84)]


@pytest.mark.parametrize(("name", "given"), [("resnet152", RESNET152), ("googlenet_aux", GOOGLENET_AUX)])
def test_deep_networks(name, given):
    shown = planned(name)
    assert [(v.label, v.shape, *map(len, v.field)) for v in shown] == [(*rest, f, f) for *rest, f in given]
    assert [(v.size, v.channels) for v in shown] == [(v.shape[1:], v.shape[0]) for v in shown]


def test_a_vector_has_no_maps_and_no_field():
    shown = planned(net((12,), Linear(5), ReLU(), Linear(3)))
    assert [(v.label, v.size, v.channels, v.field) for v in shown] == [
        ("input", (), 12, ()),
        ("linear1: linear, ReLU", (), 5, ()),
        ("linear2: linear", (), 3, ()),
    ]


def test_a_perceptron_on_images_sees_all_of_them_at_once():
    shown = planned("mlp")
    assert [v.label for v in shown] == [
        "input",
        "linear1: flatten, linear, ReLU",
        "linear2: linear, ReLU",
        "linear3: linear",
    ]
    assert {v.field for v in shown[1:]} == {(range(28), range(28))}


def test_the_channels_of_a_sequence_come_last():
    shown = planned("char_lstm")
    assert [(v.label, v.shape, v.size, v.channels, v.field) for v in shown] == [
        ("input", (50,), (50,), 1, (range(25, 26),)),
        ("onehot1: one hot", (50, 65), (50,), 65, (range(25, 26),)),
        ("lstm1: LSTM", (50, 128), (50,), 128, (range(50),)),
        ("classifier: linear", (50, 65), (50,), 65, (range(50),)),
    ]
    steps = planned(net((20, 8), GRU(16), LastStep(), Linear(3)))
    assert [(v.size, v.channels) for v in steps] == [((20,), 8), ((20,), 16), ((), 16), ((), 3)]


def test_a_transposed_sequence_is_a_signal():
    layers = (Embedding(100, 16), Transpose(), Conv(32, 3), GlobalMaxPool(), Linear(2))
    shown = planned(net((30,), *layers))
    assert [(v.size, v.channels) for v in shown] == [
        ((30,), 1),
        ((30,), 16),
        ((30,), 16),
        ((28,), 32),
        ((), 32),
        ((), 2),
    ]


def test_a_signal():
    shown = planned("cnn1d")
    assert [(v.label, v.size, v.channels) for v in shown[:3]] == [
        ("input", (2048,), 1),
        ("conv1: conv k=64 /16, batch norm, ReLU", (128,), 16),
        ("pool1: max pool k=2 /2", (64,), 16),
    ]
    # Unit 64 of conv1 begins at 64·16 − 24 of padding; unit 32 of pool1 has conv1's units 64 and 65 before it.
    assert [v.field for v in shown[:3]] == [
        (range(1024, 1025),),
        (range(1000, 1064),),
        (range(1000, 1080),),
    ]


def test_a_volume_has_three_axes():
    shown = planned(net((1, 8, 16, 16), Conv(4, 3), ReLU(), MaxPool(2)))
    assert [(v.label, v.size) for v in shown[1:]] == [
        ("conv1: conv 3×3×3, ReLU", (6, 14, 14)),
        ("pool1: max pool 2×2×2 /2", (3, 7, 7)),
    ]
    assert shown[2].field == (range(2, 6), range(6, 10), range(6, 10))


def test_what_stands_at_the_ends():
    # Ahead of the first layer, and where a Flatten has no layer behind it that it could belong to.
    shown = planned(net((3, 8, 8), ReLU(), Conv(4, 3, padding=1), Flatten(), ReLU()))
    assert [(v.label, v.shape) for v in shown] == [
        ("input: ReLU", (3, 8, 8)),
        ("conv1: conv 3×3", (4, 8, 8)),
        ("flatten1: flatten, ReLU", (256,)),
    ]
    head = AuxHead(Sequential(Flatten(), Linear(2)), name="early", weight=0.3)
    assert planned(net((3, 8, 8), head, Conv(4, 3)))[0].label == "input: head early"
    assert [v.label for v in planned(net((3,), ReLU()))] == ["input: ReLU"]


def test_neighbors_of_one_shape_are_one_volume():
    layers = [Conv(8, 3, padding=1, name=f"part{i}") for i in range(1, 41)]
    (_, joined) = planned(net((3, 16, 16), *layers))
    assert joined.label == "part1–40: 40 conv 3×3"


def test_many_shapes_are_joined_by_likeness():
    layers = [Linear(width) for width in range(100, 130)]
    shown = planned(net((99,), *layers))
    assert len(shown) == MOST
    assert shown[-1].label == "linear30: linear"
    assert sum(count(v, "linear") for v in shown) == 30


def test_behind_a_reshape_there_are_maps_without_fields():
    shown = planned(net((64,), Linear(48), Reshape((3, 4, 4)), Conv(4, 3)))
    assert [(v.size, v.field) for v in shown] == [((), ()), ((), ()), ((4, 4), ()), ((2, 2), ())]


def test_a_repeated_block_is_counted():
    block = Residual(Sequential(Conv(3, 3, padding=1), ReLU(), Conv(3, 3, padding=1)))
    shown = planned(net((3, 8, 8), Repeat(block, 5)))
    assert shown[1].contents == ("5 blocks", "10 conv")


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network(name):
    analysis = analyze(find(name))
    shown = volumes(analysis)
    assert 1 < len(shown) <= MOST
    assert [v.color for v in shown] == list(range(len(shown)))
    assert (shown[0].shape, shown[-1].shape) == (analysis.input, analysis.output)
    shapes = [row.output_shape for row in analysis.layers]
    for volume in shown[1:]:
        assert volume.shape in shapes
        assert math.prod(volume.size) * volume.channels == math.prod(volume.shape)
        assert all(len(seen) >= 1 for seen in volume.field)
        assert volume.contents
    aside = tuple(f"{head}." for head in analysis.heads)
    on_the_way = [row.kind for row in analysis.layers if not row.path.startswith(aside)]
    assert sum(count(volume, "conv") for volume in shown) == on_the_way.count("Conv")


def count(volume, noun):
    """Return how many layers the contents tell of: ``9 conv``, ``conv 7×7 /2``, ``1 conv on shortcuts``."""
    found = (
        re.fullmatch(rf"(?:(\d+) )?{noun}(?: on shortcuts| [k\d].*)?", phrase) for phrase in volume.contents
    )
    return sum(int(match[1] or 1) for match in found if match)
