"""What must not be computed in 16 bits, and what autocast asks of products.

A square is infinite in float16 above 255; a sum of ones in bfloat16 stops at 256. Devices without autocast, such as
"meta", are taken as they are.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

__all__ = ["as_autocast", "widened", "without_autocast"]


def without_autocast(x: Tensor) -> AbstractContextManager[object]:
    """Return the context in which operations on ``x`` keep their own precision."""
    device = x.device.type
    if not torch.amp.is_autocast_available(device):
        return nullcontext()
    return torch.autocast(device, enabled=False)


def widened(x: Tensor) -> Tensor:
    """Return ``x`` in float32, or in float64 where it is that already."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def as_autocast(x: Tensor) -> Tensor:
    """Return ``x`` in the precision in which autocast lets torch's own convolutions compute; float64 stays."""
    device = x.device.type
    if not torch.amp.is_autocast_available(device) or not torch.is_autocast_enabled(device):
        return x
    return x if x.dtype == torch.float64 else x.to(torch.get_autocast_dtype(device))
