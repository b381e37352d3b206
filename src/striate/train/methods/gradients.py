"""What is done to gradients before a step: bounds, and noise that is a pure function of (seed, step)."""

from __future__ import annotations

import hashlib

import torch
from torch import nn

__all__ = ["add_gradient_noise", "clip_gradients"]

_ANNEALING = 0.55
"""γ of the paper: the variance falls with (1 + step) ** 0.55."""


def clip_gradients(module: nn.Module, norm: float | None, value: float | None) -> None:
    """Bound every entry of the gradients by ``±value``, then shorten them all together to L2 norm ``norm``.

    Both bounds hold at the end; None is none.
    """
    if value is not None:
        nn.utils.clip_grad_value_(module.parameters(), value)
    if norm is not None:
        nn.utils.clip_grad_norm_(module.parameters(), norm)


def add_gradient_noise(module: nn.Module, deviation: float, seed: int, step: int) -> None:
    """Add normal noise of variance ``deviation² / (1 + step) ** 0.55`` to the gradients (Neelakantan et al. 2015).

    Each parameter's noise is a function of its name, ``seed`` and ``step`` alone, on one kind of device.

    Args:
        module: Whose gradients they are.
        deviation: The standard deviation at step 0: √η in the paper, which has 0.1, 0.55 and 1.
        seed: Of the run.
        step: The step, from 0.
    """
    scale = deviation / (1 + step) ** (_ANNEALING / 2)
    for name, parameter in module.named_parameters():
        gradient = parameter.grad
        if gradient is not None:
            digest = hashlib.sha256(f"gradient noise/{seed}/{step}/{name}".encode()).digest()
            generator = torch.Generator(gradient.device).manual_seed(
                int.from_bytes(digest[:8], "little") >> 1
            )
            noise = torch.empty_like(gradient, memory_format=torch.contiguous_format)
            gradient.add_(noise.normal_(generator=generator), alpha=scale)
