"""`compare` against layers that are built in each of the four ways, and the figures of lectures."""

import json
import math

import pytest
from toys import message_of

import striate as st
from striate.errors import ShapeError
from striate.nn import build
from striate.spec import (
    Conv,
    DepthwiseConv,
    Flatten,
    Linear,
    LocallyConnected,
    Network,
    ReLU,
    TableConv,
    TiledConv,
)

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
        sizes[name.rpartition(".")[2]] += tensor.numel()
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


def test_what_cannot_be_compared():
    lenet = st.zoo.lenet5()
    assert message_of(ShapeError, st.compare, lenet, "f6") == (
        "f6 (Linear) has no windows with weights. Convolutions of 'lenet5': c1, c3, c5."
    )
    assert message_of(ShapeError, st.compare, lenet, ["c1", "c3"]) == (
        "path=['c1', 'c3']: must be the path of a layer, each an argument of its own: \"c1\", \"c3\"."
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
