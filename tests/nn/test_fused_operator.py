"""`conv_pool` against torch's own operators, in float64 where rounding is asked for and exactly where it is not."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from torch import Tensor
from torch.nn import functional as F

from striate.nn.fused import operator
from striate.nn.fused.loading import ready
from striate.nn.fused.operator import Block, conv_pool

ACTIVATED = {"none": lambda x: x, "relu": F.relu, "tanh": torch.tanh}
ROUNDING = 2e-6  # of the largest, for sums of some hundred float32


@pytest.fixture(autouse=True, scope="module")
def _compiled() -> None:
    assert ready(None), "Numba is a dependency; the code must compile"


def _in_order(x: Tensor, weight: Tensor, bias: Tensor, block: Block) -> Tensor:
    """Return what the layers give in the order of a network: convolution, activation, pooling."""
    pool = F.max_pool2d if block.largest else F.avg_pool2d
    return pool(ACTIVATED[block.activation](F.conv2d(x, weight, bias, padding=block.pad)), 2)


def _drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _eighths(*shape: int, seed: int = 0) -> Tensor:
    return torch.randint(-8, 9, shape, generator=torch.Generator().manual_seed(seed)) / 8


def _all(of: object, tensors: tuple[Tensor, ...], block: Block, gradient: Tensor) -> list[Tensor]:
    """Return the output and the gradients of ``tensors``."""
    leaves = [tensor.detach().clone().requires_grad_() for tensor in tensors]
    out = of(*leaves, block)  # type: ignore[operator]
    return [out.detach(), *torch.autograd.grad(out, leaves, gradient)]


def _assert_near(found: list[Tensor], wanted: list[Tensor], tolerance: float = ROUNDING) -> None:
    for one, other in zip(found, wanted, strict=True):
        _assert_within(one, other, tolerance * max(float(other.abs().max()), 1e-3))


def _assert_within(found: Tensor, wanted: Tensor, error: float) -> None:
    assert found.shape == wanted.shape
    assert (found.double() - wanted.double()).abs().max() <= error


@settings(deadline=None, max_examples=60)
@given(
    images=some.integers(1, 3),
    channels=some.integers(1, 17),
    maps=some.integers(1, 35),
    kernel=some.tuples(some.integers(1, 5), some.integers(1, 5)),
    pad=some.tuples(some.integers(0, 2), some.integers(0, 2)),
    size=some.tuples(some.integers(6, 11), some.integers(6, 11)),
    activation=some.sampled_from(sorted(ACTIVATED)),
    largest=some.booleans(),
)
def test_any_shape_gives_what_torch_gives_in_float64(
    images: int,
    channels: int,
    maps: int,
    kernel: tuple[int, int],
    pad: tuple[int, int],
    size: tuple[int, int],
    activation: str,
    largest: bool,
) -> None:
    """Inputs are small multiples of 1/8, of which all sums are exact, so that nothing else decides which is largest."""
    block = Block(pad=pad, activation=activation, largest=largest)
    tensors = (
        _eighths(images, channels, *size),
        _eighths(maps, channels, *kernel, seed=1) / 8,
        _eighths(maps, seed=2),
    )
    gradient = _eighths(*block.output_shape(*tensors[:2]), seed=3)
    found = _all(conv_pool, tensors, block, gradient)
    exact = _all(_in_order, tuple(tensor.double() for tensor in tensors), block, gradient.double())
    if activation == "tanh":
        given, most = gradient.abs(), tensors[1].abs().sum()  # sums may cancel: what rounds is what was added
        scales = [1.0, float(given.max() * most), float(given.sum()), float(given.sum())]
        for one, other, scale in zip(found, exact, scales, strict=True):
            _assert_within(one, other, ROUNDING * scale)
    else:
        assert all(torch.equal(one.double(), other) for one, other in zip(found, exact, strict=True))


@pytest.mark.parametrize("activation", sorted(ACTIVATED))
def test_of_equal_corners_the_first_is_chosen(activation: str) -> None:
    block = Block(pad=(0, 0), activation=activation, largest=True)
    x = torch.randint(-1, 2, (4, 1, 8, 10), generator=torch.Generator().manual_seed(0)).float()
    tensors = (x, torch.tensor([0.5, -0.25]).view(2, 1, 1, 1), torch.zeros(2))  # every sum is exact
    gradient = _drawn(4, 2, 4, 5)
    found, wanted = (_all(of, tensors, block, gradient) for of in (conv_pool, _in_order))
    if activation == "tanh":
        _assert_near(found[:2], wanted[:2], 2e-7)
        assert torch.equal(found[1] == 0, wanted[1] == 0)
    else:
        assert torch.equal(found[0], wanted[0])
        assert torch.equal(found[1], wanted[1])


@pytest.mark.parametrize("activation", sorted(ACTIVATED))
@pytest.mark.parametrize("largest", [True, False], ids=["largest", "mean"])
def test_what_is_no_number_and_what_is_infinite_passes(activation: str, largest: bool) -> None:
    block = Block(pad=(0, 0), activation=activation, largest=largest)
    x = _drawn(2, 1, 8, 8)
    x[0, 0, 0, 0] = x[0, 0, 5, 2] = x[0, 0, 5, 3] = math.nan
    x[1, 0, 2, 3], x[1, 0, 6, 6] = math.inf, -math.inf
    tensors = (x, torch.ones(1, 1, 1, 1), torch.zeros(1))
    found, wanted = (_all(of, tensors, block, torch.ones(2, 1, 4, 4)) for of in (conv_pool, _in_order))
    torch.testing.assert_close(found[0], wanted[0], equal_nan=True, rtol=1e-6, atol=1e-7)
    assert found[1][0].isnan().any() == wanted[1][0].isnan().any()  # where in that image is told of neither
    torch.testing.assert_close(found[1][1], wanted[1][1], rtol=1e-6, atol=1e-7)


def test_tanh_is_within_one_step_of_the_true_value() -> None:
    x = torch.cat([torch.logspace(-44, 1.5, 40_000), torch.tensor([0.0, 1e-45, 88.0, 1e30, math.inf])])
    x = torch.cat([x, -x])
    pixels = (
        x.view(1, 1, -1, 1).expand(-1, -1, -1, 2).reshape(1, 1, -1, 2).repeat_interleave(2, 2).contiguous()
    )
    block = Block(pad=(0, 0), activation="tanh", largest=True)
    found = conv_pool(pixels, torch.ones(1, 1, 1, 1), torch.zeros(1), block).flatten()
    true = torch.tanh(x.double())
    step = (torch.nextafter(true.float().abs(), torch.tensor(math.inf)) - true.float().abs()).double()
    assert ((found.double() - true).abs() <= 0.51 * step).all()
    assert not found[x == 0].any()


@pytest.mark.parametrize("count", [1, 31, 33, 100], ids=str)
def test_the_number_of_threads_changes_no_bit(count: int) -> None:
    block = Block(pad=(2, 2), activation="relu", largest=True)
    tensors = (_drawn(count, 3, 12, 12), _drawn(6, 3, 5, 5, seed=1), _drawn(6, seed=2))
    gradient = _drawn(count, 6, 6, 6, seed=3)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = _all(conv_pool, tensors, block, gradient)
        torch.set_num_threads(2)
        together = _all(conv_pool, tensors, block, gradient)
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(one, other) for one, other in zip(alone, together, strict=True))


@pytest.mark.parametrize("largest", [True, False], ids=["largest", "mean"])
def test_any_layout_in_memory_gives_the_same(largest: bool) -> None:
    block = Block(pad=(1, 0), activation="tanh", largest=largest)
    x, weight, bias = _drawn(3, 4, 9, 8), _drawn(5, 4, 3, 3, seed=1), _drawn(5, seed=2)
    gradient = _drawn(3, 5, 4, 3, seed=3)
    wanted = _all(conv_pool, (x, weight, bias), block, gradient)
    last = x.to(memory_format=torch.channels_last), weight.to(memory_format=torch.channels_last), bias
    sliced = _drawn(6, 4, 9, 16)
    sliced[::2, :, :, ::2] = x
    leaves = [sliced.requires_grad_(), weight.clone().requires_grad_(), bias.clone().requires_grad_()]
    out = conv_pool(leaves[0][::2, :, :, ::2], leaves[1], leaves[2], block)
    found = torch.autograd.grad(out, leaves, gradient.to(memory_format=torch.channels_last))
    assert torch.equal(found[0][::2, :, :, ::2], wanted[1])
    assert torch.equal(found[1], wanted[2])
    for one, other in zip(_all(conv_pool, last, block, gradient), wanted, strict=True):
        assert torch.equal(one, other)


def test_without_bias_it_is_zero() -> None:
    block = Block(pad=(0, 0), activation="none", largest=False)
    x, weight = _drawn(2, 1, 6, 6), _drawn(3, 1, 3, 3)
    assert torch.equal(conv_pool(x, weight, None, block), conv_pool(x, weight, torch.zeros(3), block))


def test_gradients_can_be_derived_again() -> None:
    block = Block(pad=(1, 1), activation="tanh", largest=False)
    x, weight, bias = _drawn(2, 2, 6, 6), _drawn(3, 2, 3, 3, seed=1) / 4, _drawn(3, seed=2)

    def penalty(of: object, *tensors: Tensor) -> list[Tensor]:
        leaves = [tensor.clone().requires_grad_() for tensor in tensors]
        loss = of(*leaves, block).square().sum()  # type: ignore[operator]
        (slope,) = torch.autograd.grad(loss, leaves[0], create_graph=True)
        return list(torch.autograd.grad(slope.square().sum(), leaves))

    exact = penalty(_in_order, x.double(), weight.double(), bias.double())
    _assert_near(penalty(conv_pool, x, weight, bias), exact, 1e-5)


def test_only_gradients_that_are_asked_for_are_given() -> None:
    block = Block(pad=(0, 0), activation="relu", largest=True)
    x, weight = _drawn(2, 1, 6, 6), _drawn(3, 1, 3, 3).requires_grad_()
    conv_pool(x, weight, None, block).sum().backward()
    assert x.grad is None
    assert weight.grad is not None


def test_without_compiled_code_torch_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    block = Block(pad=(1, 1), activation="tanh", largest=False)
    tensors = (_drawn(2, 2, 6, 6), _drawn(3, 2, 3, 3, seed=1), _drawn(3, seed=2))
    gradient = _drawn(2, 3, 3, 3)
    ours = _all(conv_pool, tensors, block, gradient)
    monkeypatch.setattr(operator, "compiled", lambda: None)
    plain = _all(conv_pool, tensors, block, gradient)
    assert all(map(torch.equal, plain, _all(_in_order, tensors, block, gradient)))
    _assert_near(ours, plain, 4e-6)
