"""Transposed convolution lays each input out over outputs, as loops do, and is the transpose of convolution."""

import math

import naive
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from made import drawn, module_of, numbers, per_axis

from striate.analyze import analyze
from striate.errors import ShapeError
from striate.spec import ConvTranspose, Network

CASES = [
    ((2, 6), ConvTranspose(3, 3)),
    ((2, 6), ConvTranspose(3, 1, stride=2, bias=False)),
    ((2, 6), ConvTranspose(3, 4, stride=3, padding=1, output_padding=2)),
    ((2, 6), ConvTranspose(3, 3, stride=2, padding=1, output_padding=1, dilation=2)),
    ((2, 6), ConvTranspose(3, 2, dilation=3, output_padding=2)),
    ((2, 6), ConvTranspose(3, 2, stride=4)),  # some outputs see no input
    ((2, 1), ConvTranspose(3, 5, padding=1)),
    ((2, 4, 3), ConvTranspose(3, 3)),
    ((2, 4, 3), ConvTranspose(3, (2, 3), stride=(2, 1), padding=(0, 1))),
    ((2, 4, 3), ConvTranspose(2, 4, stride=2, padding=1, bias=False)),
    ((2, 4, 3), ConvTranspose(2, 3, stride=(1, 2), dilation=(2, 1), output_padding=(0, 1))),
    ((4, 3, 3), ConvTranspose(6, 2, stride=2, groups=2)),
    ((4, 3, 3), ConvTranspose(4, 3, padding=1, groups=4)),
    ((2, 2, 3, 2), ConvTranspose(2, (2, 1, 3), stride=(2, 1, 1), padding=(0, 0, 1))),
    ((2, 2, 2, 2), ConvTranspose(2, 2, stride=2, output_padding=(1, 0, 1), groups=2)),
]
IDS = [f"{len(shape) - 1}d-{i}" for i, (shape, _) in enumerate(CASES)]


def settings_of(layer, rank):
    return [
        per_axis(getattr(layer, name), rank) for name in ("stride", "padding", "output_padding", "dilation")
    ]


def check_against_scattering(shape, layer):
    module, x = module_of(layer, shape), drawn(2, *shape)
    own = module.deconv1
    answers = numbers(module(x))
    for image, answer in zip(x.numpy(), answers, strict=True):
        window = settings_of(layer, len(shape) - 1)
        by_hand = naive.scatter(image, numbers(own.weight), numbers(own.bias), *window, layer.groups)
        assert by_hand.shape == answer.shape == analyze(Network("n", shape, layer)).output
        np.testing.assert_allclose(answer, by_hand, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("shape", "layer"), CASES, ids=IDS)
def test_it_scatters_each_input_over_outputs(shape, layer):
    check_against_scattering(shape, layer)


@settings(max_examples=60)
@given(
    st.integers(1, 6),
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(0, 3),
    st.integers(0, 3),
    st.integers(1, 3),
)
def test_random_settings(size, kernel, stride, padding, output_padding, dilation):
    layer = ConvTranspose(1, kernel, stride, padding, output_padding, dilation)
    try:
        analyze(Network("n", (1, size), layer))
    except ShapeError:
        assume(False)
    check_against_scattering((1, size), layer)


@pytest.mark.parametrize(("shape", "layer"), CASES, ids=IDS)
def test_it_is_the_transpose_of_convolution(shape, layer):
    # ⟨conv(y), x⟩ = ⟨y, deconv(x)⟩ for the convolution with the same weights, of loops, that leads back.
    rank = len(shape) - 1
    module = module_of(layer, shape)
    stride, cut, _, dilation = settings_of(layer, rank)
    x = drawn(*shape, seed=1)
    own = module.deconv1
    deconv = numbers(module(x.unsqueeze(0))[0])
    if own.bias is not None:
        deconv = deconv - numbers(own.bias).reshape(-1, *(1,) * rank)
    y = drawn(*deconv.shape, seed=2).numpy()
    # Of the weight (C, O/groups, *kernel) C is now the number of filters.
    conv = naive.convolve(y, numbers(own.weight), None, stride, cut, dilation, layer.groups)
    conv = conv[(slice(None), *(slice(n) for n in shape[1:]))]
    assert conv.shape == shape
    assert math.isclose(np.vdot(conv, x.numpy()), np.vdot(y, deconv), rel_tol=1e-10)


@pytest.mark.parametrize("size", range(5, 12))
def test_output_padding_chooses_among_the_sizes_that_one_size_came_from(size):
    # A convolution of stride 3 maps three sizes to one; with the right output_padding each is found again.
    smaller = (size - 4) // 3 + 1
    layer = ConvTranspose(1, 4, stride=3, output_padding=(size - 4) % 3)
    assert module_of(layer, (1, smaller))(drawn(1, 1, smaller)).shape == (1, 1, size)
