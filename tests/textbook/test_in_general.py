"""What the lectures say for one size or one example, for many."""

import math

import pytest
import torch

from striate.analyze import analyze
from striate.nn import SCHEMES, build
from striate.spec import (
    AvgPool,
    Concat,
    Conv,
    LayerNorm,
    LocallyConnected,
    MaxPool,
    Network,
    ReLU,
    Repeat,
    Residual,
    SeparableConv,
    Sequential,
)
from striate.zoo import alexnet


def row(shape, layer):
    return analyze(Network("n", shape, layer)).layers[-1]


@pytest.mark.parametrize("size", [7, 8, 28, 200])
@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_the_output_of_a_filter(size, kernel, stride):
    for padding in range(kernel):
        length = row((1, size), Conv(1, kernel, stride, padding=padding)).output_shape[1]
        assert length == (size + 2 * padding - kernel) // stride + 1
    overlapping = row((1, size), Conv(1, kernel, stride, padding="full")).output_shape[1]
    assert overlapping == length == (size + kernel - 2) // stride + 1
    assert (overlapping == (size + kernel) / stride - 1) == (stride == 1)  # as printed


@pytest.mark.parametrize("size", [5, 6, 55])
@pytest.mark.parametrize("kernel", [2, 3])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_the_output_of_max_pooling(size, kernel, stride):
    length = (size - kernel) // stride + 1
    assert row((4, size, size), MaxPool(kernel, stride=stride)).output_shape == (4, length, length)


@pytest.mark.parametrize("kernel", range(1, 8))
def test_same_in_one_dimension_pads_one_less_than_the_kernel(kernel):
    for padding, before in (("same", (kernel - 1) // 2), ("causal", kernel - 1)):
        (axis,) = row((1, 50), Conv(1, kernel, padding=padding)).arithmetic.axes
        assert axis.before + axis.after == kernel - 1
        assert (axis.before, axis.output) == (before, 50)


@pytest.mark.parametrize("size", [3, 8, 20])
@pytest.mark.parametrize("kind", [Conv, LocallyConnected])
def test_dense_local_and_shared_weights_of_a_signal(size, kind):
    layer = kind(1, 3, padding=1, bias=False)
    figures = row((1, size), layer)
    assert (figures.dense_weights, figures.local_weights) == (size**2, 3 * size)
    assert figures.weights == (3 if kind is Conv else 3 * size)
    with torch.no_grad():  # the layer as a matrix: rows are the answers to unit vectors
        matrix = build(Network("n", (1, size), layer), seed=0)(torch.eye(size).unsqueeze(1))
    assert int((matrix != 0).sum()) == 3 * size - 2


@pytest.mark.parametrize("kind", [Conv, LocallyConnected])
def test_local_weights_of_an_image(kind):
    figures = row((1, 200, 200), kind(10, 10, padding="same", bias=False))
    assert (figures.neurons, figures.local_weights) == (400_000, 40_000_000)
    assert figures.weights == (1_000 if kind is Conv else 40_000_000)


def test_the_towers_of_alexnet():
    # Two of 128 maps, each of which reads the 48 of its own tower.
    assert analyze(alexnet()).row("conv2").weights == 2 * (128 * 48 * 5 * 5)


def test_a_separable_convolution_fits_the_first_row_of_googlenets_table():
    figures = row((3, 224, 224), SeparableConv(64, 7, stride=2, padding=3, multiplier=8, bias=False))
    assert figures.weights == 8 * 3 * 7 * 7 + 64 * 24
    assert (f"{figures.weights / 1000:.1f}K", f"{figures.macs / 1e6:.0f}M") == ("2.7K", "34M")


def test_the_branches_of_an_inception_module_add_their_maps():
    branches = Sequential(Concat(Conv(4, 1), Conv(6, 3, padding=1)), ReLU(), AvgPool(2))
    assert analyze(Network("n", (3, 8, 8), branches)).output == (10, 4, 4)


@pytest.mark.parametrize("maps", [1, 8, 64])
def test_three_small_kernels_against_a_large_one(maps):
    small = analyze(Network("n", (maps, 20, 20), Repeat(Conv(maps, 3, bias=False), 3))).layers
    large = row((maps, 20, 20), Conv(maps, 7, bias=False))
    assert [layer.receptive_field[0].size for layer in small] == [3, 5, 7]
    assert small[-1].receptive_field == large.receptive_field
    assert (sum(layer.weights for layer in small), large.weights) == (27 * maps**2, 49 * maps**2)


@pytest.mark.parametrize(("n_in", "n_out"), [(50, 20), (784, 1000)])
@pytest.mark.parametrize(("suffix", "factor"), [("", 1.0), ("-tanh", 4.0), ("-relu", math.sqrt(2))])
def test_the_table_of_initializations(n_in, n_out, suffix, factor):
    uniform, normal = torch.empty(500, 500), torch.empty(500, 500)
    SCHEMES[f"xavier-uniform{suffix}"].fill(uniform, n_in, n_out, torch.Generator().manual_seed(1))
    SCHEMES[f"xavier-normal{suffix}"].fill(normal, n_in, n_out, torch.Generator().manual_seed(1))
    bound, sigma = factor * math.sqrt(6 / (n_in + n_out)), factor * math.sqrt(2 / (n_in + n_out))
    assert 0.999 * bound < uniform.abs().max() <= bound * (1 + 1e-6)
    assert normal.std().item() == pytest.approx(sigma, rel=0.01)


@pytest.mark.parametrize("lambda_", [1e-5, 0.5, 10.0])
def test_layer_norm_over_the_image_is_global_contrast_normalization(lambda_):
    image = 30 * torch.rand(3, 5, 7, generator=torch.Generator().manual_seed(0)) - 4
    module = build(Network("n", (3, 5, 7), LayerNorm("image", eps=lambda_, affine=False)), seed=0)
    values = image.double().flatten().tolist()
    mean = sum(values) / len(values)
    contrast = math.sqrt(lambda_ + sum((v - mean) ** 2 for v in values) / len(values))
    expected = [(v - mean) / contrast for v in values]
    assert module(image[None]).flatten().tolist() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("scale", [0.1, 0.3])
def test_a_gradient_survives_a_hundred_blocks_by_their_shortcuts_alone(scale):
    def gradient(block):
        module = build(Network("n", (4, 6, 6), Repeat(block, 100)), seed=0)
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.mul_(scale)  # ∂F/∂x well below 1
        x = torch.randn(2, 4, 6, 6, generator=torch.Generator().manual_seed(0)).requires_grad_()
        module(x).square().sum().sqrt().backward()
        return x.grad.norm().item()

    body = Sequential(Conv(4, 3, padding=1), ReLU())
    assert gradient(Residual(body)) > 0.5
    assert gradient(body) < 1e-20
