"""One row of published figures for every named network.

Sources: the papers named in each zoo module; for vgg16 and resnet18 what torchvision lists; for alexnet
and googlenet the counts of the Caffe models that were published with the papers. The MACs of the others
are sums worked by hand from the shapes in the papers.
"""

import pytest

from striate.analyze import analyze
from striate.zoo import NETWORKS, alexnet, googlenet, googlenet_aux, lenet5, mlp, resnet18, vgg16

# parameters, MACs to the digits published (in millions), layers with weights on the longest way
PUBLISHED = {
    "mlp": (266_610, 0.2662, 3),  # LeCun et al. 1998: 784-300-100-10
    "lenet5": (61_706, 0.41652, 5),  # 117,600 + 240,000 + 48,000 + 10,080 + 840
    "lenet5_relu": (61_706, 0.41652, 5),
    "alexnet": (60_965_224, 724, 8),
    "vgg16": (138_357_544, 15_470, 16),
    "googlenet": (6_998_552, 1_580, 22),
    "googlenet_aux": (13_378_280, 1591.044096, 22),  # googlenet, and 4,169,728 + 4,202,496 of the heads
    "resnet18": (11_689_512, 1_810, 18),
}


def rounded_like(value, published):
    """Round to as many significant digits as were published."""
    return float(f"{value:.{len(str(published).strip('0.').replace('.', ''))}g}")


def test_every_named_network_has_its_row():
    assert set(PUBLISHED) == set(NETWORKS)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_totals_are_those_published(name):
    params, million_macs, depth = PUBLISHED[name]
    totals = analyze(NETWORKS[name]()).totals
    assert totals.params == params
    assert rounded_like(totals.macs / 1e6, million_macs) == million_macs
    assert totals.depth == depth


def test_lenet5_has_the_shapes_of_the_paper():
    analysis = analyze(lenet5())
    shapes = {
        path: analysis.row(path).output_shape for path in ("c1", "s2", "c3", "s4", "c5", "f6", "output")
    }
    assert shapes == {
        "c1": (6, 28, 28),
        "s2": (6, 14, 14),
        "c3": (16, 10, 10),
        "s4": (16, 5, 5),
        "c5": (120, 1, 1),
        "f6": (84,),
        "output": (10,),
    }
    assert [analysis.row(path).params for path in ("c1", "c5", "f6")] == [
        156,
        48_120,
        10_164,
    ]  # as the paper says


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


def test_vgg16_has_the_maps_and_macs_of_the_paper():
    analysis = analyze(vgg16())
    pools = [row.output_shape for row in analysis.layers if row.kind == "MaxPool"]
    assert pools == [(64, 112, 112), (128, 56, 56), (256, 28, 28), (512, 14, 14), (512, 7, 7)]
    assert analysis.totals.macs == 15_470_264_320
    convolutions = [row for row in analysis.layers if row.kind == "Conv"]
    assert len(convolutions) == 13
    assert [row.receptive_field[0].size for row in convolutions[:7]] == [3, 5, 10, 14, 24, 32, 40]
    assert analysis.row("stage5.pool1").receptive_field[0].size == 212


def test_resnet18_has_the_maps_of_the_paper():
    analysis = analyze(resnet18())
    ends = {
        row.path.split(".")[0]: row.output_shape for row in analysis.layers if row.path.startswith("stage")
    }
    assert ends == {
        "stage1": (64, 56, 56),
        "stage2": (128, 28, 28),
        "stage3": (256, 14, 14),
        "stage4": (512, 7, 7),
    }
    assert analysis.totals.macs == 1_814_073_344
    assert analysis.row("stage4.block2").receptive_field[0].size == 435


# Table 1 of the paper: maps, size, and the true weights and MACs (in millions) behind its rounded columns.
INCEPTIONS = [
    ("3a", 256, 28, 163_328, 128.0),
    ("3b", 480, 28, 388_096, 304.3),
    ("4a", 512, 14, 375_552, 73.6),
    ("4b", 512, 14, 448_512, 87.9),
    ("4c", 512, 14, 509_440, 99.9),
    ("4d", 528, 14, 604_672, 118.5),
    ("4e", 832, 14, 867_328, 170.0),
    ("5a", 832, 7, 1_042_432, 51.1),
    ("5b", 1024, 7, 1_442_816, 70.7),
]


@pytest.mark.parametrize(("name", "maps", "size", "weights", "million_macs"), INCEPTIONS)
def test_googlenet_has_the_inceptions_of_the_paper(name, maps, size, weights, million_macs):
    analysis = analyze(googlenet())
    rows = [row for row in analysis.layers if row.path.startswith(f"inception{name}.")]
    assert analysis.row(f"inception{name}").output_shape == (maps, size, size)
    assert sum(row.weights for row in rows) == weights
    assert round(sum(row.macs for row in rows) / 1e6, 1) == million_macs


def test_googlenet_has_the_stem_and_classifier_of_the_paper():
    row = analyze(googlenet()).row
    assert (row("conv1").weights, round(row("conv1").macs / 1e6)) == (9_408, 118)
    stem = [row("conv2_reduce"), row("conv2")]
    assert (sum(r.weights for r in stem), round(sum(r.macs for r in stem) / 1e6)) == (114_688, 360)
    assert (row("classifier").weights, row("classifier").macs) == (1_024_000, 1_024_000)


def test_the_auxiliary_heads_of_googlenet_read_4a_and_4d():
    analysis = analyze(googlenet_aux())
    for name, maps in (("aux1", 512), ("aux2", 528)):
        shapes = {
            row.path.removeprefix(f"{name}."): row for row in analysis.layers if row.path.startswith(name)
        }
        assert shapes["pool1"].input_shape == (maps, 14, 14)
        assert shapes["conv"].output_shape == (128, 4, 4)
        assert shapes["fc"].weights == 2048 * 1024
        assert shapes["classifier"].output_shape == (1000,)
    without = analyze(googlenet()).totals
    heads = sum(row.params for row in analysis.layers if row.path.startswith("aux"))
    assert analysis.totals.params - without.params == heads == 13_378_280 - 6_998_552


def test_the_perceptron_takes_any_input_and_widths():
    network = mlp(num_classes=3, input=(2, 5), hidden=(7, 4))
    assert [row.output_shape for row in analyze(network).layers if row.weights] == [(7,), (4,), (3,)]
    assert analyze(network).totals.params == (10 * 7 + 7) + (7 * 4 + 4) + (4 * 3 + 3)
    assert analyze(mlp(hidden=())).totals.params == 7850
