"""Residual, Concat, Repeat and AuxHead compute what their parts compute by hand."""

import copy

import pytest
import torch
from torch.nn import functional

from striate.errors import ShapeError
from striate.nn import aux_losses, build
from striate.spec import (
    AuxHead,
    BatchNorm,
    Concat,
    Conv,
    Flatten,
    GlobalAvgPool,
    Linear,
    MaxPool,
    Network,
    ReLU,
    Repeat,
    Residual,
    Sequential,
    Tanh,
)


def net(*layers):
    return Network("n", (4, 6, 6), Sequential(*layers))


@pytest.fixture
def x():
    return torch.randn(3, 4, 6, 6, generator=torch.Generator().manual_seed(0))


def conv(module, x, stride=1):
    return functional.conv2d(
        x, module.weight, module.bias, stride=stride, padding=module.weight.shape[-1] // 2
    )


def test_a_residual_adds_its_input(x):
    block = build(net(Residual([Conv(5, 3, padding=1), ReLU(), Conv(4, 3, padding=1)])), 0).residual1
    assert torch.equal(block(x), conv(block.conv2, conv(block.conv1, x).relu()) + x)


def test_a_residual_adds_its_shortcut(x):
    network = net(Residual(Conv(5, 3, stride=2, padding=1), [Conv(5, 1, stride=2), Tanh()]))
    block = build(network, 0).residual1
    assert torch.equal(block(x), conv(block.conv1, x, 2) + conv(block.shortcut.conv1, x, 2).tanh())


def test_a_concat_joins_its_branches_in_order(x):
    network = net(Concat(Conv(2, 1), [Conv(3, 3, padding=1), ReLU()], MaxPool(1)))
    join = build(network, 0).concat1
    answer = join(x)
    assert answer.shape == (3, 9, 6, 6)
    assert torch.equal(answer[:, :2], conv(join.branch1, x))
    assert torch.equal(answer[:, 2:5], conv(join.branch2.conv1, x).relu())
    assert torch.equal(answer[:, 5:], x)


def test_a_concat_of_vectors_joins_features():
    module = build(Network("n", (4,), Concat(Linear(2), Linear(3))), 0)
    x = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    parts = [functional.linear(x, b.weight, b.bias) for b in (module.concat1.branch1, module.concat1.branch2)]
    assert torch.equal(module(x), torch.cat(parts, 1))


def test_a_repeat_has_weights_of_its_own_each_time(x):
    module = build(net(Repeat([Conv(4, 3, padding=1), ReLU()], 3)), 0)
    expected = x
    for layer in (module.conv1, module.conv2, module.conv3):
        expected = conv(layer, expected).relu()
    assert torch.equal(module(x), expected)
    assert not torch.equal(module.conv1.weight, module.conv2.weight)


def test_the_shortcut_carries_the_gradient_through_a_hundred_blocks():
    # ∂(F(x) + x)/∂x = ∂F/∂x + 1: with F made a thousandth, the stack with shortcuts is nearly the identity.
    gradients = {}
    for name, block in (
        ("with", Residual(Conv(1, 3, padding=1))),
        ("without", Sequential(Conv(1, 3, padding=1), name="b")),
    ):
        module = build(Network("n", (1, 9), Repeat(block, 100)), 0).double()
        with torch.no_grad():
            for weight in module.parameters():
                weight.mul_(1e-3)
        x = torch.ones(1, 1, 9, dtype=torch.float64, requires_grad=True)
        module(x).sum().backward()
        gradients[name] = x.grad.abs().mean().item()
    assert 0.5 < gradients["with"] < 2
    assert gradients["without"] < 1e-200


@pytest.fixture
def headed():
    head = AuxHead([GlobalAvgPool(), Linear(3)], weight=0.25, name="side")
    late = AuxHead([Flatten(), Linear(3)], weight=2.0, name="late")
    return build(
        net(Conv(4, 3, padding=1, name="c"), head, ReLU(), late, GlobalAvgPool(), Linear(3, name="end")), 0
    )


def sum_of_squares(output):
    return output.square().sum()


def test_an_aux_head_passes_its_input_on(headed, x):
    expected = functional.linear(conv(headed.c, x).relu().mean((2, 3)), headed.end.weight, headed.end.bias)
    for mode in (True, False):
        torch.testing.assert_close(headed.train(mode)(x), expected)
        assert torch.equal(headed.side(x), x)


def test_aux_losses_are_weighted_and_read_once(headed, x):
    headed.train()(x)
    maps = conv(headed.c, x)
    outputs = [
        functional.linear(maps.mean((2, 3)), headed.side.linear1.weight, headed.side.linear1.bias),
        functional.linear(maps.relu().flatten(1), headed.late.linear1.weight, headed.late.linear1.bias),
    ]
    expected = [weight * sum_of_squares(output) for weight, output in zip((0.25, 2.0), outputs, strict=True)]
    losses = aux_losses(headed, sum_of_squares)
    torch.testing.assert_close(torch.stack(losses), torch.stack(expected))
    assert aux_losses(headed, sum_of_squares) == []


def test_aux_losses_train_what_lies_before_the_head(headed, x):
    headed.train()(x)
    sum(aux_losses(headed, sum_of_squares)).backward()
    reached = {name for name, parameter in headed.named_parameters() if parameter.grad is not None}
    heads = {"side.linear1.weight", "side.linear1.bias", "late.linear1.weight", "late.linear1.bias"}
    assert reached == {"c.weight", "c.bias", *heads}


def test_only_the_last_forward_counts(headed, x):
    headed.train()(x)
    headed(2 * x)
    twice = aux_losses(headed, sum_of_squares)
    headed(2 * x)
    torch.testing.assert_close(torch.stack(twice), torch.stack(aux_losses(headed, sum_of_squares)))


def test_in_evaluation_a_head_does_nothing(headed, x):
    ran = []
    headed.side.linear1.register_forward_hook(lambda *_: ran.append(1))
    headed.eval()(x)
    assert ran == []
    assert aux_losses(headed, sum_of_squares) == []


def test_a_module_without_heads_has_no_aux_losses(x):
    module = build(net(Conv(4, 3)), 0).train()
    module(x)
    assert aux_losses(module, sum_of_squares) == []


def test_a_module_is_an_ordinary_one(headed, x):
    clone = copy.deepcopy(headed)
    assert torch.equal(clone.eval()(x), headed.eval()(x))
    assert list(clone.state_dict()) == list(headed.state_dict())
    assert [name for name, _ in headed.named_children()] == ["c", "side", "relu1", "late", "pool1", "end"]


def test_batch_norm_takes_every_rank():
    for shape, kind in (
        ((4,), "BatchNorm1d"),
        ((4, 5), "BatchNorm1d"),
        ((4, 5, 5), "BatchNorm2d"),
        ((4, 5, 5, 5), "BatchNorm3d"),
    ):
        assert type(build(Network("n", shape, BatchNorm()), 0).norm1).__name__ == kind


def test_building_what_does_not_fit_is_refused_like_analyzing_it():
    with pytest.raises(
        ShapeError, match=r"^linear1 \(Linear\) cannot take \(4, 6, 6\): Linear takes a vector"
    ):
        build(net(Linear(3)), 0)
