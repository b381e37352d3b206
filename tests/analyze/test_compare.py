"""`compare` against layers that are built in each of the four ways, and the figures of lectures."""

import json
import math
import runpy
from pathlib import Path

import pytest
from toys import message_of

import striate as st
from striate.errors import ShapeError
from striate.nn import build
from striate.spec import (
    Conv,
    ConvTranspose,
    DepthwiseConv,
    Flatten,
    Linear,
    LocallyConnected,
    Network,
    ReLU,
    SeparableConv,
    Sequential,
    Subsample,
    TableConv,
    TiledConv,
)

SAMPLES = runpy.run_path(str(Path(__file__).parents[1] / "contract" / "samples.py"))["SAMPLES"]
LAYERS = [
    ((3, 11, 9), Conv(4, 3, padding=1)),
    ((3, 11, 9), Conv(4, (3, 2), stride=2, bias=False)),
    ((2, 13), Conv(5, 4, padding="causal", dilation=2)),
]


def figures(layer):
    return {
        way.name: tuple(getattr(way, f).value for f in ("weights", "biases", "macs", "neurons"))
        for way in layer.ways
    }


def built(shape, *layers):
    """Return weights and biases of the built layers."""
    tensors = build(Network("n", shape, list(layers)), seed=0).state_dict()
    sizes = {"weight": 0, "bias": 0}
    for name, tensor in tensors.items():
        sizes["bias" if name.endswith("bias") else "weight"] += tensor.numel()
    return sizes["weight"], sizes["bias"]


@pytest.mark.parametrize(("shape", "conv"), LAYERS)
def test_parameters_are_those_of_layers_built_so(shape, conv):
    (layer,) = st.compare(Network("n", shape, conv), "conv1", tiles=3).layers
    ways = figures(layer)
    assert list(ways) == [
        "dense",
        "locally connected",
        f"tiled {'×'.join('3' * (len(shape) - 1))}",
        "convolution",
    ]
    options = {"stride": conv.stride, "padding": conv.padding, "dilation": conv.dilation, "bias": conv.bias}
    outputs = math.prod(layer.output_shape)
    others = {
        "dense": [Flatten(), Linear(outputs, bias=conv.bias)],
        "locally connected": [LocallyConnected(conv.out_channels, conv.kernel_size, **options)],
        layer.ways[2].name: [TiledConv(conv.out_channels, conv.kernel_size, 3, **options)],
        "convolution": [conv],
    }
    for name, layers in others.items():
        assert ways[name][:2] == built(shape, *layers), name
        assert ways[name][3] == outputs
    # Every way but the dense one multiplies each window's inputs once for each output.
    window = shape[0] * math.prod(
        conv.kernel_size if isinstance(conv.kernel_size, tuple) else (conv.kernel_size,) * (len(shape) - 1)
    )
    assert [ways[name][2] for name in others] == [math.prod(shape) * outputs, *[outputs * window] * 3]


def test_one_layer_described_in_three_ways_compares_the_same():
    shape = (3, 12, 12)
    one = st.compare(Network("n", shape, Conv(4, 3, name="x")), "x").layers[0].ways
    for other in (LocallyConnected(4, 3, name="x"), TiledConv(4, 3, 2, name="x")):
        assert st.compare(Network("n", shape, other), "x").layers[0].ways == one


def test_the_first_layer_of_alexnet():
    (layer,) = st.compare(st.zoo.alexnet(), "conv1").layers
    assert figures(layer) == {
        "dense": (43_713_331_200, 290_400, 43_713_331_200, 290_400),
        "locally connected": (105_415_200, 290_400, 105_415_200, 290_400),
        "tiled 2×2": (139_392, 384, 105_415_200, 290_400),
        "convolution": (34_848, 96, 105_415_200, 290_400),
    }


def test_twelve_inputs_and_six_outputs():
    (layer,) = st.compare(Network("n", (1, 3, 4), Conv(1, 2, bias=False)), "conv1").layers
    assert [way.weights.value for way in layer.ways] == [72, 24, 16, 4]
    assert [way.biases.value for way in layer.ways] == [0, 0, 0, 0]


def test_groups_tables_and_depthwise_kernels_count_what_they_read():
    network = Network(
        "n",
        (4, 8, 8),
        [Conv(6, 3, groups=2), ReLU(), TableConv([[0], [1, 2]], 3), DepthwiseConv(2, bias=False)],
    )
    comparison = st.compare(network)
    assert [layer.path for layer in comparison.layers] == ["conv1", "conv2", "depthwise1"]
    shared = [layer.ways[3].weights.value for layer in comparison.layers]
    assert shared == [6 * 2 * 9, 3 * 9, 2 * 4]
    local = [layer.ways[1].weights.value for layer in comparison.layers]
    assert local == [6 * 2 * 9 * 36, 3 * 9 * 16, 2 * 4 * 9]


def test_fewer_positions_than_tiles():
    (layer,) = st.compare(st.zoo.lenet5(), "c5", tiles=2).layers
    assert layer.ways[2].name == "tiled 1×1"
    assert layer.ways[2].weights == layer.ways[3].weights


def test_another_input():
    (layer,) = st.compare(st.zoo.lenet5(), "c1", input=(1, 40, 36)).layers
    assert (layer.input_shape, layer.output_shape) == ((1, 40, 36), (6, 36, 32))


def test_a_transposed_convolution_has_kernels_for_each_input_position():
    shape, layer = (3, 5, 4), ConvTranspose(6, 3, stride=2, padding=1, groups=3)
    (compared,) = st.compare(Network("n", shape, layer), tiles=2).layers
    ways = figures(compared)
    outputs = 6 * 9 * 7
    assert compared.output_shape == (6, 9, 7)
    # Where one input position stands alone, its kernels are all the weights.
    alone, biases = built((3, 1, 1), ConvTranspose(6, 3, stride=2, groups=3))
    macs = alone * 5 * 4
    assert ways == {
        "dense": (60 * outputs, outputs, 60 * outputs, outputs),
        "locally connected": (alone * 5 * 4, outputs, macs, outputs),
        "tiled 2×2": (alone * 2 * 2, biases * 2 * 2, macs, outputs),
        "transposed convolution": (alone, biases, macs, outputs),
    }
    (one,) = st.compare(Network("n", (3, 1, 1), ConvTranspose(6, 3))).layers
    assert len({way.weights.value for way in one.ways}) == 1  # of one position, all four are one


def test_both_parts_of_a_separable_convolution_are_connected_in_the_way_named():
    shape, layer = (3, 7, 6), SeparableConv(5, 3, multiplier=2)
    (compared,) = st.compare(Network("n", shape, layer), tiles=2).layers
    ways = figures(compared)
    middle, outputs = (6, 5, 4), 5 * 5 * 4
    depthwise = LocallyConnected(2, 3, bias=False)  # of each input map
    local = 3 * built((1, 7, 6), depthwise)[0] + built(middle, LocallyConnected(5, 1))[0]
    tiled = 3 * built((1, 7, 6), TiledConv(2, 3, 2))[0] + built(middle, TiledConv(5, 1, 2))[0]
    neurons = math.prod(middle) + outputs
    assert ways == {
        "dense": (126 * outputs, outputs, 126 * outputs, outputs),
        "locally connected": (local, outputs, local, neurons),
        "tiled 2×2": (tiled, built(middle, TiledConv(5, 1, 2))[1], local, neurons),
        "separable convolution": (*built(shape, layer), local, neurons),
    }


def test_every_kind_with_windows_and_weights_is_compared_or_named():
    compared, refused = set(), {}
    for shape, body in (case for cases in SAMPLES.values() for case in cases if len(case[0]) > 1):
        network = Network("n", shape, Sequential(Conv(shape[0], 1), body))
        for row in st.analyze(network).layers:
            if not (row.arithmetic.axes and row.weights):
                continue
            try:
                (layer,) = st.compare(network, row.path).layers
            except ShapeError as error:
                refused[row.kind] = str(error)
            else:
                compared.add(row.kind)
                assert layer.ways[3].macs.value == row.macs
    assert set(refused) == {"Subsample"}
    assert refused["Subsample"].startswith("subsample1 (Subsample) cannot be compared: ")
    assert compared == {
        *("Conv", "ConvTranspose", "DepthwiseConv", "SeparableConv", "TableConv"),
        *("LocallyConnected", "TiledConv"),
    }


def test_none_means_every_convolution_of_any_kind():
    body = [Conv(4, 3), Subsample(1), SeparableConv(4, 3), ConvTranspose(4, 3), DepthwiseConv(3)]
    paths = [layer.path for layer in st.compare(Network("n", (3, 12, 12), body)).layers]
    assert paths == ["conv1", "conv2", "deconv1", "depthwise1"]


def test_what_cannot_be_compared():
    lenet = st.zoo.lenet5()
    assert message_of(ShapeError, st.compare, lenet, "f6") == (
        "f6 (Linear) has no windows with weights. Convolutions of 'lenet5': c1, c3, c5."
    )
    assert message_of(ShapeError, st.compare, lenet, ["c1", "c3"]) == (
        "path=['c1', 'c3']: must be the path of a layer, each an argument of its own: \"c1\", \"c3\"."
    )
    assert message_of(ShapeError, st.compare, st.zoo.lenet5_1998(), "s2") == (
        "s2 (Subsample) cannot be compared: it has one weight per map, which all values of a window share; compare a "
        "Conv in its place. Convolutions of 'lenet5_1998': c1, c3, c5."
    )
    text = message_of(ShapeError, st.compare, st.zoo.alexnet(), "conv9")
    assert text.startswith("no layer at 'conv9'. Did you mean 'conv")
    assert message_of(ShapeError, st.compare, st.zoo.mlp()) == (
        "'mlp' has no convolution; its layers can be connected in one way alone."
    )
    assert message_of(ShapeError, st.compare, lenet, "c1", tiles=0) == (
        "tiles=0: must be a whole number of at least 1."
    )


TABLE = """\
c1 (Conv)   1×32×32 → 6×28×28

                        weights   biases        MACs   neurons
  dense               4,816,896    4,704   4,816,896     4,704
  locally connected     117,600    4,704     117,600     4,704
  tiled 3×3               1,350       54     117,600     4,704
  convolution               150        6     117,600     4,704
"""


def test_the_command(striate):
    assert striate("compare", "lenet5", "c1", "--tiles", 3).out == TABLE
    data = json.loads(striate("compare", "lenet5", "c1", "c3", "--json").out)
    assert [layer["path"] for layer in data["layers"]] == ["c1", "c3"]
    assert data["layers"][1]["ways"][3] == {
        "way": "convolution",
        "weights": 2400,
        "biases": 16,
        "macs": 240_000,
        "neurons": 1600,
    }
    work = striate("compare", "lenet5", "c1", "--work").out
    assert "    weights  1·32·32·6·28·28 = 4,816,896\n" in work
    assert "    MACs     6·28·28·1·5·5 = 117,600\n" in work
    assert striate("compare", "lenet5", "c1", "--input", "1x40x36").out.startswith(
        "c1 (Conv)   1×40×36 → 6×36×32"
    )


def test_the_command_explains(failure):
    assert failure("compare", "lenet5", "s2") == (
        "s2 (AvgPool) has no windows with weights. Convolutions of 'lenet5': c1, c3, c5."
    )


def test_in_a_notebook():
    html = st.compare(st.zoo.lenet5(), "c1")._repr_html_()
    assert html.count("<tr>") == 5
    assert "4,816,896" in html
