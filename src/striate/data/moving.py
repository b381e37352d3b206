"""Tensors on their way to the device, which is not waited for."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["moved"]


def moved(tensor: Tensor, device: torch.device, dtype: torch.dtype | None = None) -> Tensor:
    """Return ``tensor`` on ``device``, as ``dtype`` if one is given.

    A GPU is not waited for, as it would be where memory is not pinned; what is to be another type is so before.
    """
    if device.type != "cuda" or tensor.device.type != "cpu":
        return tensor.to(device) if dtype is None else tensor.to(device, dtype)
    tensor = tensor if dtype is None else tensor.to(dtype)
    return tensor.pin_memory().to(device, non_blocking=True)
