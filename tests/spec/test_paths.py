"""The rules by which every layer gets its path, one test for each."""

import pytest

from striate.errors import DescriptionError
from striate.spec import (
    AuxHead,
    AvgPool,
    BatchNorm,
    Concat,
    Conv,
    GlobalAvgPool,
    LeakyReLU,
    LocalResponseNorm,
    MaxPool,
    Network,
    ReLU,
    Repeat,
    Residual,
    Sequential,
)
from striate.spec.place import MAX_DEPTH, MAX_LAYERS


def paths(*layers):
    return [path for path, _ in Network("n", (4, 8, 8), Sequential(*layers)).walk()]


def test_a_layer_with_a_name_is_called_by_it():
    assert paths(Conv(4, 3, name="first"), ReLU(name="act")) == ["first", "act"]


def test_a_layer_without_one_is_called_after_its_kind_and_numbered():
    assert paths(Conv(4, 3), ReLU(), Conv(4, 3), ReLU()) == ["conv1", "relu1", "conv2", "relu2"]


def test_kinds_that_share_a_stem_share_its_numbers():
    assert paths(MaxPool(2), AvgPool(2), GlobalAvgPool()) == ["pool1", "pool2", "pool3"]
    assert paths(ReLU(), LeakyReLU(), BatchNorm(), LocalResponseNorm()) == [
        "relu1",
        "relu2",
        "norm1",
        "norm2",
    ]


def test_numbers_pass_over_names_taken_before_or_after():
    assert paths(Conv(4, 3), Conv(4, 3, name="conv2"), Conv(4, 3)) == ["conv1", "conv2", "conv3"]
    assert paths(Conv(4, 3), Conv(4, 3), Conv(4, 3, name="conv1")) == ["conv2", "conv3", "conv1"]


def test_every_container_counts_anew():
    inner = Sequential(Conv(4, 3), Conv(4, 3), name="stage")
    assert paths(Conv(4, 3), inner, Conv(4, 3)) == ["conv1", "stage.conv1", "stage.conv2", "conv2"]


def test_an_unnamed_sequential_adds_no_level():
    assert paths(Conv(4, 3), Sequential(Conv(4, 3), Sequential(ReLU()))) == ["conv1", "conv2", "relu1"]


def test_an_unnamed_repeat_adds_no_level():
    assert paths(Conv(4, 3), Repeat([Conv(4, 3), ReLU()], 2)) == ["conv1", "conv2", "relu1", "conv3", "relu2"]


def test_a_named_repeat_adds_a_level():
    assert paths(Repeat(ReLU(), 2, name="twice"), ReLU()) == ["twice.relu1", "twice.relu2", "relu1"]


def test_in_a_repeat_a_name_is_a_stem_that_gets_a_number():
    block = Sequential(Conv(4, 3, name="c"), name="block")
    assert paths(Repeat(block, 2)) == ["block1.c", "block2.c"]
    assert paths(Sequential(name="block2", layers=[ReLU()]), Repeat(block, 2)) == [
        "block2.relu1",
        "block1.c",
        "block3.c",
    ]


def test_a_repeat_in_a_repeat_numbers_through():
    assert paths(Repeat(Repeat(ReLU(name="r"), 2), 2)) == ["r1", "r2", "r3", "r4"]
    assert paths(Repeat(Repeat(ReLU(), 2, name="pair"), 2)) == [
        "pair1.relu1",
        "pair1.relu2",
        "pair2.relu1",
        "pair2.relu2",
    ]


def test_the_shortcut_of_a_residual_is_called_shortcut():
    block = Residual([Conv(4, 3), BatchNorm()], [Conv(4, 1), BatchNorm()])
    assert paths(block) == [
        "residual1.conv1",
        "residual1.norm1",
        "residual1.shortcut.conv1",
        "residual1.shortcut.norm1",
    ]
    assert paths(Residual(ReLU(), Conv(4, 1))) == ["residual1.relu1", "residual1.shortcut"]
    assert paths(Residual(ReLU(), Conv(4, 1, name="projection"))) == [
        "residual1.relu1",
        "residual1.projection",
    ]


def test_the_branches_of_a_concat_are_numbered():
    assert paths(Concat(Conv(4, 1), [Conv(4, 1), ReLU()], MaxPool(1, name="pooled"), ReLU())) == [
        "concat1.branch1",
        "concat1.branch2.conv1",
        "concat1.branch2.relu1",
        "concat1.pooled",
        "concat1.branch4",
    ]


def test_an_unnamed_repeat_as_branch_or_shortcut_is_one_part():
    assert paths(Concat(Repeat(ReLU(), 2), ReLU())) == [
        "concat1.branch1.relu1",
        "concat1.branch1.relu2",
        "concat1.branch2",
    ]
    assert paths(Residual(ReLU(), Repeat(ReLU(), 2))) == [
        "residual1.relu1",
        "residual1.shortcut.relu1",
        "residual1.shortcut.relu2",
    ]


def test_an_aux_head_is_a_level():
    assert paths(AuxHead([GlobalAvgPool(), ReLU()]), AuxHead(ReLU(), name="side")) == [
        "aux1.pool1",
        "aux1.relu1",
        "side.relu1",
    ]


def test_a_network_of_one_layer_has_one_path():
    assert [path for path, _ in Network("n", (4, 8, 8), Conv(4, 3)).walk()] == ["conv1"]


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            [ReLU(name="a"), ReLU(name="a")],
            "two layers at the top of the network are named 'a'; give one of them another name.",
        ),
        (
            [Sequential(ReLU(name="a"), Sequential(ReLU(name="a")), name="s")],
            "two layers in 's' are named 'a'; give one of them another name.",
        ),
        (
            [Residual(ReLU(name="shortcut"), Conv(4, 1), name="r")],
            "two layers in 'r' are named 'shortcut'; give one of them another name.",
        ),
        (
            [Concat(ReLU(name="branch2"), ReLU(), name="c")],
            "two layers in 'c' are named 'branch2'; give one of them another name.",
        ),
    ],
)
def test_two_layers_of_one_name_are_an_error(layers, message):
    with pytest.raises(DescriptionError) as caught:
        paths(*layers)
    assert str(caught.value) == message


def test_one_name_in_two_containers_is_none():
    assert paths(Sequential(ReLU(name="a"), name="s"), ReLU(name="a")) == ["s.a", "a"]


def test_too_many_layers_are_counted_before_they_are_written_out():
    assert len(paths(Repeat(ReLU(), 1000))) == 1000
    with pytest.raises(DescriptionError) as caught:
        paths(Repeat(Repeat(ReLU(), 2**31 - 1), 2**31 - 1))
    assert str(caught.value) == (
        f"the network has {(2**31 - 1) ** 2:,} layers once its repetitions are written out; "
        f"at most {MAX_LAYERS:,} are allowed. Lower a Repeat's n."
    )


def test_nesting_is_bounded():
    def nested(depth):
        body = ReLU()
        for _ in range(depth):
            body = Residual(body)
        return Network("n", (4, 8, 8), body)

    assert len(list(nested(MAX_DEPTH - 1).walk())) == 1
    with pytest.raises(DescriptionError, match=r"nests more than 40 compositions; flatten it\."):
        nested(MAX_DEPTH)
    with pytest.raises(DescriptionError, match=r"nests more than 40 compositions; flatten it\."):
        nested(300)
