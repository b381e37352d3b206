"""LARS: layer-wise adaptive rates for large batches (You, Gitman and Ginsburg 2017)."""

from __future__ import annotations

from typing import Any

import torch
from torch.optim import Optimizer

__all__ = ["LARS"]

TRUST = 0.001
"""The share of a weight's norm that a step of lr=1 changes it by, as in the paper."""


class LARS(Optimizer):
    """SGD with momentum, in which the step of a layer is in proportion to the norm of its weights.

    For weights ``w`` with gradient ``g``: ``rate = lr · TRUST · ‖w‖ / (‖g‖ + weight_decay · ‖w‖)``,
    ``v ← momentum · v + rate · (g + weight_decay · w)``, ``w ← w − v``. Where a norm is 0, and in groups with
    ``matrix=False`` (norms, biases), ``rate = lr``.

    Args:
        groups: Parameter groups with ``lr``, ``weight_decay`` and ``matrix``.
        momentum: Of ``v``.
    """

    def __init__(self, groups: list[dict[str, Any]], momentum: float) -> None:
        super().__init__(groups, {"momentum": momentum})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Do one step with the gradients that the parameters hold."""
        for group in self.param_groups:
            decay = group["weight_decay"]
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                change = weight.grad.add(weight, alpha=decay)
                if group["matrix"]:
                    norm, slope = weight.norm(), weight.grad.norm()
                    trust = TRUST * norm / (slope + decay * norm)
                    change *= torch.where((norm > 0) & (slope > 0), trust, 1.0)
                change *= group["lr"]
                state = self.state[weight]
                if "momentum_buffer" in state:
                    state["momentum_buffer"].mul_(group["momentum"]).add_(change)
                else:
                    state["momentum_buffer"] = change
                weight -= state["momentum_buffer"]
