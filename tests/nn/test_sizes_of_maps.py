"""Adaptive and global pooling, pooling of channels, subsampling and upsampling equal loops by their definitions."""

import itertools
import math

import numpy as np
import pytest
import torch
from made import drawn, module_of, numbers, per_axis

from striate.nn import build
from striate.spec import (
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    ChannelPool,
    GlobalMaxPool,
    Maxout,
    Network,
    Subsample,
    Upsample,
)

SHAPES = [(4, 7), (4, 5, 6), (4, 3, 4, 2)]


def adaptive(x, out, reduce):
    """Return ``reduce`` of the documented windows of ``x`` (C, *size)."""
    answer = np.zeros((len(x), *out))
    for c, *at in np.ndindex(answer.shape):
        spans = [
            range(math.floor(i * n / o), math.ceil((i + 1) * n / o))
            for i, n, o in zip(at, x.shape[1:], out, strict=True)
        ]
        answer[(c, *at)] = reduce([x[(c, *spot)] for spot in itertools.product(*spans)])
    return answer


@pytest.mark.parametrize(
    ("shape", "out"),
    [
        *(((4, 7), n) for n in range(1, 8)),
        ((4, 7), (3,)),
        *(((4, 5, 6), out) for out in (1, 5, (2, 4), (5, 6), (3, 1))),
        ((4, 3, 4, 2), (2, 3, 1)),
    ],
    ids=str,
)
def test_adaptive_pooling(shape, out):
    x = drawn(2, *shape)
    sizes = per_axis(out, len(shape) - 1)
    for layer, reduce in ((AdaptiveAvgPool(out), np.mean), (AdaptiveMaxPool(out), max)):
        module = module_of(layer, shape)
        by_hand = [adaptive(image, sizes, reduce) for image in x.numpy()]
        np.testing.assert_allclose(numbers(module(x)), by_hand, rtol=1e-12, atol=1e-12)
        # At another size the output stays as large.
        larger = drawn(1, shape[0], *(n + 3 for n in shape[1:]))
        by_hand = [adaptive(larger[0].numpy(), sizes, reduce)]
        np.testing.assert_allclose(numbers(module(larger)), by_hand, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_global_maximum_is_that_of_each_map(shape):
    x = drawn(2, *shape) - 5  # all below zero
    answer = module_of(GlobalMaxPool(), shape)(x)
    assert answer.tolist() == [[max(np.ravel(channel).tolist()) for channel in image] for image in x.numpy()]


@pytest.mark.parametrize("size", [1, 2, 4])
@pytest.mark.parametrize("shape", [(4,), *SHAPES], ids=str)
def test_channels_are_pooled_with_their_neighbors(shape, size):
    x = drawn(2, *shape)
    by_hand = {"max": [], "average": []}
    for image in x.numpy():
        groups = [image[c : c + size] for c in range(0, 4, size)]
        by_hand["max"].append([np.vectorize(max)(*g) if size > 1 else g[0] for g in groups])
        by_hand["average"].append([sum(g) / size for g in groups])
    for mode, expected in by_hand.items():
        answer = module_of(ChannelPool(size, mode), shape)(x)
        np.testing.assert_allclose(numbers(answer), expected, rtol=1e-12)
    assert module_of(Maxout(size), shape)(x).tolist() == np.array(by_hand["max"]).tolist()


def test_maxout_of_two_linear_units_is_a_convex_function():
    # max(x, −x) = |x|, and max(x, 0) is a ReLU: maxout learns its activation (Goodfellow et al. 2013).
    module = module_of(Maxout(2), (2,))
    x = drawn(50)
    zero = torch.zeros(50, dtype=torch.float64)
    assert module(torch.stack([x, -x], 1)).flatten().tolist() == [abs(v) for v in x.tolist()]
    assert module(torch.stack([x, zero], 1)).flatten().tolist() == [max(v, 0) for v in x.tolist()]


@pytest.mark.parametrize(
    ("shape", "kernel", "stride"),
    [
        ((4, 7), 2, None),
        ((4, 7), 3, 1),
        ((4, 5, 6), 2, None),
        ((4, 5, 6), (2, 3), (1, 2)),
        ((4, 3, 4, 2), (1, 2, 2), 1),
    ],
)
def test_subsampling_is_a_coefficient_times_the_sum_plus_a_bias(shape, kernel, stride):
    module, x = module_of(Subsample(kernel, stride), shape), drawn(2, *shape)
    weight, bias = module.subsample1.weight.tolist(), module.subsample1.bias.tolist()
    assert len(weight) == len(bias) == 4
    kernels = per_axis(kernel, len(shape) - 1)
    strides = kernels if stride is None else per_axis(stride, len(kernels))
    size = [(n - k) // s + 1 for n, k, s in zip(shape[1:], kernels, strides, strict=True)]
    expected = np.zeros((2, 4, *size))
    for n, c, *at in np.ndindex(expected.shape):
        window = tuple(slice(i * s, i * s + k) for i, s, k in zip(at, strides, kernels, strict=True))
        total = math.fsum(x.numpy()[(n, c, *window)].ravel())
        expected[(n, c, *at)] = weight[c] * total + bias[c]
    np.testing.assert_allclose(numbers(module(x)), expected, rtol=1e-12, atol=1e-12)


FACTORS = [
    ((4, 5), 1),
    ((4, 5), 2),
    ((4, 5), (3,)),
    ((4, 1), 4),
    ((2, 3, 4), 2),
    ((2, 3, 4), (3, 1)),
    ((2, 3, 4), (1, 5)),
    ((1, 2, 3, 2), 2),
    ((1, 2, 3, 2), (1, 3, 2)),
]


@pytest.mark.parametrize(("shape", "factor"), FACTORS, ids=str)
def test_upsampling_by_repeating(shape, factor):
    x = drawn(2, *shape)
    expected = x.numpy()
    for axis, f in enumerate(per_axis(factor, len(shape) - 1), 2):
        expected = np.repeat(expected, f, axis)
    assert numbers(module_of(Upsample(factor), shape)(x)).tolist() == expected.tolist()


def interpolated(x, factors):
    """Interpolate ``x`` (C, *size) linearly between pixel centers; beyond the outermost ones it is constant."""
    answer = np.zeros((len(x), *(n * f for n, f in zip(x.shape[1:], factors, strict=True))))
    for at in np.ndindex(answer.shape[1:]):
        total = np.zeros(len(x))
        centers = [(i + 0.5) / f - 0.5 for i, f in zip(at, factors, strict=True)]
        for spot in np.ndindex(x.shape[1:]):
            near = [
                1 - abs(p - min(max(c, 0), n - 1)) for p, c, n in zip(spot, centers, x.shape[1:], strict=True)
            ]
            total += math.prod(max(share, 0.0) for share in near) * x[(slice(None), *spot)]
        answer[(slice(None), *at)] = total
    return answer


@pytest.mark.parametrize(("shape", "factor"), FACTORS, ids=str)
def test_upsampling_by_interpolation(shape, factor):
    x = drawn(2, *shape)
    module = module_of(Upsample(factor, "bilinear"), shape)
    by_hand = [interpolated(image, per_axis(factor, len(shape) - 1)) for image in x.numpy()]
    np.testing.assert_allclose(numbers(module(x)), by_hand, rtol=1e-12, atol=1e-12)


def test_interpolation_keeps_a_slope_where_it_has_both_neighbors():
    x = torch.arange(5.0).view(1, 1, 5)
    answer = build(Network("n", (1, 5), Upsample(2, "bilinear")), 0)(x).flatten().tolist()
    assert answer == [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3.25, 3.75, 4]
