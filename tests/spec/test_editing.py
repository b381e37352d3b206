"""replace, with_num_classes, with_input and walk give new descriptions and leave the old one alone."""

import pytest

from striate.errors import DescriptionError
from striate.spec import (
    AuxHead,
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
    Tanh,
)
from striate.zoo import googlenet_aux, lenet5, resnet18


def net(*layers):
    return Network("n", (4, 8, 8), Sequential(*layers))


def paths(network):
    return [path for path, _ in network.walk()]


NESTED = net(
    Conv(4, 3, padding=1),
    Sequential(ReLU(), Conv(4, 1), name="stage"),
    Residual([Conv(4, 3, padding=1), ReLU()], [Conv(4, 1), ReLU()]),
    Concat(Conv(2, 1), [Conv(2, 1), ReLU()]),
    Repeat([Conv(4, 1), ReLU()], 2),
    Repeat(Residual(Conv(4, 1), name="block"), 2, name="rep"),
    AuxHead([GlobalAvgPool(), Linear(3)]),
    Flatten(),
    Linear(10),
)


@pytest.mark.parametrize("path", paths(NESTED))
def test_replacing_one_layer_changes_that_one_and_no_path(path):
    before = dict(NESTED.walk())
    edited = NESTED.replace(path, Identity())
    after = dict(edited.walk())
    assert list(after) == list(before)
    assert [p for p in after if type(after[p]) is not type(before[p])] == [path]
    assert after[path] == Identity(name=path.rpartition(".")[2])
    assert [before[p] for p in before] == [layer for _, layer in NESTED.walk()]


@pytest.mark.parametrize("path", paths(NESTED))
def test_replacing_a_layer_by_itself_keeps_the_meaning(path):
    assert NESTED.replace(path, dict(NESTED.walk())[path]).digest == NESTED.digest


def test_the_new_layer_may_bring_its_own_name():
    edited = net(Conv(4, 3), ReLU()).replace("relu1", Tanh(name="squash"))
    assert paths(edited) == ["conv1", "squash"]


def test_a_composition_can_be_replaced_and_can_replace():
    assert paths(NESTED.replace("stage", ReLU()))[:2] == ["conv1", "stage"]
    edited = net(Conv(4, 3), ReLU()).replace("relu1", Sequential(ReLU(), ReLU()))
    assert paths(edited) == ["conv1", "relu1.relu1", "relu1.relu2"]


def test_a_repeat_is_written_out_around_what_changes():
    edited = net(Repeat(Conv(4, 3), 3)).replace("conv2", Conv(5, 3))
    assert [layer.out_channels for _, layer in edited.walk()] == [4, 5, 4]
    assert paths(edited) == ["conv1", "conv2", "conv3"]


def test_a_named_repeat_is_written_out_under_its_name():
    edited = net(Repeat(Conv(4, 3), 2, name="rep")).replace("rep.conv2", Conv(5, 3))
    assert [(path, layer.out_channels) for path, layer in edited.walk()] == [
        ("rep.conv1", 4),
        ("rep.conv2", 5),
    ]


def test_replacing_what_is_not_there_suggests_the_nearest():
    with pytest.raises(DescriptionError) as caught:
        lenet5().replace("flatten2", ReLU())
    assert str(caught.value) == (
        "no layer at 'flatten2' in 'lenet5'. Did you mean 'flatten1'? "
        "Paths: c1, tanh1, s2, c3, tanh2, s4, c5, tanh3, flatten1, f6 and 2 more."
    )


def test_a_name_that_is_taken_is_refused():
    with pytest.raises(DescriptionError, match="two layers at the top of the network are named 'conv1'"):
        net(Conv(4, 3), ReLU()).replace("relu1", ReLU(name="conv1"))


def test_with_num_classes_changes_the_last_linear():
    edited = lenet5().with_num_classes(26)
    assert dict(edited.walk())["output"].out_features == 26
    assert dict(edited.walk())["f6"].out_features == 84
    assert edited.digest == lenet5(26).digest


def test_with_num_classes_changes_every_auxiliary_head():
    layers = dict(googlenet_aux().with_num_classes(7).walk())
    changed = [path for path, layer in layers.items() if getattr(layer, "out_features", None) == 7]
    assert changed == ["aux1.classifier", "aux2.classifier", "classifier"]
    assert layers["aux1.fc"].out_features == 1024


def test_with_num_classes_does_not_take_an_auxiliary_head_for_the_end():
    edited = net(Conv(4, 3), GlobalAvgPool(), Linear(10), AuxHead(Linear(10))).with_num_classes(3)
    layers = dict(edited.walk())
    assert (layers["linear1"].out_features, layers["aux1.linear1"].out_features) == (3, 3)


def test_with_num_classes_finds_a_last_convolution():
    edited = net(Conv(8, 3), ReLU(), Sequential(Conv(10, 1), GlobalAvgPool(), name="head")).with_num_classes(
        5
    )
    assert dict(edited.walk())["head.conv1"].out_channels == 5
    assert dict(edited.walk())["conv1"].out_channels == 8


def test_with_num_classes_keeps_paths_and_other_layers():
    before, after = list(resnet18().walk()), list(resnet18().with_num_classes(10).walk())
    assert [path for path, _ in before] == [path for path, _ in after]
    widths = [[getattr(layer, "out_features", None) for _, layer in layers] for layers in (before, after)]
    assert widths == [[None] * (len(before) - 1) + [1000], [None] * (len(after) - 1) + [10]]


@pytest.mark.parametrize(
    "layers",
    [
        (MaxPool(2), ReLU()),
        (Conv(4, 1), Residual(Conv(4, 1))),
        (Conv(4, 1), Concat(Conv(4, 1), Conv(4, 1)), GlobalAvgPool()),
    ],
)
def test_with_num_classes_needs_one_layer_at_the_end_that_says_how_many(layers):
    with pytest.raises(DescriptionError) as caught:
        net(*layers).with_num_classes(3)
    assert str(caught.value) == (
        "'n' does not end with a Linear or Conv whose outputs could be changed; add one, such as Linear(3)."
    )


def test_save_keeps_what_stood_there_if_it_cannot_write(tmp_path, monkeypatch):
    path = tmp_path / "n.yaml"
    net(ReLU()).save(path)

    def full(self, *_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(DescriptionError) as caught:
        net(MaxPool(2)).save(path)
    assert str(caught.value) == f"{path}: cannot be written: No space left on device."
    assert Network.load(path) == net(ReLU())
    assert [p.name for p in tmp_path.iterdir()] == ["n.yaml"]


@pytest.mark.parametrize(
    ("bad", "allowed"),
    [(0, "must be at least 1"), (2.5, "must be a whole number"), ("ten", "must be a whole number")],
)
def test_with_num_classes_checks_the_number(bad, allowed):
    with pytest.raises(DescriptionError) as caught:
        lenet5().with_num_classes(bad)
    assert str(caught.value) == f"Linear: out_features={bad!r} {allowed}."


def test_with_input_changes_the_shape_alone():
    edited = lenet5().with_input((3, 32, 32))
    assert (edited.input, edited.body, edited.name) == ((3, 32, 32), lenet5().body, "lenet5")
    with pytest.raises(DescriptionError, match=r"^input=\(3, 0\): must be \(channels,\)"):
        lenet5().with_input((3, 0))


def test_walk_yields_layers_in_the_order_they_run():
    assert [type(layer).__name__ for _, layer in NESTED.walk()] == [
        *("Conv", "ReLU", "Conv"),
        *("Conv", "ReLU", "Conv", "ReLU"),
        *("Conv", "Conv", "ReLU"),
        *("Conv", "ReLU", "Conv", "ReLU"),
        *("Conv", "Conv"),
        *("GlobalAvgPool", "Linear"),
        *("Flatten", "Linear"),
    ]
