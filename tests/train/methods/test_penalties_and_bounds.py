"""Penalties, max-norm and the treatment of gradients against numpy."""

import math

import numpy as np
import pytest
import torch
from oracles import give, gradients, small
from scipy import stats
from torch import nn

from striate.nn import build
from striate.spec import (
    GRU,
    Conv,
    Embedding,
    Flatten,
    LastStep,
    Linear,
    LocallyConnected,
    Network,
    SeparableConv,
    Sequential,
    TableConv,
    TiledConv,
)
from striate.train.methods import add_gradient_noise, clip_gradients, penalty, project_max_norm

WEIGHTS = ("conv.weight", "fc.weight", "out.weight")


def arrays(module):
    return {name: p.detach().numpy().copy() for name, p in module.named_parameters()}


@pytest.mark.parametrize(("l1", "l2"), [(0.3, 0.0), (0.0, 0.2), (0.3, 0.2), (0.0, 0.0)], ids=str)
def test_penalty_and_its_gradient(l1, l2):
    module = small()
    values = arrays(module)
    made = penalty(module, l1, l2)
    assert made.item() == pytest.approx(
        sum(l1 * np.abs(values[n]).sum() + l2 / 2 * (values[n] ** 2).sum() for n in WEIGHTS), rel=1e-12
    )
    if made.requires_grad:
        made.backward()
        for name, parameter in module.named_parameters():
            if name in WEIGHTS:
                assert np.allclose(parameter.grad, l1 * np.sign(values[name]) + l2 * values[name], rtol=1e-12)
            else:
                assert parameter.grad is None


def test_frozen_weights_have_no_penalty():
    module = small().requires_grad_(False)
    assert penalty(module, 1.0, 1.0).item() == 0


def described(*layers, shape=(4, 7, 7)):
    module = build(Network("n", shape, Sequential(*layers)), seed=1).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(generator=torch.Generator().manual_seed(parameter.numel()))
    return module


def neurons_of_table(weight):
    table = ((0, 1), (1, 2, 3), (3,))
    flat = iter(weight)
    return [[next(flat) for _ in row] for row in table]


# For each kind, what its neurons' incoming weights are, taken from its weight one by one.
NEURONS = {
    "linear": (lambda: described(Flatten(), Linear(5, name="it")), lambda w: [w[o] for o in range(5)]),
    "conv": (lambda: described(Conv(6, 3, name="it")), lambda w: [w[o] for o in range(6)]),
    "grouped": (lambda: described(Conv(6, 3, groups=2, name="it")), lambda w: [w[o] for o in range(6)]),
    "local": (
        lambda: described(LocallyConnected(3, 5, name="it")),
        lambda w: [w[i, j, o] for i in range(3) for j in range(3) for o in range(3)],
    ),
    "tiled": (
        lambda: described(TiledConv(3, 2, 2, name="it")),
        lambda w: [w[i, j, o] for i in range(2) for j in range(2) for o in range(3)],
    ),
    "table": (
        lambda: described(TableConv(((0, 1), (1, 2, 3), (3,)), 3, name="it")),
        lambda w: [np.array(kernels) for kernels in neurons_of_table(w)],
    ),
    "transposed": (
        lambda: nn.Sequential(nn.ConvTranspose2d(4, 6, 3).double()),
        lambda w: [w[:, o] for o in range(6)],
    ),
    "transposed in groups": (
        lambda: nn.Sequential(nn.ConvTranspose2d(4, 6, 3, groups=2).double()),
        lambda w: [w[2 * g : 2 * g + 2, o] for g in range(2) for o in range(3)],
    ),
}


def weight_of(module):
    return max(module.parameters(), key=torch.numel)


@pytest.mark.parametrize("kind", NEURONS)
def test_max_norm(kind):
    make, neurons = NEURONS[kind]
    module = make()
    weight = weight_of(module)
    before = neurons(weight.detach().numpy().copy())
    sizes = [math.sqrt((w**2).sum()) for w in before]
    radius = float(np.median(sizes)) * (1 if len(set(sizes)) > 1 else 0.5) + 1e-9
    others = {n: p.detach().clone() for n, p in module.named_parameters() if p is not weight}
    project_max_norm(module, radius)
    after = neurons(weight.detach().numpy())
    assert sum(w.size for w in after) == weight.numel()
    for old, new, size in zip(before, after, sizes, strict=True):
        if size <= radius:
            assert np.array_equal(old, new)
        else:
            assert np.allclose(new, old * radius / size, rtol=1e-12)
    assert any(size <= radius for size in sizes)
    assert any(size > radius for size in sizes)
    assert all(torch.equal(p, others[n]) for n, p in module.named_parameters() if n in others)


def test_max_norm_of_both_parts_of_a_separable_convolution():
    module = described(SeparableConv(5, 3, multiplier=2, name="it"))
    project_max_norm(module, 0.7)
    assert module.it.depthwise.shape == (8, 1, 3, 3)
    for weight in (module.it.depthwise, module.it.pointwise):
        assert np.allclose([w.norm().item() for w in weight], 0.7)


def test_max_norm_of_cells_counts_what_comes_in_from_each_side():
    module = build(
        Network("n", (6,), Sequential(Embedding(9, 5), GRU(4, name="cells"), LastStep(), Linear(2))), seed=0
    )
    table = module.get_parameter(next(n for n, p in module.named_parameters() if p.shape == (9, 5))).clone()
    project_max_norm(module, 0.1)
    for weight in (module.cells.weight_ih_l0, module.cells.weight_hh_l0):
        assert weight.shape[0] == 12
        assert all(row.norm().item() == pytest.approx(0.1) for row in weight)
    assert any(torch.equal(p, table) for p in module.parameters())


def test_max_norm_spares_zeros_frozen_weights_and_the_order_in_memory():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3)).to(memory_format=torch.channels_last)
    nn.init.zeros_(module[0].weight)
    module[1].requires_grad_(False)
    before = module[1].weight.clone()
    project_max_norm(module, 0.01)
    assert not module[0].weight.any()
    assert torch.equal(module[1].weight, before)
    module[1].requires_grad_(True)
    project_max_norm(module, 0.01)
    assert all(w.norm().item() == pytest.approx(0.01) for w in module[1].weight)
    assert module[1].weight.is_contiguous(memory_format=torch.channels_last)


def with_gradients():
    module = small()
    by_name = gradients(module, 1)[0]
    give(module, by_name)
    return module, by_name


def test_clipping_by_norm_keeps_the_direction():
    module, by_name = with_gradients()
    size = math.sqrt(sum((g**2).sum() for g in by_name.values()))
    clip_gradients(module, norm=0.5, value=None)
    for name, parameter in module.named_parameters():
        assert np.allclose(parameter.grad, by_name[name] * 0.5 / size, rtol=1e-5)


def test_clipping_by_value_and_then_by_norm():
    module, by_name = with_gradients()
    cut = {name: np.clip(g, -0.3, 0.3) for name, g in by_name.items()}
    size = math.sqrt(sum((g**2).sum() for g in cut.values()))
    clip_gradients(module, norm=1.0, value=0.3)
    for name, parameter in module.named_parameters():
        assert np.allclose(parameter.grad, cut[name] / size, rtol=1e-5)


def test_without_bounds_gradients_stay():
    module, by_name = with_gradients()
    clip_gradients(module, norm=None, value=None)
    clip_gradients(module, norm=1e6, value=1e6)
    for name, parameter in module.named_parameters():
        assert np.array_equal(parameter.grad.numpy(), by_name[name])


def noise(seed, step, deviation=0.5, count=20_000):
    module = nn.Linear(count, 1)
    module.weight.grad = torch.zeros(1, count)
    module.bias.grad = torch.zeros(1)
    add_gradient_noise(module, deviation, seed, step)
    return module.weight.grad[0].double().numpy()


@pytest.mark.parametrize(("step", "variance"), [(0, 0.25), (1, 0.25 / 2**0.55), (99, 0.25 / 100**0.55)])
def test_noise_has_the_variance_of_the_paper(step, variance):
    made = noise(3, step)
    assert stats.kstest(made, "norm", args=(0, math.sqrt(variance))).pvalue > 0.01


def test_noise_is_a_function_of_seed_and_step():
    torch.manual_seed(5)
    first = noise(3, 7)
    torch.manual_seed(6)
    assert np.array_equal(first, noise(3, 7))
    for other in (noise(4, 7), noise(3, 8)):
        assert abs(np.corrcoef(first, other)[0, 1]) < 0.05


def test_noise_of_parameters_is_of_their_own():
    module = nn.Sequential(nn.Linear(500, 4), nn.Linear(500, 4))
    for part in module:
        part.weight.grad = torch.zeros(4, 500)
    add_gradient_noise(module, 1.0, 0, 0)
    both = module[0].weight.grad.flatten(), module[1].weight.grad.flatten()
    assert abs(np.corrcoef(*both)[0, 1]) < 0.1
    assert module[0].bias.grad is None


def test_noise_does_not_depend_on_the_order_in_memory():
    made = []
    for order in (torch.contiguous_format, torch.channels_last):
        module = nn.Conv2d(3, 4, 3)
        module.weight.grad = torch.zeros(4, 3, 3, 3).to(memory_format=order)
        add_gradient_noise(module, 1.0, 0, 0)
        made.append(module.weight.grad)
    assert torch.equal(*made)
