"""What a device is asked to compute is told some steps later, so that no step waits for it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from striate.train.distributed import Peers
from striate.train.plan.plan import Plan

__all__ = ["Doubt", "Later", "Moment", "latency"]

_LATENCIES: Mapping[str, int] = {"cuda": 8}
"""Steps, by the kind of device; those that are not named compute at once."""


def latency(device: torch.device, plan: Plan, optimizer: Optimizer, peers: Peers) -> int:
    """Return how many steps may be begun before the first of them is told of; 0 if each is waited for.

    They are waited for where several processes tell one another of each, where the next loss scale depends on it, and
    with optimizers that cannot leave out a step by what the device alone knows: `Doubt.step`.
    """
    leaves_out = getattr(optimizer, "_step_supports_amp_scaling", False)  # as torch.amp.GradScaler asks
    waits = peers.world.size > 1 or plan.precision == "fp16" or not leaves_out
    return 0 if waits else _LATENCIES.get(device.type, 0)


class Later:
    """Numbers that are taken off their device once they are there; nothing that it is given after them is waited for.

    Args:
        numbers: ``(N,)``, not to be changed any more.
    """

    def __init__(self, numbers: Tensor) -> None:
        self._numbers = numbers.to("cpu", non_blocking=True)
        self._there = _event(numbers.device)

    def numbers(self) -> list[float]:
        """Return them; waits until they are there."""
        if self._there is not None:
            self._there.synchronize()
        found: list[float] = self._numbers.tolist()
        return found


class Moment:
    """When a device has done what it was given before; the present, where there is None."""

    __slots__ = ("_event", "_now")

    def __init__(self, device: torch.device | None) -> None:
        self._event = None if device is None else _event(device)
        self._now = time.perf_counter()

    def seconds_since(self, before: Moment) -> float:
        """Return the seconds from ``before``, of the same device; waits until this moment has come."""
        if self._event is None or before._event is None:
            return self._now - before._now
        self._event.synchronize()
        return float(before._event.elapsed_time(self._event)) / 1000


class Doubt:
    """Whether all numbers were finite so far, as the device alone knows; since one was not, no weight changes any more.

    Args:
        device: Where the numbers are.
    """

    def __init__(self, device: torch.device) -> None:
        self._raised = torch.zeros((), device=device)

    def look_at(self, *numbers: Tensor) -> None:
        """Look at scalars, or at tensors by their lengths."""
        # In float64, in which no square of a float32 is infinite.
        lengths = torch.stack(torch._foreach_norm(numbers, dtype=torch.float64))
        self._raised = torch.maximum(self._raised, (~lengths.isfinite().all()).float())

    def step(self, optimizer: Optimizer) -> None:
        """Do a step of ``optimizer``, a fused one, unless there is a doubt."""
        told: Any = optimizer
        told.found_inf = self._raised  # as torch.amp.GradScaler tells it
        try:
            optimizer.step()
        finally:
            del told.found_inf

    def figures(self, loss: Tensor) -> Later:
        """Return ``loss``, float64, and whether there is a doubt by now (1) or not (0)."""
        return Later(torch.stack([loss, self._raised.double()]))


def _event(device: torch.device) -> Any:
    """Return what tells when ``device`` has come here; None where it is done at once."""
    if device.type == "cpu":
        return None
    kind = torch.get_device_module(device)
    event = kind.Event(enable_timing=True)
    event.record(kind.current_stream(device))  # which need not be that of the current device
    return event
