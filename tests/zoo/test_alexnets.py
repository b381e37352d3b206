"""AlexNet, ZFNet, network in network, the all convolutional net and SqueezeNet against their papers."""

import pytest

from striate.analyze import analyze
from striate.zoo import (
    alexnet,
    alexnet_single,
    all_convolutional,
    nin,
    squeezenet1_0,
    squeezenet1_1,
    zfnet,
)


def shapes_of(network, kind):
    return [row.output_shape for row in analyze(network).layers if row.kind == kind]


def test_alexnet_has_the_neurons_and_weights_of_the_paper():
    rows = [row for row in analyze(alexnet()).layers if row.weights]
    assert [row.neurons for row in rows] == [290_400, 186_624, 64_896, 64_896, 43_264, 4096, 4096, 1000]
    assert [row.weights for row in rows] == [
        34_848,
        307_200,
        884_736,
        663_552,
        442_368,
        37_748_736,
        16_777_216,
        4_096_000,
    ]
    first = analyze(alexnet()).row("conv1")
    assert first.dense_weights == 43_713_331_200
    assert first.receptive_field[0].size == 11


def test_alexnet_of_one_tower_has_the_maps_of_torchvision():
    assert shapes_of(alexnet_single(), "Conv") == [
        (64, 55, 55),
        (192, 27, 27),
        (384, 13, 13),
        (256, 13, 13),
        (256, 13, 13),
    ]
    assert shapes_of(alexnet_single(), "MaxPool") == [(64, 27, 27), (192, 13, 13), (256, 6, 6)]


def test_zfnet_has_the_maps_of_the_paper():
    # Figure 3.
    assert shapes_of(zfnet(), "Conv") == [
        (96, 110, 110),
        (256, 26, 26),
        (384, 13, 13),
        (384, 13, 13),
        (256, 13, 13),
    ]
    assert shapes_of(zfnet(), "MaxPool") == [(96, 55, 55), (256, 13, 13), (256, 6, 6)]
    assert shapes_of(zfnet(), "LocalResponseNorm") == [(96, 55, 55), (256, 13, 13)]


def test_nin_has_the_maps_of_the_caffe_model():
    analysis = analyze(nin())
    ends = [analysis.row(f"mlpconv{i}.relu3").output_shape for i in (1, 2, 3)]
    assert ends == [(96, 32, 32), (192, 16, 16), (10, 8, 8)]
    rows = [row.params for row in analysis.layers if row.params]
    assert rows == [14_592, 30_880, 15_456, 460_992, 37_056, 37_056, 331_968, 37_056, 1_930]


def test_the_all_convolutional_net_ends_on_the_maps_of_the_paper():
    shapes = shapes_of(all_convolutional(), "Conv")
    assert shapes[2] == (96, 16, 16)
    assert shapes[5:] == [(192, 8, 8), (192, 6, 6), (192, 6, 6), (10, 6, 6)]  # averaged over 6×6


# Table 1 of the paper: parameters before pruning.
SQUEEZENET = {
    "conv1": 14_208,
    "fire2": 11_920,
    "fire3": 12_432,
    "fire4": 45_344,
    "fire5": 49_440,
    "fire6": 104_880,
    "fire7": 111_024,
    "fire8": 188_992,
    "fire9": 197_184,
    "conv10": 513_000,
}


def parts_of(network):
    """Return parameters by the first part of the path."""
    parts = {}
    for row in analyze(network).layers:
        if row.params:
            top = row.path.partition(".")[0]
            parts[top] = parts.get(top, 0) + row.params
    return parts


def test_squeezenet_has_the_parameters_of_the_paper():
    assert parts_of(squeezenet1_0()) == SQUEEZENET
    # Version 1.1 changes the first convolution, and where maps are pooled: fire2 reads 64 maps, not 96.
    assert parts_of(squeezenet1_1()) == SQUEEZENET | {"conv1": 1_792, "fire2": 11_920 - 32 * 16}


@pytest.mark.parametrize(
    ("network", "sizes"), [(squeezenet1_0, [54, 27, 13, 13]), (squeezenet1_1, [55, 27, 13, 13])]
)
def test_squeezenet_pools_as_torchvision_does(network, sizes):
    pools = [shape[1] for shape in shapes_of(network(), "MaxPool")]
    assert [*pools, analyze(network()).row("conv10").output_shape[1]] == sizes


def test_the_layers_of_squeezenet_have_caffe_s_names():
    paths = [
        path for path, layer in squeezenet1_0().walk() if path.startswith("fire2.") and layer.kind == "Conv"
    ]
    assert [path.rpartition(".")[2] for path in paths] == ["squeeze1x1", "expand1x1", "expand3x3"]
