"""Activations, normalization and dropout equal their formulas, written with Python's math."""

import math

import numpy as np
import pytest
import torch

from striate.nn import build
from striate.spec import (
    ELU,
    GELU,
    BatchNorm,
    Dropout,
    Flatten,
    Identity,
    LeakyReLU,
    Linear,
    LocalResponseNorm,
    Network,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)

SHAPES = [(5,), (5, 7), (5, 4, 3), (5, 2, 3, 2)]


def module_of(layer, shape):
    return build(Network("n", shape, layer), seed=0).double()


def random(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).mul_(3)


def logistic(x):
    return 1 / (1 + math.exp(-x))


FORMULAS = [
    (ReLU(), lambda x: max(x, 0.0)),
    (LeakyReLU(), lambda x: x if x > 0 else 0.01 * x),
    (LeakyReLU(0.3), lambda x: x if x > 0 else 0.3 * x),
    (ELU(), lambda x: x if x > 0 else math.exp(x) - 1),
    (ELU(0.5), lambda x: x if x > 0 else 0.5 * (math.exp(x) - 1)),
    (GELU(), lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2),
    (GELU("tanh"), lambda x: x / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))),
    (SiLU(), lambda x: x * logistic(x)),
    (Softplus(), lambda x: math.log1p(math.exp(x))),
    (Tanh(), math.tanh),
    (Sigmoid(), logistic),
    (Identity(), lambda x: x),
]


@pytest.mark.parametrize(("layer", "formula"), FORMULAS, ids=lambda value: getattr(value, "kind", "f"))
@pytest.mark.parametrize("shape", SHAPES)
def test_activations(layer, formula, shape):
    x = random(2, *shape)
    expected = np.vectorize(formula)(x.numpy())
    np.testing.assert_allclose(module_of(layer, shape)(x).numpy(), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
def test_softmax_is_over_channels(shape):
    x = random(2, *shape).numpy()
    expected = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    answer = module_of(Softmax(), shape)(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(answer, expected, rtol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_linear_and_flatten(shape):
    x, flat = random(2, *shape), math.prod(shape)
    module = build(Network("n", shape, [Flatten(), Linear(3)]), seed=0).double()
    torch.nn.init.normal_(module.linear1.bias)
    weight, bias = module.linear1.weight.tolist(), module.linear1.bias.tolist()
    for image, answer in zip(x, module(x).tolist(), strict=True):
        values = np.ravel(image.numpy()).tolist()
        assert len(values) == flat
        for row, b, expected in zip(weight, bias, answer, strict=True):
            total = math.fsum(w * v for w, v in zip(row, values, strict=True)) + b
            assert math.isclose(total, expected, rel_tol=1e-9, abs_tol=1e-12)


@pytest.mark.parametrize("shape", SHAPES[1:])
@pytest.mark.parametrize(
    "norm", [LocalResponseNorm(), LocalResponseNorm(3, 2.0, 0.5, 2.0), LocalResponseNorm(2, 1.0, 1.0, 0.5)]
)
def test_local_response_norm(norm, shape):
    x = random(2, *shape).numpy()
    expected = np.empty_like(x)
    for n, c, *at in np.ndindex(x.shape):
        neighbors = range(max(c - norm.size // 2, 0), min(c + (norm.size - 1) // 2 + 1, shape[0]))
        squares = sum(x[(n, i, *at)] ** 2 for i in neighbors)
        expected[(n, c, *at)] = x[(n, c, *at)] / (norm.k + norm.alpha / norm.size * squares) ** norm.beta
    answer = module_of(norm, shape)(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(answer, expected, rtol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("norm", [BatchNorm(), BatchNorm(eps=0.1, momentum=0.5), BatchNorm(affine=False)])
def test_batch_norm_in_training_and_evaluation(norm, shape):
    module, x = module_of(norm, shape), random(6, *shape)
    values = x.numpy().swapaxes(0, 1).reshape(shape[0], -1)
    spread = (-1, *(1,) * (len(shape) - 1))

    def normalized(mean, variance):
        return (x.numpy() - mean.reshape(spread)) / np.sqrt(variance.reshape(spread) + norm.eps)

    answer = module(x).detach().numpy()
    np.testing.assert_allclose(answer, normalized(values.mean(1), values.var(1)), rtol=1e-9, atol=1e-12)
    # The running statistics started at mean 0 and variance 1, and took a share of the batch's.
    mean = norm.momentum * values.mean(1)
    variance = (1 - norm.momentum) + norm.momentum * values.var(1, ddof=1)
    answer = module.eval()(x).detach().numpy()
    np.testing.assert_allclose(answer, normalized(mean, variance), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_is_inverted(p):
    torch.manual_seed(0)
    module = build(Network("n", (100_000,), Dropout(p)), seed=0)
    x = torch.full((1, 100_000), 3.0)
    dropped = module(x)
    kept = dropped != 0
    assert torch.allclose(dropped[kept], x[kept] / (1 - p))
    # Binomial: the share kept lies within five standard deviations of 1 − p.
    assert abs(kept.double().mean().item() - (1 - p)) < 5 * math.sqrt(p * (1 - p) / 100_000)
    assert torch.equal(module.eval()(x), x)
