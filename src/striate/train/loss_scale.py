"""`LossScale`: what a loss is multiplied by before its backward pass, so that float16 can hold what it gives."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.optim import Optimizer

from striate.errors import WeightsError
from striate.train.plan.plan import Plan

__all__ = ["LossScale"]


class LossScale:
    """A power of two that halves where gradients overflow, and doubles after 2,000 steps in which none did.

    It is for the precision ``fp16``; with every other one it is 1, and does nothing.

    Args:
        plan: How steps are computed.
        device: Where.
        first: What it begins at.
    """

    def __init__(self, plan: Plan, device: torch.device, first: float = 2.0**16) -> None:
        self._scaler = torch.amp.GradScaler(device.type, first, enabled=plan.precision == "fp16")

    def scaled(self, loss: Tensor) -> Tensor:
        """Return ``loss`` times the scale."""
        return self._scaler.scale(loss)

    def unscale(self, optimizer: Optimizer) -> None:
        """Divide the gradients of what ``optimizer`` changes by the scale, and set the scale of the next step."""
        if self._scaler.is_enabled():
            self._scaler.unscale_(optimizer)
            self._scaler.update()

    def explains_overflow(self) -> bool:
        """Return whether gradients that are no numbers, just unscaled, may be so for the scale alone."""
        return self._scaler.is_enabled() and self._scaler.get_scale() >= 1

    def state(self) -> dict[str, Tensor]:
        """Return everything that changes, for a checkpoint; of other precisions nothing."""
        state = self._scaler.state_dict()
        return state and {
            "scale": torch.tensor(state["scale"]),
            "steps": torch.tensor(state["_growth_tracker"]),
        }

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take on what `state` returned; nothing leaves it as it is.

        Raises:
            WeightsError: if it is no such state.
        """
        if not state or not self._scaler.is_enabled():
            return
        try:
            scale, steps = float(state["scale"]), int(state["steps"])
        except (KeyError, ValueError, RuntimeError, OverflowError):
            scale, steps = math.nan, 0
        if not (0 < scale < math.inf and 0 <= steps < 2**31):
            raise WeightsError(
                "the checkpoint's loss scale is damaged: it is to be a number above 0, and steps."
            )
        self._scaler.load_state_dict({**self._scaler.state_dict(), "scale": scale, "_growth_tracker": steps})
