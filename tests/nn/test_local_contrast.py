"""Local contrast normalization equals a loop over windows, and does to images what Jarrett et al. (2009) say."""

import itertools
import math

import numpy as np
import pytest
import torch
from made import drawn, module_of, numbers
from torch.autograd import gradcheck

from striate.nn import build
from striate.spec import LocalContrastNorm, Network


def weights_around(at, size, norm):
    """Return the Gaussian weights of the positions around ``at`` that lie inside, scaled to sum to one."""
    reach = norm.kernel_size // 2
    sigma = norm.kernel_size / 4 if norm.sigma is None else norm.sigma
    weights = {
        spot: math.exp(-sum((p - q) ** 2 for p, q in zip(spot, at, strict=True)) / (2 * sigma**2))
        for spot in itertools.product(*(range(p - reach, p + reach + 1) for p in at))
        if all(0 <= p < n for p, n in zip(spot, size, strict=True))
    }
    total = math.fsum(weights.values())
    return {spot: w / total for spot, w in weights.items()}


def contrast(x, norm):
    """Return the local contrast normalization of ``x`` (C, *size)."""
    channels, *size = x.shape
    centered, divisor = np.empty_like(x), np.empty(size)
    for at in np.ndindex(*size):
        near = weights_around(at, size, norm)
        mean = sum(w * x[(c, *spot)] / channels for spot, w in near.items() for c in range(channels))
        centered[(slice(None), *at)] = x[(slice(None), *at)] - mean
    for at in np.ndindex(*size):
        near = weights_around(at, size, norm)
        squares = sum(
            w * centered[(c, *spot)] ** 2 / channels for spot, w in near.items() for c in range(channels)
        )
        divisor[at] = math.sqrt(squares)
    return centered / np.maximum(np.maximum(divisor, divisor.mean()), norm.eps)


CASES = [
    ((1, 12), LocalContrastNorm(3)),
    ((3, 12), LocalContrastNorm(5, sigma=0.7)),
    ((2, 4), LocalContrastNorm()),  # a window larger than the input
    ((1, 7, 6), LocalContrastNorm(3)),
    ((3, 7, 6), LocalContrastNorm(5, sigma=2.0)),
    ((2, 3, 4), LocalContrastNorm(9)),
    ((2, 5, 5), LocalContrastNorm(1)),
    ((2, 5, 5), LocalContrastNorm(3, eps=10.0)),  # every divisor is eps
]


@pytest.mark.parametrize(("shape", "norm"), CASES, ids=str)
def test_local_contrast(shape, norm):
    module, x = module_of(norm, shape), 1 + 2 * drawn(2, *shape)
    by_hand = [contrast(image, norm) for image in x.numpy()]
    np.testing.assert_allclose(numbers(module(x)), by_hand, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(numbers(module.eval()(x)), by_hand, rtol=1e-9, atol=1e-12)


@pytest.fixture
def module():
    return module_of(LocalContrastNorm(5), (2, 9, 8))


def test_brightness_and_contrast_of_the_image_do_not_matter(module):
    x = drawn(1, 2, 9, 8)
    torch.testing.assert_close(module(40 + 7 * x), module(x), rtol=1e-9, atol=1e-9)


def test_a_plain_image_becomes_zero(module):
    answer = module(torch.full((1, 2, 9, 8), 200.0, dtype=torch.float64))
    assert answer.abs().max() < 1e-9 / 1e-4  # rounding, over eps


def test_a_plain_image_has_a_finite_gradient(module):
    x = torch.full((1, 2, 9, 8), 0.5, dtype=torch.float64, requires_grad=True)
    (module(x) * drawn(1, 2, 9, 8)).sum().backward()
    assert x.grad.isfinite().all()


def test_gradients_equal_differences(module):
    assert gradcheck(module, drawn(2, 2, 9, 8).requires_grad_())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_dim_image_in_half_precision_keeps_its_contrast(dtype):
    # Around 0.5 a mean in bfloat16 is off by up to 2⁻⁹, a quarter of this contrast, and in float16 by 2⁻¹².
    norm = LocalContrastNorm(5)
    module = build(Network("n", (1, 16, 16), norm), 0)
    steps = torch.where(drawn(1, 1, 16, 16) > 0, 2.0**-7, -(2.0**-7)).to(dtype)
    image = (0.5 + steps).to(dtype)
    assert torch.equal(image.double() - 0.5, steps.double())
    expected = contrast(image[0].double().numpy(), norm)
    np.testing.assert_allclose(module(image)[0].double().numpy(), expected, rtol=0.01, atol=0.01)
