"""Muon: momentum, made orthogonal by Newton–Schulz iterations (Jordan et al. 2024).

``torch.optim.Muon`` takes parameters of two axes alone, so the filters of a convolution are none of its business.

Legend: B matrices, R rows, C columns.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from striate.train.methods.uncompiled import uncompiled
from striate.train.methods.weights import Stack, held, stack_of

__all__ = ["Muon", "hidden_matrices", "orthogonalized"]

_QUINTIC = (3.4445, -4.7750, 2.0315)
"""Jordan's coefficients: in 5 rounds, singular values come to about 0.7 to 1.2, but those that were next to nothing."""
_ROUNDS = 5
_LIKE_ADAM = 0.2
"""Times √(longer side): steps are as long as those of AdamW, so that both can have one rate (Liu et al. 2025)."""


class Muon(Optimizer):
    """Momentum made orthogonal for the matrices of hidden layers, AdamW for everything else.

    A matrix ``W`` (R, C) with momentum ``M ← momentum · M + (1 − momentum) · gradient`` goes by
    ``W ← (1 − lr · weight_decay) · W − lr · 0.2 · √max(R, C) · orthogonalized(M)``.

    Args:
        groups: Parameter groups with ``lr``, ``weight_decay`` and ``matrix``, some with ``matrix=False``.
        stacks: How each parameter of the groups with ``matrix=True`` is a stack of matrices.
        momentum: Of ``M``.
        nesterov: Whether the gradient counts once more, as in Nesterov's momentum.
        adam: What AdamW is set to.
    """

    def __init__(
        self,
        groups: list[dict[str, Any]],
        stacks: Mapping[Tensor, Stack],
        momentum: float,
        nesterov: bool,
        adam: dict[str, Any],
    ) -> None:
        super().__init__(groups, {})
        for group in self.param_groups:
            if group["matrix"]:
                group |= {"momentum": momentum, "nesterov": nesterov}
        self._stacks = dict(stacks)
        self._adam = uncompiled(AdamW)([group for group in self.param_groups if not group["matrix"]], **adam)

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Do one step with the gradients that the parameters hold."""
        for group in self.param_groups:
            if group["matrix"]:
                self._step(group)
        # One state and one list of groups, so that both are saved and loaded as those of one optimizer.
        self._adam.state = self.state
        self._adam.param_groups = [group for group in self.param_groups if not group["matrix"]]
        self._adam.step()

    def _step(self, group: dict[str, Any]) -> None:
        alike: dict[tuple[int, ...], list[tuple[Tensor, Tensor]]] = defaultdict(list)
        for weight in group["params"]:
            if weight.grad is not None:
                matrices = self._stacks[weight].matrices(self._momentum(weight, group))
                alike[tuple(matrices.shape[1:])].append((weight, matrices))
        for sides, members in alike.items():  # in one product, those of one shape
            made = orthogonalized(torch.cat([matrices for _, matrices in members]))
            by_weight = torch.split(made, [len(matrices) for _, matrices in members])
            rate = group["lr"] * _LIKE_ADAM * math.sqrt(max(sides))
            for (weight, _), change in zip(members, by_weight, strict=True):
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.sub_(self._stacks[weight].back(change, weight), alpha=rate)

    def _momentum(self, weight: Tensor, group: dict[str, Any]) -> Tensor:
        state, gradient = self.state[weight], weight.grad
        assert gradient is not None
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(weight)
        mean: Tensor = state["momentum_buffer"].lerp_(gradient, 1 - group["momentum"])
        return gradient.lerp(mean, group["momentum"]) if group["nesterov"] else mean


def orthogonalized(matrices: Tensor) -> Tensor:
    """Return ``matrices`` (B, R, C) with all singular values near 1 and singular vectors as they were.

    It computes in bfloat16 on an accelerator, where that is many times as fast, else in the precision it is given.
    """
    a, b, c = _QUINTIC
    x = matrices.mT if matrices.shape[-2] > matrices.shape[-1] else matrices
    if matrices.is_cuda and matrices.dtype == torch.float32:
        x = x.bfloat16()
    x = x / (torch.linalg.matrix_norm(x, keepdim=True) + 1e-7)
    for _ in range(_ROUNDS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x.mT if matrices.shape[-2] > matrices.shape[-1] else x).to(matrices.dtype)


def hidden_matrices(module: nn.Module) -> dict[str, Stack]:
    """Return, by path, the weights that Muon is for: stacks of matrices, but of the last layer that has any.

    The last layer is the last one that the module was given; embeddings are no matrices in this sense.
    """
    found = {}
    last = None
    for part in held(module):
        stack = stack_of(part.part, part.name, part.parameter) if part.decays else None
        if stack is not None and part.parameter.requires_grad:
            found[part.path] = stack
            last = part.part
    answers = {part.path for part in held(module) if part.part is last}
    return {path: stack for path, stack in found.items() if path not in answers}
