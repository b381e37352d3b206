"""Pixels keep their own precision, whatever surrounds the work on them."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

__all__ = ["without_autocast"]


def without_autocast(images: Tensor) -> AbstractContextManager[object]:
    """Return the context in which operations on ``images`` keep their precision; autocast computes in 16 bits."""
    device = images.device.type
    if not torch.amp.is_autocast_available(device):
        return nullcontext()
    return torch.autocast(device, enabled=False)
