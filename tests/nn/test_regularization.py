"""What acts in training alone: which values it drops and how often, how it scales the rest, and that it then rests."""

import math

import numpy as np
import pytest
import torch
from made import drawn, module_of, numbers
from scipy import stats

from striate.spec import Conv, DropConnect, GaussianNoise, Residual, SpatialDropout, StochasticDepth, Tanh


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def check_share(hits, p):
    """The share of true values lies within five standard deviations of the binomial one."""
    assert abs(hits.double().mean().item() - p) < 5 * math.sqrt(p * (1 - p) / hits.numel())


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("size", [(), (3,), (2, 3), (2, 2, 2)], ids=str)
def test_maps_drop_as_a_whole(size, p):
    module = module_of(SpatialDropout(p), (40, *size))
    x = drawn(200, 40, *size).abs() + 1
    maps = (module(x) * (1 - p) / x).reshape(200, 40, -1)
    assert torch.allclose(maps, maps[..., :1].round())  # all of a map is kept, or none
    kept = maps[..., 0] > 0.5
    check_share(kept, 1 - p)
    check_share(kept[:, 0] == kept[:, 1], p**2 + (1 - p) ** 2)  # maps drop independently of each other
    check_share(kept[0] == kept[1], p**2 + (1 - p) ** 2)  # and so do images
    assert torch.equal(module.eval()(x), x)


def connections(p, images, bias=True):
    """Return a dropped layer and, from its outputs alone, which connections of which image it kept.

    The weights from an input to the outputs are powers of two, so that a sum tells which were added.
    """
    module = module_of(DropConnect(6, p, bias=bias), (10,))
    with torch.no_grad():
        module.linear1.weight.copy_(2.0 ** torch.arange(10).expand(6, 10))
        if bias:
            module.linear1.bias.fill_(2.0**10)
    ones = torch.ones(images, 10, dtype=torch.float64, requires_grad=True)
    answer = module(ones)
    codes = (answer * (1 - p)).round().long()
    torch.testing.assert_close(codes.double() / (1 - p), answer.detach(), rtol=1e-12, atol=0)
    bits = (codes.unsqueeze(2) >> torch.arange(11)) & 1
    return module, ones, answer, bits.bool()


@pytest.mark.parametrize("p", [0.2, 0.5, 0.75])
def test_connections_drop_one_by_one_anew_for_each_image(p):
    *_, kept = connections(p, 500)
    check_share(kept[..., :10], 1 - p)
    check_share(kept[..., 10], 1 - p)  # biases, too
    alike = p**2 + (1 - p) ** 2
    check_share(
        kept[:, 0] == kept[:, 1], alike
    )  # outputs do not share a mask: no input is dropped as a whole
    check_share(kept[:, :, 0] == kept[:, :, 1], alike)  # nor is an output
    check_share(kept[::2] == kept[1::2], alike)


@pytest.mark.parametrize("bias", [True, False])
def test_the_gradient_passes_the_connections_that_were_kept(bias):
    module, x, answer, kept = connections(0.75, 3, bias)
    upstream = drawn(3, 6)
    answer.backward(upstream)
    mask, weight = kept[..., :10].double() / 0.25, 2.0 ** np.arange(10)
    by_hand = np.einsum("no,noi->oi", upstream.numpy(), mask.numpy())
    np.testing.assert_allclose(numbers(module.linear1.weight.grad), by_hand, rtol=1e-12)
    by_hand = np.einsum("no,noi,i->ni", upstream.numpy(), mask.numpy(), weight)
    np.testing.assert_allclose(numbers(x.grad), by_hand, rtol=1e-12)
    if bias:
        by_hand = (upstream * kept[..., 10] / 0.25).sum(0).tolist()
        assert module.linear1.bias.grad.tolist() == pytest.approx(by_hand, rel=1e-12)
    else:
        assert not kept[..., 10].any()
        assert module.linear1.bias is None


@pytest.mark.parametrize("layer", [DropConnect(3, 0.4), DropConnect(3, 0.4, bias=False), DropConnect(3, 0.0)])
def test_in_evaluation_or_without_dropping_it_is_a_linear_layer(layer):
    module, x = module_of(layer, (7,)), drawn(5, 7)
    if layer.p:
        module.eval()
    weight = module.linear1.weight.tolist()
    bias = module.linear1.bias.tolist() if layer.bias else [0.0] * 3
    for image, answer in zip(x.tolist(), module(x).tolist(), strict=True):
        by_hand = [
            math.fsum(w * v for w, v in zip(row, image, strict=True)) + b
            for row, b in zip(weight, bias, strict=True)
        ]
        assert answer == pytest.approx(by_hand, rel=1e-12)


def test_the_mean_over_masks_is_the_linear_layer():
    # Wan et al. 2013, equation 5: u has mean M v and variance p/(1 − p) Σ (w v)² in our scaling.
    p, images = 0.3, 20_000
    module, x = module_of(DropConnect(2, p, bias=False), (4,)), drawn(1, 4)
    outputs = numbers(module(x.expand(images, 4)))
    products = numbers(module.linear1.weight * x)
    variance = p / (1 - p) * (products**2).sum(1)
    assert (abs(outputs.mean(0) - products.sum(1)) < 5 * np.sqrt(variance / images)).all()
    np.testing.assert_allclose(outputs.var(0), variance, rtol=0.1)


@pytest.mark.parametrize("std", [0.1, 3.0])
def test_noise_is_normal_and_independent(std):
    module, x = module_of(GaussianNoise(std), (100, 10, 10)), drawn(10, 100, 10, 10)
    noise = numbers(module(x) - x)
    assert stats.kstest(noise.ravel(), "norm", args=(0, std)).pvalue > 1e-3
    for a, b in ((noise[1:], noise[:-1]), (noise[:, 1:], noise[:, :-1]), (noise[..., 1:], noise[..., :-1])):
        assert abs((a * b).mean() / std**2) < 5 / math.sqrt(a.size)
    assert torch.equal(module.eval()(x), x)


def test_noise_lets_the_gradient_pass():
    x = drawn(2, 3).requires_grad_()
    module_of(GaussianNoise(2.0), (3,))(x).backward(drawn(2, 3, seed=1))
    assert torch.equal(x.grad, drawn(2, 3, seed=1))


def block(p, mode):
    """Return the module of a residual block of stochastic depth, and its body and an input of 400 images."""
    module = module_of(Residual([Conv(2, 1), Tanh(), StochasticDepth(p, mode)]), (2, 3, 3))
    inner = module.residual1
    return module, lambda x: inner.tanh1(inner.conv1(x)), drawn(400, 2, 3, 3)


@pytest.mark.parametrize("p", [0.2, 0.6])
def test_the_bodies_of_single_images_drop_or_are_scaled(p):
    module, body, x = block(p, "row")
    change = ((module(x) - x) / body(x) * (1 - p)).flatten(1)
    torch.testing.assert_close(change, change[:, :1].round().expand(400, 18))
    check_share(change[:, 0] > 0.5, 1 - p)
    torch.testing.assert_close(module.eval()(x), x + body(x))


def test_the_body_of_a_whole_batch_drops_or_is_scaled():
    module, body, x = block(0.5, "batch")
    kept = []
    for _ in range(400):
        answer = module(x[:4])
        kept.append(not torch.equal(answer, x[:4]))
        torch.testing.assert_close(answer, x[:4] + (2 * body(x[:4]) if kept[-1] else 0))
    check_share(torch.tensor(kept), 0.5)
    torch.testing.assert_close(module.eval()(x), x + body(x))


def test_depth_that_never_drops_changes_nothing():
    module, body, x = block(0.0, "row")
    assert torch.equal(module(x), body(x) + x)


def test_a_dropped_body_learns_nothing_and_the_shortcut_goes_on():
    module, _, x = block(1 - 1e-12, "batch")
    x.requires_grad_()
    module(x).sum().backward()
    assert not module.residual1.conv1.weight.grad.any()
    assert (x.grad == 1).all()
