"""The gradients of locally connected layers are written by hand: they equal differences, in any layout of memory."""

import copy

import pytest
import torch
from made import drawn, module_of
from torch.autograd import gradcheck, gradgradcheck

from striate.nn import build
from striate.spec import Linear, LocallyConnected, Network, Reshape, TiledConv

SIGNAL, IMAGE = (2, 7), (2, 5, 4)

CASES = [
    (SIGNAL, LocallyConnected(3, 3)),
    (SIGNAL, LocallyConnected(2, 3, stride=2, padding="causal", dilation=2, bias=False)),
    (SIGNAL, LocallyConnected(2, 2, stride=3, padding=((0, 2),))),
    (SIGNAL, LocallyConnected(2, 2, padding="full")),
    (IMAGE, LocallyConnected(3, 3)),
    (IMAGE, LocallyConnected(2, (2, 3), stride=(2, 1), padding="same")),
    (IMAGE, LocallyConnected(2, 2, stride=2, padding=((1, 0), 1), dilation=(1, 2), bias=False)),
    (SIGNAL, TiledConv(2, 3, 2)),
    (IMAGE, TiledConv(2, 2, (3, 2), padding="same")),
    (IMAGE, TiledConv(2, 2, 2, stride=2, dilation=2, padding=1, bias=False)),
]
IDS = [f"{layer.kind}-{i}" for i, (_, layer) in enumerate(CASES)]


def functional(module):
    """Return the module as a function of its input and its parameters."""
    names = [name for name, _ in module.named_parameters()]

    def call(x, *values):
        return torch.func.functional_call(module, dict(zip(names, values, strict=True)), (x,))

    return call


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(("shape", "layer"), CASES, ids=IDS)
def test_gradients_equal_differences(shape, layer, batch):
    module = module_of(layer, shape)
    x = drawn(batch, *shape, seed=1).requires_grad_()
    assert gradcheck(functional(module), (x, *module.parameters()))


@pytest.mark.parametrize(("shape", "layer"), CASES, ids=IDS)
def test_gradients_of_gradients_equal_differences(shape, layer):
    module = module_of(layer, shape)
    x = drawn(2, *shape, seed=1).requires_grad_()
    assert gradgradcheck(functional(module), (x, *module.parameters()))


def test_gradients_that_can_be_differentiated_are_the_ordinary_ones():
    module = module_of(LocallyConnected(3, 3, stride=2, padding=1), IMAGE)
    x = drawn(2, *IMAGE).requires_grad_()
    wanted = [x, *module.parameters()]
    ordinary = torch.autograd.grad(module(x).square().sum(), wanted)
    others = torch.autograd.grad(module(x).square().sum(), wanted, create_graph=True)
    assert all(gradient.requires_grad for gradient in others)
    torch.testing.assert_close(others, ordinary, rtol=1e-12, atol=1e-12)
    module.local1.weight.requires_grad_(False)
    (only_x,) = torch.autograd.grad(module(x).square().sum(), x, create_graph=True)
    torch.testing.assert_close(only_x, ordinary[0], rtol=1e-12, atol=1e-12)


def strange_layouts(x):
    """Return the numbers of ``x`` (N, C, H, W) in other orders of memory, with and without holes."""
    holes = torch.zeros(2 * len(x), x.shape[1] + 1, x.shape[2], 3 * x.shape[3], dtype=x.dtype)
    holes[::2, 1:, :, 1::3] = x
    return {
        "channels last": x.contiguous(memory_format=torch.channels_last),
        "transposed": x.transpose(2, 3).contiguous().transpose(2, 3),
        "holes": holes[::2, 1:, :, 1::3],
        "behind others": torch.cat([x, x])[len(x) :],
    }


@pytest.mark.parametrize("name", strange_layouts(torch.zeros(2, 2, 5, 4)))
@pytest.mark.parametrize("padding", [0, 1])
def test_the_layout_of_memory_does_not_matter(name, padding):
    module = module_of(LocallyConnected(3, 3, padding=padding), IMAGE)
    x = drawn(3, *IMAGE)
    strange = strange_layouts(x)[name]
    assert torch.equal(strange, x)
    answers, gradients = [], []
    for given in (x, strange):
        given = given.detach().requires_grad_()
        module.zero_grad()
        answer = module(given)
        # The gradient that comes back has a strange layout, too.
        answer.backward(strange_layouts(torch.cos(answer.detach()))[name])
        answers.append(answer)
        gradients.append([given.grad, *(p.grad.clone() for p in module.parameters())])
    torch.testing.assert_close(answers[1], answers[0], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-12, atol=1e-12)


def test_an_expanded_input_counts_as_often_as_it_is_repeated():
    # Expanded inputs and gradients have strides of zero: their numbers share one place in memory.
    module = module_of(LocallyConnected(3, 3), IMAGE)
    one = drawn(1, *IMAGE).requires_grad_()
    module(one.expand(4, *IMAGE)).sum().backward()
    expanded = one.grad.clone()
    one.grad = None
    (4 * module(one).sum()).backward()
    torch.testing.assert_close(expanded, one.grad, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("layer", [LocallyConnected(3, 3), TiledConv(3, 3, 2)], ids=lambda layer: layer.kind)
@pytest.mark.parametrize("shape", [SIGNAL, IMAGE], ids=str)
def test_an_empty_batch_gives_an_empty_answer_and_zero_gradients(layer, shape):
    module = module_of(layer, shape)
    x = torch.zeros(0, *shape, dtype=torch.float64, requires_grad=True)
    answer = module(x)
    assert answer.shape == (0, *module(drawn(1, *shape)).shape[1:])
    answer.sum().backward()
    assert x.grad.shape == x.shape
    assert all(not p.grad.any() for p in module.parameters())


def test_only_the_gradients_that_are_asked_for_are_made():
    module = module_of(LocallyConnected(3, 3), IMAGE)
    x = drawn(2, *IMAGE).requires_grad_()
    module(x).square().sum().backward()
    of_x, of_weight = x.grad, module.local1.weight.grad
    module.zero_grad()
    module.local1.weight.requires_grad_(False)
    (only_x,) = torch.autograd.grad(module(x).square().sum(), x)
    assert torch.equal(only_x, of_x)
    module.local1.weight.requires_grad_(True)
    module(x.detach()).square().sum().backward()
    assert torch.equal(module.local1.weight.grad, of_weight)
    with torch.no_grad():
        assert not module(x).requires_grad


def test_a_copy_is_on_its_own():
    module = module_of(LocallyConnected(3, 3), IMAGE)
    x, clone = drawn(2, *IMAGE), copy.deepcopy(module)
    before = module(x)
    with torch.no_grad():
        clone.local1.weight.zero_()
    assert torch.equal(module(x), before)
    spread = clone.local1.bias.expand(2, -1, -1, -1)
    assert torch.equal(clone(x), spread)


def test_it_trains_behind_and_before_other_layers():
    # The target is a function that a locally connected layer is: gradient descent finds it.
    teacher = module_of([LocallyConnected(1, 2, stride=2, bias=False), Reshape((3,))], (1, 6))
    module = build(
        Network("n", (6,), [Linear(6), Reshape((1, 6)), LocallyConnected(1, 2, 2), Reshape((3,))]), 0
    )
    x = drawn(64, 6)
    target = teacher(x.unsqueeze(1)).detach()
    module.double()
    optimizer = torch.optim.Adam(module.parameters(), lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        loss = (module(x) - target).square().mean()
        loss.backward()
        optimizer.step()
    assert loss.item() < 1e-3 * target.square().mean().item()


@pytest.mark.parametrize("shape", [SIGNAL, IMAGE], ids=str)
def test_under_autocast_products_are_short_and_gradients_long(shape):
    module = build(Network("n", shape, LocallyConnected(3, 3)), seed=0)
    x = drawn(4, *shape).float().requires_grad_()
    exact = module(x)
    with torch.autocast("cpu", torch.bfloat16):
        short = module(x)
    assert (exact.dtype, short.dtype) == (torch.float32, torch.bfloat16)
    # Sums of 6 or 18 products of numbers kept to 8 bits.
    assert 0 < (short - exact).abs().max().item() < 0.05
    short.float().sum().backward()
    assert x.grad.dtype == torch.float32
    assert {p.grad.dtype for p in module.parameters()} == {torch.float32}
    (expected,) = torch.autograd.grad(exact.sum(), module.local1.weight)
    torch.testing.assert_close(module.local1.weight.grad, expected, rtol=0.05, atol=0.05)


@pytest.mark.parametrize(("dtype", "bits"), [(torch.bfloat16, 8), (torch.float16, 11)], ids=str)
def test_in_16_bits_the_gradient_of_an_input_in_many_windows_is_rounded_once(dtype, bits):
    # 121 windows meet in one input: a running sum in bfloat16 was off by 1.3 %.
    module = module_of(LocallyConnected(8, 11, padding=5), (3, 32, 32)).to(dtype)
    x, upstream = drawn(2, 3, 32, 32).to(dtype), drawn(2, 8, 32, 32, seed=1).to(dtype)
    gradients = []
    for long in (dtype, torch.float64):
        given = x.to(long, copy=True).requires_grad_()
        copy.deepcopy(module).to(long)(given).backward(upstream.to(long))
        gradients.append(given.grad.double())
    short, exact = gradients
    off = ((short - exact).norm() / exact.norm()).item()
    assert off < 0.75 * 2.0**-bits  # a rounding is by at most 2^-bits, on average by less than half of it


@pytest.mark.parametrize("shape", [SIGNAL, IMAGE], ids=str)
def test_under_autocast_float64_stays_as_it_does_in_a_convolution(shape):
    module, x = module_of(LocallyConnected(3, 3), shape), drawn(2, *shape)
    expected = module(x)
    with torch.autocast("cpu", torch.bfloat16):
        answer = module(x)
    assert answer.dtype == torch.float64
    assert torch.equal(answer, expected)
