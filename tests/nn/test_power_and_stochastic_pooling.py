"""Power-mean and stochastic pooling equal loops; draws come as often as they should."""

import math

import naive
import numpy as np
import pytest
import torch
from made import drawn, module_of, numbers, per_axis
from scipy.stats import chi2
from torch.autograd import gradgradcheck

from striate.nn import build
from striate.spec import LpPool, Network, StochasticPool

SIGNAL, IMAGE, VOLUME = (2, 9), (2, 6, 5), (1, 4, 3, 3)

WINDOWS = [
    (SIGNAL, {"kernel_size": 3}),
    (SIGNAL, {"kernel_size": 2, "stride": 3, "padding": "same"}),
    (SIGNAL, {"kernel_size": 4, "stride": 2, "padding": ((0, 3),), "ceil_mode": True}),
    (IMAGE, {"kernel_size": 2}),
    (IMAGE, {"kernel_size": (2, 3), "stride": (1, 2), "padding": (1, (0, 2))}),
    (IMAGE, {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}),
    (VOLUME, {"kernel_size": 2, "padding": "same", "stride": (2, 1, 2)}),
]
IDS = [f"{len(shape) - 1}d-{i}" for i, (shape, _) in enumerate(WINDOWS)]
OTHER_SIZES = {SIGNAL: (8,), IMAGE: (5, 7), VOLUME: (3, 3, 4)}


def check_against_loops(layer, shape, reduce):
    module = module_of(layer, shape).eval()
    for size in (shape[1:], OTHER_SIZES[shape]):
        x, rank = drawn(2, shape[0], *size), len(size)
        kernel = per_axis(layer.kernel_size, rank)
        stride = kernel if layer.stride is None else per_axis(layer.stride, rank)
        for image, answer in zip(x.numpy(), module(x).numpy(), strict=True):
            by_hand = naive.pool(
                image, kernel, stride, layer.padding, ceil_mode=layer.ceil_mode, reduce=reduce
            )
            assert by_hand.shape == answer.shape
            np.testing.assert_allclose(answer, by_hand, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 3.0, 20.0])
@pytest.mark.parametrize(("shape", "window"), WINDOWS, ids=IDS)
def test_power_pooling(shape, window, p):
    check_against_loops(
        LpPool(p=p, **window), shape, lambda values: sum(abs(v) ** p for v in values) ** (1 / p)
    )


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 3.0])
def test_the_gradient_of_power_pooling_is_that_of_its_formula(p):
    # d/dx (Σ|x|^p)^(1/p) = sign(x)·(|x| / norm)^(p − 1)
    x = drawn(1, 1, 4).requires_grad_()
    norm = module_of(LpPool(4, p), (1, 4))(x)
    norm.sum().backward()
    values = x.detach().numpy().ravel()
    expected = [math.copysign((abs(v) / norm.item()) ** (p - 1), v) for v in values]
    np.testing.assert_allclose(x.grad.numpy().ravel(), expected, rtol=1e-12)


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 3.0, 100.0])
def test_a_window_of_zeros_has_no_gradient(p):
    x = torch.zeros(1, 2, 8, requires_grad=True)
    with torch.no_grad():
        x[0, 1, :4] = torch.tensor([0.0, 2.0, 0.0, 0.0])  # one window of it is not all zeros
    answer = build(Network("n", (2, 8), LpPool(4, p)), 0)(x)
    assert answer.tolist() == [[[0, 0], [2, 0]]]
    answer.sum().backward()
    assert x.grad.nonzero().tolist() == [[0, 1, 1]]
    assert x.grad[0, 1, 1] == 1


@pytest.mark.parametrize("scale", [1e-30, 0.05, 1.0, 30.0, 1e30])
def test_a_large_power_is_the_maximum_at_every_scale(scale):
    # 30 to the power of 100 is no float32, nor is 0.05 to it.
    x = (scale * torch.rand(4, 1, 16, generator=torch.Generator().manual_seed(0))).requires_grad_()
    answer = build(Network("n", (1, 16), LpPool(4, p=100.0)), 0)(x)
    largest = x.detach().view(4, 1, 4, 4).amax(3)
    assert (answer >= largest * (1 - 1e-6)).all()
    assert (answer <= largest * 4 ** (1 / 100) * (1 + 1e-6)).all()
    answer.sum().backward()
    assert x.grad.isfinite().all()


def test_gradients_of_gradients_equal_differences():
    for p in (1.5, 2.0, 3.0):
        module = module_of(LpPool(2, p), (1, 4))
        assert gradgradcheck(module, drawn(1, 1, 4).requires_grad_())


@pytest.mark.parametrize("p", [1.0, 1.2, 1.5, 2.0, 2.5, 3.0])
def test_a_value_of_zero_has_no_second_derivative_either(p):
    x = torch.tensor([[[0.0, 3.0, 0.0, 0.0]]], dtype=torch.float64, requires_grad=True)
    module = module_of(LpPool(2, p), (1, 4))
    (gradient,) = torch.autograd.grad(module(x).sum(), x, create_graph=True)
    assert gradient.flatten().tolist() == pytest.approx([0, 1, 0, 0], abs=1e-12)
    (second,) = torch.autograd.grad(gradient.sum(), x)
    assert second.abs().max() < 1e-12  # the norm is |x₂|, whose slope does not change


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("layer", [LpPool(2, 1.0), LpPool(2), LpPool(2, 3.0), StochasticPool(2)], ids=repr)
def test_what_is_not_finite_stays_so_in_its_window_alone(layer, training):
    module = build(Network("n", (1, 8), layer), 0).train(training)
    x = torch.tensor([[[math.inf, 1.0, 2.0, math.inf, math.nan, 1.0, 4.0, 0.0]]])
    answer = module(x)[0, 0].tolist()
    assert answer[:2] == [math.inf, math.inf]
    assert math.isnan(answer[2])
    assert answer[3] == 4.0


def expectation(values):
    kept = [max(v, 0.0) for v in values]
    return sum(v * v for v in kept) / sum(kept) if sum(kept) else 0.0


@pytest.mark.parametrize(("shape", "window"), WINDOWS, ids=IDS)
def test_in_evaluation_stochastic_pooling_is_its_expectation(shape, window):
    check_against_loops(StochasticPool(**window), shape, expectation)


def stochastic(values, draws):
    """Return what ``draws`` independent draws from one window of ``values`` gave."""
    torch.manual_seed(0)
    module = build(Network("n", (1, len(values)), StochasticPool(len(values))), 0).train()
    x = torch.tensor(values).expand(draws, 1, len(values))
    return module(x).flatten()


@pytest.mark.parametrize(
    "values",
    [
        [1.0, 2.0, 3.0, 4.0],
        [5.0, 0.0, 0.5, -3.0],
        [0.01, 10.0, 1.0],
        [0.0, 0.0, 7.0],
        [1e-20, 3e-20],
        [1e20, 3e20, 2e20],
    ],
    ids=str,
)
def test_values_are_drawn_as_often_as_they_are_large(values):
    draws = 20_000
    drawn_values = stochastic(values, draws)
    kinds = torch.tensor([v for v in values if v > 0])
    counts = (drawn_values.unsqueeze(1) == kinds).sum(0).double().numpy()
    assert counts.sum() == draws  # nothing but positive values of the window
    expected = draws * (kinds.double() / kinds.double().sum()).numpy()
    statistic = ((counts - expected) ** 2 / expected).sum()
    assert statistic < chi2.ppf(1 - 1e-6, len(kinds) - 1) if len(kinds) > 1 else statistic == 0


def test_the_mean_of_many_draws_is_what_evaluation_gives():
    values = [1.0, 2.0, 3.0, 4.0]
    draws = stochastic(values, 20_000).double()
    mean = sum(v * v for v in values) / sum(values)
    variance = sum(v**3 for v in values) / sum(values) - mean**2
    assert abs(draws.mean().item() - mean) < 5 * math.sqrt(variance / len(draws))


@pytest.mark.parametrize("values", [[0.0, 0.0, 0.0], [-1.0, -2.0, 0.0], [-3.0, -1.0, -2.0]], ids=str)
def test_a_window_without_positive_values_gives_zero(values):
    assert not stochastic(values, 100).any()
    x = torch.tensor([[values]], requires_grad=True)
    for mode in (True, False):
        module = build(Network("n", (1, 3), StochasticPool(3)), 0).train(mode)
        answer = module(x)
        answer.sum().backward()
        assert answer.item() == 0
        assert not x.grad.any()


@pytest.mark.parametrize(("shape", "window"), WINDOWS, ids=IDS)
def test_the_gradient_goes_to_the_drawn_value(shape, window):
    torch.manual_seed(0)
    module = module_of(StochasticPool(**window), shape).train()
    x = (1 + torch.arange(math.prod(shape), dtype=torch.float64)).view(1, *shape).requires_grad_()
    answer = module(x)
    answer.sum().backward()
    # All values differ: what was drawn says where from. Windows that overlap may draw one place twice.
    times = np.bincount(numbers(answer).astype(int).ravel(), minlength=x.numel() + 1)
    assert times[0] == 0  # padding is never drawn
    assert x.grad.flatten().tolist() == times[1:].tolist()


def test_windows_and_images_are_drawn_each_on_its_own():
    torch.manual_seed(0)
    module = build(Network("n", (3, 8, 8), StochasticPool(4)), 0).train()
    x = 1 + torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    one, other = module(x), module(x)
    assert (one != other).any()
    both = module(x.expand(64, 3, 8, 8))
    # Of 16 values each about as likely, 64 draws of each of 12 windows give nearly all.
    assert all(len(both[:, c, i, j].unique()) > 12 for c in range(3) for i in range(2) for j in range(2))


@pytest.mark.parametrize(
    ("dtype", "scale"),
    [
        *((torch.float32, scale) for scale in (1e-30, 1e-25, 1e20, 1e38)),
        *((torch.float16, scale) for scale in (3e-4, 300.0, 60_000.0)),
        *((torch.bfloat16, scale) for scale in (1e-30, 300.0, 1e38)),
    ],
    ids=str,
)
def test_the_expectation_of_large_and_small_values_is_finite(dtype, scale):
    x = (scale * torch.tensor([[[1.0, 0.75, 0.5, 0.25, 0.0, 0.0, 0.0, 0.0]]])).to(dtype).requires_grad_()
    answer = build(Network("n", (1, 8), StochasticPool(4)), 0).eval()(x)
    expected = expectation(x[0, 0, :4].tolist())
    assert answer.dtype == dtype
    assert answer[0, 0, 0].item() == pytest.approx(expected, rel=2.0**-8)
    assert answer[0, 0, 1] == 0
    answer.sum().backward()
    # The slope of Σa² / Σa is (2a − answer) / Σa, whatever the scale.
    slope = [(2 * a - 0.75) / 2.5 for a in (1.0, 0.75, 0.5, 0.25)]
    assert x.grad[0, 0, :4].tolist() == pytest.approx(slope, rel=0.02)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_places_of_a_large_window_are_drawn_equally_often_in_every_precision(dtype):
    # 512 ones: a running sum in bfloat16 stands still at 256, and the places behind were never drawn.
    torch.manual_seed(0)
    module = build(Network("n", (1, 512), StochasticPool(512)), 0).train()
    draws = 51_200
    times = torch.zeros(512, dtype=torch.float64)
    for _ in range(8):
        x = torch.ones(draws // 8, 1, 512, dtype=dtype, requires_grad=True)
        module(x).sum().backward()
        times += x.grad.double().sum((0, 1))
    assert times.sum() == draws
    statistic = ((times - draws / 512).square() / (draws / 512)).sum().item()
    assert chi2.ppf(1e-6, 511) < statistic < chi2.ppf(1 - 1e-6, 511)
