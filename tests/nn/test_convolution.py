"""Convolution modules equal loops in float64, for every way of giving kernel, stride, padding and groups."""

import itertools
import math

import naive
import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from striate.analyze import analyze
from striate.errors import ShapeError
from striate.nn import build
from striate.spec import Conv, Network


def per_axis(value, rank):
    return value if isinstance(value, tuple) else (value,) * rank


def check_against_loops(layer, shape, at_size=None):
    """Compare the module of ``layer``, built for ``shape``, with the loops, on inputs of ``at_size``."""
    module = build(Network("n", shape, layer), seed=1).double()
    size = at_size or shape[1:]
    x = torch.randn(2, shape[0], *size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_()
        answer = module(x).numpy()
    own, rank = module.conv1, len(size)
    for image, expected in zip(x.numpy(), answer, strict=True):
        by_hand = naive.convolve(
            image,
            own.weight.detach().numpy(),
            None if own.bias is None else own.bias.detach().numpy(),
            per_axis(layer.stride, rank),
            layer.padding,
            per_axis(layer.dilation, rank),
            layer.groups,
        )
        assert by_hand.shape == expected.shape
        np.testing.assert_allclose(expected, by_hand, rtol=1e-12, atol=1e-12)
    return answer.shape[2:]


SIGNAL_PADDINGS = ["valid", "same", "full", "causal", 0, 2, (1,), ((0, 3),), ((3, 0),)]


@pytest.mark.parametrize("padding", SIGNAL_PADDINGS, ids=str)
@pytest.mark.parametrize("kernel", [1, 2, 5])
def test_one_axis(kernel, padding):
    for stride, dilation in itertools.product((1, 2, 3), (1, 2)):
        check_against_loops(Conv(2, kernel, stride, padding, dilation), (2, 11))


IMAGE_PADDINGS = ["valid", "same", "full", 0, 1, (2, 0), (1, (0, 2)), ((2, 1), (0, 3))]


@pytest.mark.parametrize("padding", IMAGE_PADDINGS, ids=str)
@pytest.mark.parametrize("kernel", [1, 3, (2, 3), (4, 1)], ids=str)
def test_two_axes(kernel, padding):
    for stride, dilation in (1, 1), (2, 1), ((1, 3), 1), (1, 2), ((2, 1), (1, 2)):
        check_against_loops(Conv(2, kernel, stride, padding, dilation), (2, 7, 8))


@pytest.mark.parametrize("padding", ["same", "full", 1, ((1, 0), 0, (0, 1))], ids=str)
@pytest.mark.parametrize("stride", [1, (2, 1, 2)], ids=str)
def test_three_axes(stride, padding):
    check_against_loops(Conv(2, (2, 3, 2), stride, padding), (2, 4, 4, 3))


@pytest.mark.parametrize(
    ("channels", "filters", "groups"), [(4, 4, 2), (4, 6, 2), (4, 8, 4), (6, 3, 3), (3, 3, 1)]
)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("padding", [1, "same"])
def test_groups_do_not_see_each_other(channels, filters, groups, bias, padding):
    check_against_loops(Conv(filters, 2, 2, padding, groups=groups, bias=bias), (channels, 5, 6))


@settings(max_examples=80, deadline=None)
@given(
    st.integers(1, 9),
    st.integers(1, 4),
    st.integers(1, 4),
    st.sampled_from(["valid", "same", "full", "causal"])
    | st.integers(0, 3)
    | st.tuples(st.tuples(st.integers(0, 4), st.integers(0, 4))),
    st.integers(1, 3),
)
def test_random_settings(size, kernel, stride, padding, dilation):
    layer = Conv(1, kernel, stride, padding, dilation)
    try:
        analyze(Network("n", (1, size), layer))
    except ShapeError:
        assume(False)
    check_against_loops(layer, (1, size))


@pytest.mark.parametrize("stride", [1, 2, 3, (1, 2)], ids=str)
@pytest.mark.parametrize("kernel", [2, 3, (4, 1)], ids=str)
@pytest.mark.parametrize("described", [(7, 8), (7, 7)], ids=str)  # of (7, 7) some ask for even padding
@pytest.mark.parametrize("at_size", [(7, 8), (8, 7), (8, 8), (12, 5), (1, 1), (3, 20)], ids=str)
def test_same_works_at_sizes_other_than_the_described_one(kernel, stride, described, at_size):
    size = check_against_loops(Conv(1, kernel, stride, "same"), (1, *described), at_size)
    assert size == tuple(math.ceil(n / s) for n, s in zip(at_size, per_axis(stride, 2), strict=True))


@pytest.mark.parametrize("padding", ["full", "causal", 1, ((2, 0),)], ids=str)
@pytest.mark.parametrize("at_size", [(5,), (13,)])
def test_other_paddings_do_so_too(padding, at_size):
    check_against_loops(Conv(2, 3, 2, padding, dilation=2), (1, 9), at_size)


def test_same_puts_the_odd_zero_at_the_end():
    module = build(Network("n", (1, 4), Conv(1, 2, padding="same", bias=False)), seed=0)
    with torch.no_grad():
        module.conv1.weight.copy_(torch.tensor([[[1.0, 10.0]]]))
        assert module(torch.tensor([[[1.0, 2.0, 3.0, 4.0]]])).flatten().tolist() == [21, 32, 43, 4]


def test_causal_never_looks_ahead():
    module = build(Network("n", (1, 9), Conv(1, 3, padding="causal", dilation=2)), seed=0)
    x = torch.randn(1, 1, 9, generator=torch.Generator().manual_seed(0), requires_grad=True)
    for i in range(9):
        (gradient,) = torch.autograd.grad(module(x)[0, 0, i], x)
        assert gradient[0, 0].nonzero().flatten().tolist() == [j for j in (i - 4, i - 2, i) if j >= 0]


@pytest.mark.parametrize("shift", [1, 2, 3])
def test_convolution_is_equivariant(shift):
    # Shifting the image shifts the maps, where the border does not meddle.
    module = build(Network("n", (1, 12, 12), Conv(3, 3)), seed=0).double()
    x = torch.randn(1, 1, 12, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        moved, still = module(x.roll(shift, dims=3)), module(x).roll(shift, dims=3)
    torch.testing.assert_close(moved[..., shift:], still[..., shift:], rtol=0, atol=0)
