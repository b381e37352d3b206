"""Over thousands of steps the CRF keeps the precision of its numbers: it equals products of matrices in float64."""

import itertools
import math

import numpy as np
import pytest
import torch
from made import drawn, module_of, numbers

from striate.spec import LinearChainCRF


def crf(steps, labels):
    return module_of(LinearChainCRF(), (steps, labels)).crf1


def by_matrices(module, emissions):
    """Return log-sum and marginals of one long sequence (T, K) by products of matrices, rescaled (Rabiner 1989)."""
    start, end, transitions = (np.exp(numbers(p)) for p in (module.start, module.end, module.transitions))
    top = emissions.max(1)
    shares = np.exp(emissions - top[:, None])
    total, before, behind = math.fsum(top), [start * shares[0]], [end]
    for share in shares[1:]:
        total += math.log(before[-1].sum())
        before.append(before[-1] / before[-1].sum() @ transitions * share)
    for share in shares[:0:-1]:
        behind.append(transitions @ (share * behind[-1] / behind[-1].sum()))
    both = np.array(before) * np.array(behind[::-1])
    return total + math.log((before[-1] * end).sum()), both / both.sum(1, keepdims=True)


def test_sums_over_long_sequences_lose_nothing_in_float32():
    # 5000 steps: the log-sum is 200,000, and a float32 of that size is off by 0.01 at each step.
    module, emissions = crf(5000, 3).float(), (50 * drawn(1, 5000, 3)).float()
    labels = torch.randint(3, (1, 5000), generator=torch.Generator().manual_seed(0))
    log_sum, marginals = by_matrices(module, emissions[0].double().numpy())
    assert log_sum > 200_000
    np.testing.assert_allclose(numbers(module(emissions).exp())[0], marginals, rtol=0, atol=1e-5)
    start, end, transitions = (p.tolist() for p in (module.start, module.end, module.transitions))
    path = labels[0].tolist()
    moved = [transitions[a][b] for a, b in itertools.pairwise(path)]
    emitted = emissions[0].gather(1, labels.T).flatten().tolist()
    by_hand = math.fsum([start[path[0]], *moved, *emitted, end[path[-1]], -log_sum])
    assert module.log_likelihood(emissions, labels).item() == pytest.approx(by_hand, abs=0.01)
    emissions.requires_grad_()
    module.log_likelihood(emissions, labels).sum().backward()
    np.testing.assert_allclose(numbers(emissions.grad)[0], np.eye(3)[path] - marginals, rtol=0, atol=1e-5)


def test_viterbi_chooses_by_small_differences_after_many_steps():
    # Every step scores 1000; at the last, label 1 is better by 0.001.
    module, emissions = crf(5000, 2).float(), torch.full((1, 5000, 2), 1000.0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
    emissions[0, -1, 1] += 1e-3
    path, best = module.viterbi(emissions)
    assert path[0, -1] == 1
    assert best.item() == pytest.approx(5_000_000, rel=1e-6)
