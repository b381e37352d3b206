"""Activations with random or learned slopes, and the newer ones, equal their formulas in Python's math."""

import math

import numpy as np
import pytest
import torch
from made import drawn

from striate.nn import build
from striate.spec import (
    SELU,
    HardSigmoid,
    Mish,
    Network,
    PReLU,
    ReLU6,
    RReLU,
    ScaledTanh,
)

SHAPES = [(5,), (5, 7), (5, 4, 3), (5, 2, 3, 2)]


def module_of(layer, shape):
    return build(Network("n", shape, layer), seed=0).double()


# Klambauer et al. 2017, equation 14: the fixed point of mean 0 and variance 1.
_ERFC_1, _ERFC_2 = math.erfc(1 / math.sqrt(2)), math.erfc(math.sqrt(2))
ALPHA = -math.sqrt(2 / math.pi) / (_ERFC_1 * math.exp(0.5) - 1)
SCALE = (
    (1 - _ERFC_1 * math.sqrt(math.e))
    * math.sqrt(2 * math.pi)
    / math.sqrt(
        2 * _ERFC_2 * math.e**2
        + math.pi * _ERFC_1**2 * math.e
        - 2 * (2 + math.pi) * _ERFC_1 * math.sqrt(math.e)
        + math.pi
        + 2
    )
)

FORMULAS = [
    (ReLU6(), lambda x: min(max(x, 0.0), 6.0)),
    (SELU(), lambda x: SCALE * (x if x > 0 else ALPHA * (math.exp(x) - 1))),
    (Mish(), lambda x: x * math.tanh(math.log1p(math.exp(x)))),
    (HardSigmoid(), lambda x: min(max(x / 6 + 1 / 2, 0.0), 1.0)),
    (ScaledTanh(), lambda x: 1.7159 * math.tanh(2 * x / 3)),
    (ScaledTanh(2.0, 0.25), lambda x: 2 * math.tanh(x / 4)),
    (PReLU(), lambda x: x if x > 0 else 0.25 * x),
    (PReLU(per_channel=False, initial=0.125), lambda x: x if x > 0 else x / 8),
]


@pytest.mark.parametrize(("layer", "formula"), FORMULAS, ids=lambda value: getattr(value, "kind", "f"))
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_activations(layer, formula, shape):
    x = 4 * drawn(2, *shape)
    expected = np.vectorize(formula)(x.numpy())
    np.testing.assert_allclose(module_of(layer, shape)(x).detach().numpy(), expected, rtol=1e-9, atol=1e-12)


def test_the_constants_of_selu_are_the_published_ones():
    # Klambauer et al. 2017: α ≈ 1.6733, λ ≈ 1.0507.
    assert (round(ALPHA, 4), round(SCALE, 4)) == (1.6733, 1.0507)
    # They keep mean 0 and variance 1: here of a million normal numbers, within five standard errors.
    y = module_of(SELU(), (1_000_000,))(drawn(1, 1_000_000))
    assert abs(y.mean().item()) < 5e-3
    assert abs(y.var().item() - 1) < 1.5e-2


def test_the_scaled_tanh_maps_one_to_one():
    # LeCun et al. 1998, appendix A: f(±1) = ±1, and the second derivative is largest there.
    def f(*values):
        return module_of(ScaledTanh(), (len(values),))(torch.tensor([values], dtype=torch.float64))[0]

    assert f(1.0, -1.0, 0.0).tolist() == pytest.approx([1, -1, 0], abs=1e-4)
    assert f(100.0).item() == pytest.approx(1.7159)
    grid = torch.linspace(0.01, 3, 300, dtype=torch.float64)
    bend = (f(*(grid + 1e-3)) - 2 * f(*grid) + f(*(grid - 1e-3))).abs()
    assert grid[bend.argmax()].item() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("layer", [RReLU(), RReLU(0.3, 0.6), RReLU(0.2, 0.2)], ids=["default", "wide", "one"])
def test_random_slopes_lie_within_their_bounds_and_fill_them(layer):
    torch.manual_seed(0)
    module = module_of(layer, (10_000,)).train()
    x = 0.5 + drawn(1, 10_000).abs()
    slopes = module(-x) / -x
    assert slopes.min() >= layer.lower - 1e-12
    assert slopes.max() <= layer.upper + 1e-12
    width = layer.upper - layer.lower
    assert (
        abs(slopes.mean().item() - (layer.lower + layer.upper) / 2)
        <= 5 * width / math.sqrt(12 * 10_000) + 1e-12
    )
    assert abs(slopes.std().item() - width / math.sqrt(12)) <= 0.02 * width + 1e-12
    assert torch.equal(module(x), x)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_in_evaluation_the_slope_is_the_mean_of_both_bounds(shape):
    x = drawn(2, *shape)
    for layer, slope in ((RReLU(), 11 / 48), (RReLU(0.1, 0.5), 0.3)):  # (1/8 + 1/3) / 2 = 11/48
        expected = np.vectorize(lambda v, slope=slope: v if v > 0 else slope * v)(x.numpy())
        answer = module_of(layer, shape).eval()(x).numpy()
        np.testing.assert_allclose(answer, expected, rtol=1e-12)


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_gradient_of_a_slope_is_the_sum_of_what_it_scaled(shape, per_channel):
    # ∂f/∂a = x where x is negative, 0 elsewhere (He et al. 2015, equation 11).
    module, x = module_of(PReLU(per_channel), shape), drawn(3, *shape)
    weight = module.relu1.weight
    assert weight.tolist() == [0.25] * (shape[0] if per_channel else 1)
    upstream = drawn(3, *shape, seed=1)
    module(x).backward(upstream)
    scaled = (upstream * x.clamp(max=0)).numpy().swapaxes(0, 1).reshape(shape[0], -1)
    expected = scaled.sum(1) if per_channel else [scaled.sum()]
    np.testing.assert_allclose(weight.grad.numpy(), expected, rtol=1e-12)


def test_channels_learn_slopes_of_their_own():
    module = module_of(PReLU(), (2, 3))
    with torch.no_grad():
        module.relu1.weight.copy_(torch.tensor([0.5, 0.1]))
    answer = module(torch.tensor([[[-1.0, 2, -4], [-1, 2, -4]]], dtype=torch.float64))
    assert answer.flatten().tolist() == pytest.approx([-0.5, 2, -2, -0.1, 2, -0.4])
