"""Penalties of weights, which are added to the loss."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from striate.train.methods.weights import held

__all__ = ["penalty"]


def penalty(module: nn.Module, l1: float, l2: float) -> Tensor:
    """Return ``l1 · Σ|w| + l2 / 2 · Σw²`` over the weights that are trained, norms and biases spared.

    The half makes the gradient of the second part ``l2 · w``: what ``weight_decay=l2`` adds in SGD.
    """
    total = torch.zeros((), device=next(module.parameters()).device)
    for part in held(module):
        if part.decays and part.parameter.requires_grad:
            if l1:
                total = total + l1 * part.parameter.abs().sum()
            if l2:
                total = total + l2 / 2 * part.parameter.square().sum()
    return total
