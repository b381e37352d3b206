"""Pooling modules equal loops in float64, for every kernel, stride, padding and way of rounding."""

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
from striate.spec import AvgPool, GlobalAvgPool, MaxPool, Network


def per_axis(value, rank):
    return value if isinstance(value, tuple) else (value,) * rank


def mean(values):
    return sum(values) / len(values)


def check_against_loops(layer, shape, at_size=None):
    """Compare the module of ``layer``, built for ``shape``, with the loops, on inputs of ``at_size``."""
    module = build(Network("n", shape, layer), seed=1)
    size = at_size or shape[1:]
    # All below zero: a padding zero that took part in a maximum would win it.
    x = -1 - torch.rand(2, shape[0], *size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    answer, rank = module(x).numpy(), len(size)
    kernel = per_axis(layer.kernel_size, rank)
    for image, expected in zip(x.numpy(), answer, strict=True):
        by_hand = naive.pool(
            image,
            kernel,
            kernel if layer.stride is None else per_axis(layer.stride, rank),
            layer.padding,
            ceil_mode=layer.ceil_mode,
            reduce=max if layer.kind == "MaxPool" else mean,
            count_include_pad=getattr(layer, "count_include_pad", False),
        )
        assert by_hand.shape == expected.shape
        np.testing.assert_allclose(expected, by_hand, rtol=1e-12, atol=1e-12)
    return answer.shape[2:]


def pools(kernel, stride, padding, ceil_mode):
    yield MaxPool(kernel, stride, padding, ceil_mode)
    for count_include_pad in (True, False):
        yield AvgPool(kernel, stride, padding, ceil_mode, count_include_pad)


@pytest.mark.parametrize("padding", ["valid", "same", 0, 1, 2, (1,), ((0, 2),), ((2, 1),)], ids=str)
@pytest.mark.parametrize("ceil_mode", [False, True])
def test_one_axis(padding, ceil_mode):
    for kernel, stride, size in itertools.product((3, 4, 5), (None, 1, 2, 3), (7, 8, 10)):
        for layer in pools(kernel, stride, padding, ceil_mode):
            check_against_loops(layer, (1, size))


@pytest.mark.parametrize("padding", ["valid", "same", 1, (0, 1), ((0, 1), 1), ((1, 0), (0, 1))], ids=str)
@pytest.mark.parametrize("ceil_mode", [False, True])
def test_two_axes(padding, ceil_mode):
    for kernel, stride in (2, None), (3, 2), ((2, 3), (3, 1)), ((3, 2), (1, 4)):
        for layer in pools(kernel, stride, padding, ceil_mode):
            check_against_loops(layer, (2, 7, 6))


@pytest.mark.parametrize("padding", ["same", 1, ((0, 1), 0, (1, 0))], ids=str)
@pytest.mark.parametrize("ceil_mode", [False, True])
def test_three_axes(padding, ceil_mode):
    for layer in pools((2, 3, 2), (2, 2, 1), padding, ceil_mode):
        check_against_loops(layer, (1, 4, 5, 3))


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 10),
    st.integers(1, 5),
    st.integers(1, 5),
    st.just("same") | st.integers(0, 4) | st.tuples(st.tuples(st.integers(0, 4), st.integers(0, 4))),
    st.booleans(),
    st.integers(0, 2),
)
def test_random_settings(size, kernel, stride, padding, ceil_mode, which):
    layer = list(pools(kernel, stride, padding, ceil_mode))[which]
    try:
        analyze(Network("n", (1, size), layer))
    except ShapeError:
        assume(False)
    check_against_loops(layer, (1, size))


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [2, 3, 4])
@pytest.mark.parametrize("described", [(7, 8), (7, 7)], ids=str)  # of (7, 7) some ask for even padding
@pytest.mark.parametrize("at_size", [(7, 8), (8, 7), (8, 8), (12, 5), (1, 1), (3, 20)], ids=str)
def test_same_works_at_sizes_other_than_the_described_one(kernel, stride, described, at_size):
    for layer in pools(kernel, stride, "same", False):
        assert check_against_loops(layer, (1, *described), at_size) == tuple(
            math.ceil(n / stride) for n in at_size
        )


@pytest.mark.parametrize("at_size", [(6,), (7,), (8,), (13,)])
@pytest.mark.parametrize("padding", [1, ((0, 2),), ((2, 0),)], ids=str)
def test_rounding_up_works_at_other_sizes_too(padding, at_size):
    for layer in pools(3, 2, padding, True):
        check_against_loops(layer, (1, 9), at_size)


@pytest.mark.parametrize("shape", [(3, 7), (3, 5, 4), (2, 3, 4, 5)])
def test_global_average_is_the_mean_of_each_map(shape):
    x = torch.randn(2, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    answer = build(Network("n", shape, GlobalAvgPool()), seed=0)(x)
    assert answer.shape == (2, shape[0])
    for image, means in zip(x.tolist(), answer.tolist(), strict=True):
        for values, expected in zip(image, means, strict=True):
            flat = np.ravel(values).tolist()
            assert math.isclose(math.fsum(flat) / len(flat), expected, rel_tol=1e-12, abs_tol=1e-15)


def test_max_pooling_does_not_mind_a_small_shift():
    # A lone bright spot moves within its window: the maps stay, though the image does not.
    module = build(Network("n", (1, 8, 8), MaxPool(4)), seed=0)
    images = torch.zeros(16, 1, 8, 8)
    for i, (row, column) in enumerate(itertools.product(range(4), range(4))):
        images[i, 0, row, column] = 1
    answers = module(images).flatten(1)
    assert answers.tolist() == [[1, 0, 0, 0]] * 16
