"""Lookahead: k steps forward, one step back (Zhang et al. 2019)."""

from __future__ import annotations

import torch
from torch.optim import Optimizer

__all__ = ["Lookahead"]


class Lookahead(Optimizer):
    """Slow weights that, every so many steps, go a share of the way to the fast ones, which go on from there.

    Slow weights stand in the state of the optimizer it is around, under ``slow``, and the steps since they moved in
    its groups, under ``fast_steps``: they are saved and loaded as one.

    Args:
        fast: What changes the weights.
        every: Steps between two moves of the slow weights (k).
        share: How far they move (α); 1 is ``fast`` alone.
    """

    def __init__(self, fast: Optimizer, every: int, share: float) -> None:
        super().__init__(fast.param_groups, {"fast_steps": 0})
        self.state = fast.state
        self.fast = fast
        self.every = every
        self.share = share

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Do one step with the gradients that the parameters hold."""
        self.fast.state, self.fast.param_groups = self.state, self.param_groups  # also after a load
        # Not put into the state before the step: torch's optimizers begin where a state is empty.
        weights = [w for group in self.param_groups for w in group["params"] if w.grad is not None]
        begun = {w: w.clone() for w in weights if "slow" not in self.state.get(w, {})}
        self.fast.step()
        for weight, slow in begun.items():
            self.state[weight]["slow"] = slow
        for group in self.param_groups:
            group["fast_steps"] = (group["fast_steps"] + 1) % self.every
        if self.param_groups[0]["fast_steps"] == 0:
            for weight, state in self.state.items():
                weight.copy_(state["slow"].lerp_(weight, self.share))
