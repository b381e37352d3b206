"""Radial basis units, and the padded shortcut of residual networks, equal loops by their definitions."""

import itertools
import math

import numpy as np
import pytest
import torch
from made import drawn, module_of, numbers
from torch.autograd import gradcheck

from striate.nn import build
from striate.spec import (
    RBF,
    AvgPool,
    Conv,
    Linear,
    MaxPool,
    Network,
    PadChannels,
    Residual,
    SliceChannels,
    Tanh,
)


def test_a_unit_gives_minus_the_squared_distance_to_its_code():
    module, x = module_of(RBF(4), (7,)), drawn(5, 7)
    codes = module.rbf1.codes.tolist()
    by_hand = [
        [-math.fsum((v - c) ** 2 for v, c in zip(image, code, strict=True)) for code in codes]
        for image in x.tolist()
    ]
    np.testing.assert_allclose(numbers(module(x)), by_hand, rtol=1e-12)
    assert gradcheck(module, x.requires_grad_())


def test_the_largest_output_is_that_of_the_nearest_code():
    # LeNet-5 (LeCun et al. 1998): ten codes of 84 values; the distance of a code to itself is zero.
    module = build(Network("n", (84,), RBF(10)), 0)
    codes = module.rbf1.codes
    noisy = codes + 0.5 * drawn(10, 84).float()
    assert torch.equal(module(noisy).argmax(1), torch.arange(10))
    answer = module(codes)
    assert answer.diagonal().tolist() == [0] * 10
    unequal = (codes[:, None] != codes[None]).sum(2)
    assert answer.tolist() == (-4 * unequal).tolist()  # each place that differs is off by 2


def test_codes_are_of_ones_drawn_by_the_seed_and_not_learned():
    networks = [Network("n", (1000,), RBF(10, name=name)) for name in ("a", "a", "b")]
    first, again, other = (next(build(n, 3).children()) for n in networks)
    assert set(first.codes.flatten().tolist()) == {-1.0, 1.0}
    assert abs(first.codes.mean().item()) < 5 / math.sqrt(10_000)
    assert torch.equal(first.codes, again.codes)
    assert not torch.equal(first.codes, other.codes)
    assert list(first.parameters()) == []
    assert list(build(networks[0], 3).state_dict()) == ["a.codes"]  # they are saved all the same


def test_what_stands_before_the_codes_learns():
    module = build(Network("n", (5,), [Linear(8), Tanh(), RBF(3)]), 0)
    module(drawn(4, 5).float()).sum().backward()
    assert module.linear1.weight.grad.abs().min() > 0


@pytest.mark.parametrize("shape", [(3,), (3, 4), (3, 4, 2), (3, 2, 2, 2)], ids=str)
@pytest.mark.parametrize("channels", [3, 4, 7])
def test_maps_of_zeros_are_added_behind(shape, channels):
    x = drawn(2, *shape).requires_grad_()
    answer = module_of(PadChannels(channels), shape)(x)
    assert answer.shape == (2, channels, *shape[1:])
    assert torch.equal(answer[:, :3], x)
    assert not answer[:, 3:].any()
    upstream = drawn(2, channels, *shape[1:], seed=1)
    answer.backward(upstream)
    assert torch.equal(x.grad, upstream[:, :3])


@pytest.mark.parametrize("shape", [(1, 9, 8, 8), (2, 7)], ids=str)
def test_more_channels_than_asked_for_are_refused_not_cut_off(shape):
    module = build(Network("n", (4, *shape[2:]), PadChannels(6)), 0)
    with pytest.raises(ValueError, match="PadChannels") as caught:
        module(torch.zeros(shape))
    assert str(caught.value) == (
        f"input of shape {shape} has {shape[1]} channels, and PadChannels pads to 6: give at most 6, or build it "
        f"with out_channels={shape[1]} or more."
    )


@pytest.mark.parametrize("shape", [(5,), (5, 4), (5, 4, 2), (5, 2, 2, 2)], ids=str)
@pytest.mark.parametrize(("start", "stop"), [(0, 5), (1, 4), (4, 5)], ids=str)
def test_a_slice_gives_its_channels_and_the_others_get_no_gradient(shape, start, stop):
    x = drawn(2, *shape).requires_grad_()
    answer = module_of(SliceChannels(start, stop), shape)(x)
    assert numbers(answer).tolist() == [[image[c] for c in range(start, stop)] for image in x.tolist()]
    upstream = drawn(*answer.shape, seed=1)
    answer.backward(upstream)
    zero = np.zeros(shape[1:])
    expected = [
        [image[c - start] if start <= c < stop else zero for c in range(5)] for image in numbers(upstream)
    ]
    np.testing.assert_array_equal(x.grad, expected)


def test_channels_that_are_not_there_are_refused_not_left_out():
    module = build(Network("n", (4, 8, 8), SliceChannels(1, 4)), 0)
    with pytest.raises(ValueError, match="SliceChannels") as caught:
        module(torch.zeros(1, 3, 8, 8))
    assert str(caught.value) == (
        "input of shape (1, 3, 8, 8) has 3 channels, and SliceChannels takes those up to 4: give at least 4, or build "
        "it with stop=3 or less."
    )


def distances(module, x):
    return [
        [
            -math.fsum((v - c) ** 2 for v, c in zip(image, code, strict=True))
            for code in module.rbf1.codes.tolist()
        ]
        for image in x.tolist()
    ]


@pytest.mark.parametrize("long", [torch.float32, torch.float64], ids=str)
def test_under_autocast_a_distance_is_not_the_difference_of_large_numbers(long):
    # 2 % off a code of 84 values: by |x|² + |c|² − 2x·c in bfloat16 the answer was +0.61 instead of −0.034.
    module = build(Network("n", (84,), RBF(10)), 0).to(long)
    x = module.rbf1.codes * 1.02
    with torch.autocast("cpu", torch.bfloat16):
        answer = module(x)
    assert answer.dtype == long
    np.testing.assert_allclose(numbers(answer), distances(module, x), rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_in_16_bits_only_the_input_and_the_answer_are_rounded(dtype):
    module = build(Network("n", (84,), RBF(10)), 0).to(dtype)
    x = (module.rbf1.codes.float() + 0.3 * drawn(10, 84).float()).to(dtype)
    answer = module(x)
    assert answer.dtype == dtype
    np.testing.assert_allclose(numbers(answer.double()), distances(module, x), rtol=2.0**-8)


@pytest.mark.parametrize("skip", [MaxPool(1, stride=2), AvgPool(1, stride=2)], ids=lambda pool: pool.kind)
@pytest.mark.parametrize("size", [(6, 6), (7, 5)], ids=str)
def test_option_a_adds_every_second_position_and_zeros(size, skip):
    # He et al. 2015, section 3.3: stride 2, zero entries for the added dimensions, no parameters.
    body = Conv(5, 3, stride=2, padding=1, bias=False)
    module, x = module_of(Residual(body, [skip, PadChannels(5)]), (3, *size)), drawn(2, 3, *size)
    kernel = module.residual1.conv1.weight
    assert list(module.state_dict()) == ["residual1.conv1.weight"]
    expected = numbers(torch.nn.functional.conv2d(x, kernel, stride=2, padding=1)).copy()
    for n, c, i, j in itertools.product(range(2), range(3), *map(range, expected.shape[2:])):
        expected[n, c, i, j] += x[n, c, 2 * i, 2 * j].item()
    np.testing.assert_allclose(numbers(module(x)), expected, rtol=1e-12, atol=1e-12)
