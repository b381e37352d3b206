"""Figures that five lectures on convolutional networks print, and what is true of them.

Where a lecture is wrong, the test asserts the true value; the comment has what was printed.
"""

import math

import pytest
import torch

from striate.analyze import analyze
from striate.nn import build
from striate.spec import AvgPool, Concat, Conv, Flatten, Linear, MaxPool, Network, ReLU, Repeat, Sequential
from striate.zoo import alexnet, googlenet, vgg16


def rows(shape, *layers):
    return analyze(Network("n", shape, list(layers))).layers


def output(shape, *layers):
    return analyze(Network("n", shape, list(layers))).output


@pytest.mark.parametrize(
    ("shape", "layer", "expected"),
    [
        ((1, 100), Conv(1, 25), (1, 76)),
        ((1, 3, 4), Conv(1, 2, padding="valid"), (1, 2, 3)),
        ((1, 13), Conv(1, 6, stride=5, padding="valid"), (1, 2)),
        ((1, 13), Conv(1, 6, stride=5, padding="same"), (1, 3)),
        ((3, 224, 224), Conv(96, 11, stride=4, padding="same"), (96, 56, 56)),  # printed: 55
        ((3, 227, 227), Conv(96, 11, stride=4, padding="valid"), (96, 55, 55)),
        ((3, 224, 224), Conv(96, 11, stride=4, padding=2), (96, 55, 55)),  # printed: 57
        ((96, 55, 55), MaxPool(3, stride=2), (96, 27, 27)),  # printed: stride 1, and 55
        ((1, 5, 5), MaxPool(3, stride=1), (1, 3, 3)),
        ((1, 5, 5), MaxPool(3, stride=2), (1, 2, 2)),
        ((64, 14, 14), Flatten(), (12_544,)),
    ],
)
def test_output_sizes(shape, layer, expected):
    assert output(shape, layer) == expected


@pytest.mark.parametrize("size", [7, 8, 28, 200])
@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_output_size_with_every_overlap(size, kernel, stride):
    # Printed: (M + P)/S − 1; the two agree at S = 1 alone.
    assert output((1, size), Conv(1, kernel, stride, padding="full")) == (
        1,
        (size + kernel - 2) // stride + 1,
    )
    assert output((1, size), Conv(1, kernel, stride, padding=kernel - 1)) == output(
        (1, size), Conv(1, kernel, stride, padding="full")
    )
    if stride == 1:
        assert (size + kernel - 2) // stride + 1 == (size + kernel) // stride - 1


def test_same_in_one_dimension_pads_one_less_than_the_kernel():
    for kernel in range(1, 8):
        for padding, before in (("same", (kernel - 1) // 2), ("causal", kernel - 1)):
            (axis,) = rows((1, 50), Conv(1, kernel, padding=padding))[0].arithmetic.axes
            assert axis.before + axis.after == kernel - 1
            assert axis.before == before


def test_a_feature_map_by_hand():
    module = build(Network("n", (1, 5, 5), Conv(1, 2, bias=False)), seed=0)
    with torch.no_grad():
        module.conv1.weight.copy_(torch.tensor([[[[-1.0, -1.0], [1.0, 1.0]]]]))
        image = [[1, 2, 1, 1, 1], [1, 0, 0, 0, 0], [1, 0, 0, 0, 0], [5, 2, 5, 4, 5], [3, 5, 5, 5, 3]]
        answer = module(torch.tensor([[image]], dtype=torch.float32))
    # Printed: −1 at the top left.
    assert answer[0, 0].tolist() == [[-2, -3, -2, -2], [0, 0, 0, 0], [6, 7, 9, 9], [1, 3, 1, -1]]


def test_a_kernel_answers_to_the_edge_it_looks_like():
    module = build(Network("n", (1, 1, 6), Conv(1, (1, 2), bias=False)), seed=0)
    with torch.no_grad():
        module.conv1.weight.copy_(torch.tensor([[[[1.0, -1.0]]]]))
        answer = module(torch.tensor([[[[0.0, 0.0, 1.0, 1.0, 0.0, 0.0]]]]))
    assert answer.flatten().tolist() == [0, -1, 0, 1, 0]  # dark to bright −1, bright to dark +1


def test_alexnet():
    row = analyze(alexnet()).row
    assert row("conv1").dense_weights == 224 * 224 * 3 * 55 * 55 * 96 == 43_713_331_200
    assert (row("conv1").weights, row("conv1").biases) == (34_848, 96)  # printed: 96·11² = 11,616
    assert row("conv1").neurons == 290_400  # printed: 253,440
    share = row("fc6").params / analyze(alexnet()).totals.params
    assert round(100 * share, 1) == 61.9
    # Two towers of 128 maps, each reading the 48 of its own.
    assert row("conv2").weights == 2 * (128 * 48 * 5 * 5)


def test_the_lenet_of_the_slide():
    # Printed: 208, 416, 48,001, 10,081, 841 parameters, and 40 values after the second pooling.
    table = rows(
        (3, 32, 32),
        Conv(8, 5),
        MaxPool(2),
        Conv(16, 5),
        MaxPool(2),
        Flatten(),
        Linear(120),
        Linear(84),
        Linear(10),
    )
    assert [row.params for row in table if row.weights] == [608, 3_216, 48_120, 10_164, 850]
    assert table[4].output_shape == (400,)


VGG_STAGES = {
    "A": [[3], [3], [3, 3], [3, 3], [3, 3]],
    "B": [[3, 3], [3, 3], [3, 3], [3, 3], [3, 3]],
    "C": [[3, 3], [3, 3], [3, 3, 1], [3, 3, 1], [3, 3, 1]],
    "D": [[3, 3], [3, 3], [3, 3, 3], [3, 3, 3], [3, 3, 3]],
    "E": [[3, 3], [3, 3], [3, 3, 3, 3], [3, 3, 3, 3], [3, 3, 3, 3]],
}


@pytest.mark.parametrize(
    ("letter", "params"),
    [("A", 132_863_336), ("B", 133_047_848), ("C", 133_638_952), ("D", 138_357_544), ("E", 143_667_240)],
)
def test_parameters_of_the_vgg_family(letter, params):
    stages = zip((64, 128, 256, 512, 512), VGG_STAGES[letter], strict=True)
    features = [[*(Conv(maps, k, padding=k // 2) for k in kernels), MaxPool(2)] for maps, kernels in stages]
    layers = [Sequential(*stage) for stage in features]
    network = Network("n", (3, 224, 224), [*layers, Flatten(), Linear(4096), Linear(4096), Linear(1000)])
    assert analyze(network).totals.params == params
    if letter == "D":
        assert analyze(vgg16()).totals.params == params


def test_googlenet_against_alexnet():
    small, large = (analyze(network()).totals.params for network in (googlenet, alexnet))
    assert round(large / small, 1) == 8.7  # printed: 12


def test_dense_and_shared_weights_of_one_small_layer():
    (row,) = rows((1, 3, 4), Conv(1, 2, bias=False))
    assert (math.prod(row.input_shape), math.prod(row.output_shape)) == (12, 6)
    assert (row.dense_weights, row.weights) == (72, 4)


@pytest.mark.parametrize("size", [3, 8, 20])
def test_dense_local_and_shared_weights_of_a_signal(size):
    network = Network("n", (1, size), Conv(1, 3, padding=1, bias=False))
    (row,) = analyze(network).layers
    assert (row.dense_weights, row.weights) == (size**2, 3)
    with torch.no_grad():  # the layer as a matrix: rows are the answers to unit vectors
        matrix = build(network, seed=0)(torch.eye(size).unsqueeze(1))
    assert int((matrix != 0).sum()) == 3 * size - 2
    assert row.local_weights == 3 * size  # with the two that would read the padding


@pytest.mark.parametrize("maps", [1, 8, 64])
def test_three_small_kernels_against_a_large_one(maps):
    small = rows((maps, 20, 20), Repeat(Conv(maps, 3, bias=False), 3))
    (large,) = rows((maps, 20, 20), Conv(maps, 7, bias=False))
    assert [row.receptive_field[0].size for row in small] == [3, 5, 7]  # after two, printed: 9
    assert small[-1].receptive_field == large.receptive_field
    assert (sum(row.weights for row in small), large.weights) == (27 * maps**2, 49 * maps**2)


def test_twenty_maps_with_a_border():
    (row,) = rows((3, 200, 200), Conv(20, 5, padding=4))
    assert (row.weights, row.biases, row.neurons) == (1500, 20, 832_320)


def test_dense_layers_on_an_image():
    assert rows((3, 200, 200), Flatten(), Linear(40_000))[1].weights == 4_800_000_000  # printed: 4800000
    assert rows((1, 200, 200), Flatten(), Linear(400_000))[1].weights == 16_000_000_000
    # 400,000 hidden units as ten maps, each unit reading 10×10 positions of its own.
    (local,) = rows((1, 200, 200), Conv(10, 10, padding="same"))
    assert (local.neurons, local.local_weights) == (400_000, 40_000_000)


def test_joined_branches_add_their_maps():
    assert output((3, 8, 8), Concat(Conv(4, 1), Conv(6, 3, padding=1)), ReLU(), AvgPool(2)) == (10, 4, 4)
