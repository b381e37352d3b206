"""Muon against its formulas in numpy, and what it takes for matrices."""

import numpy as np
import pytest
import torch
from oracles import LR, give, gradients, options, small
from torch import nn

from striate.nn import build
from striate.spec import (
    LSTM,
    Conv,
    Embedding,
    Flatten,
    LastStep,
    Linear,
    LocallyConnected,
    Network,
    Sequential,
)
from striate.train.methods import make_optimizer
from striate.train.methods.muon import hidden_matrices, orthogonalized


def newton_schulz(m):
    x = m.T if m.shape[0] > m.shape[1] else m
    x = x / (np.sqrt((x**2).sum()) + 1e-7)
    for _ in range(5):
        a = x @ x.T
        x = 3.4445 * x - 4.7750 * a @ x + 2.0315 * a @ a @ x
    return x.T if m.shape[0] > m.shape[1] else x


@pytest.mark.parametrize("nesterov", [False, True], ids=["plain", "nesterov"])
def test_steps(nesterov):
    module = small()
    by_step = gradients(module, 5)
    optimizer = make_optimizer(module, options(name="muon", nesterov=nesterov, momentum=0.8))
    wanted = {}
    for name in ("conv.weight", "fc.weight"):
        w = dict(module.named_parameters())[name].detach().numpy().copy()
        m = np.zeros_like(w)
        for by_name in by_step:
            g = by_name[name]
            m = 0.8 * m + 0.2 * g
            matrix = (0.2 * g + 0.8 * m if nesterov else m).reshape(len(w), -1)
            change = newton_schulz(matrix) * 0.2 * np.sqrt(max(matrix.shape))
            w = (1 - LR * 0.1) * w - LR * change.reshape(w.shape)
        wanted[name] = w
    for by_name in by_step:
        give(module, by_name)
        optimizer.step()
    for name, w in wanted.items():
        assert np.abs(dict(module.named_parameters())[name].detach().numpy() - w).max() < 1e-12


def test_all_else_is_adamw_to_the_bit():
    module, other = small(), small()
    by_step = gradients(module, 4)
    for part, name in ((module, "muon"), (other, "adamw")):
        optimizer = make_optimizer(part, options(name=name))
        for by_name in by_step:
            give(part, by_name)
            optimizer.step()
    theirs = dict(other.named_parameters())
    alike = {n for n, p in module.named_parameters() if torch.equal(p, theirs[n])}
    assert alike == {n for n in theirs if n not in ("conv.weight", "fc.weight")}


@pytest.mark.parametrize("shape", [(3, 16, 40), (1, 40, 16), (2, 8, 8), (4, 1, 9)], ids=str)
def test_singular_values_come_near_1(shape):
    matrices = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    made = orthogonalized(matrices)
    for before, after in zip(matrices.numpy(), made.numpy(), strict=True):
        left, values, right = np.linalg.svd(before, full_matrices=False)
        seen = left.T @ after @ right.T
        assert np.abs(seen - np.diag(np.diag(seen))).max() < 1e-9  # the singular vectors stay
        strong = values / np.linalg.norm(values) > 0.02  # five rounds lift no smaller ones all the way
        assert np.diag(seen)[strong].min() > 0.6
        assert np.diag(seen).max() < 1.25


def test_which_weights_are_matrices():
    network = Network(
        "n",
        (2, 8, 8),
        Sequential(
            Conv(4, 3, groups=2, name="grouped"),
            LocallyConnected(3, 2, name="local"),
            Flatten(),
            Linear(2, name="out"),
        ),
    )
    module = build(network)
    found = hidden_matrices(module)
    assert set(found) == {"grouped.weight", "local.weight"}
    grouped, local = module.grouped.weight, module.local.weight
    matrices = found["grouped.weight"].matrices(grouped)
    assert torch.equal(matrices, grouped.reshape(2, 2, 9))
    positions = local.shape[0] * local.shape[1]
    matrices = found["local.weight"].matrices(local)
    assert torch.equal(matrices, local.reshape(positions, 3, 16))
    assert torch.equal(found["local.weight"].back(matrices, local), local)


def test_transposed_filters_are_matrices_by_output_channel():
    module = nn.Sequential(nn.ConvTranspose2d(4, 6, 3, groups=2), nn.Conv2d(6, 1, 1))
    stack = hidden_matrices(module)["0.weight"]
    weight = module[0].weight
    matrices = stack.matrices(weight)
    assert matrices.shape == (2, 3, 18)
    for group in range(2):
        for out in range(3):
            assert torch.equal(matrices[group, out], weight[2 * group : 2 * group + 2, out].flatten())
    assert torch.equal(stack.back(matrices, weight), weight)


def test_embeddings_are_none_and_gates_are_apart():
    network = Network(
        "n", (6,), Sequential(Embedding(9, 5), LSTM(4, name="cells"), LastStep(), Linear(2, name="out"))
    )
    found = hidden_matrices(build(network))
    assert set(found) == {"cells.weight_ih_l0", "cells.weight_hh_l0"}
    assert found["cells.weight_ih_l0"].shape == (4, 4, 5)
