"""How the values of a tensor are spread. It knows nothing of layers."""

from __future__ import annotations

import torch
from torch import Tensor

from striate.train.events import Histogram

__all__ = ["BINS", "histogram"]

BINS = 64
_AT_ONCE = 2**18  # values; 2 MiB in float64, which stay in the cache: a third of the time of 2**22


def histogram(tag: str, values: Tensor) -> Histogram | None:
    """Count the finite ``values``, of any shape and floating type, in `BINS` bins of one width; None if there are none.

    It takes 2 to 6 ns a value on one core.
    """
    flat = values.detach().flatten()
    finite = flat.isfinite()
    if not finite.all():
        flat = flat[finite]
    if not len(flat):
        return None
    least, greatest = (end.item() for end in flat.aminmax())
    low, high = least, greatest
    if low == high:
        room = max(0.5, abs(low) / 1000)
        low, high = low - room, high + room
    home = "cpu" if flat.device.type == "mps" else flat.device  # Apple's GPUs have no float64
    counts = torch.zeros(BINS, dtype=torch.int64, device=home)
    sums = torch.zeros(2, dtype=torch.float64, device=home)
    for piece in torch.split(flat, _AT_ONCE):
        exact = piece.to(home, torch.float64)
        sums += torch.stack([exact.sum(), exact.square().sum()])
        bins = ((exact - low) * (BINS / (high - low))).to(torch.int32).clamp_(0, BINS - 1)
        counts += torch.bincount(bins, minlength=BINS)
    total, squares = sums.tolist()
    return Histogram(
        tag=tag,
        least=least,
        greatest=greatest,
        low=low,
        high=high,
        counts=tuple(counts.tolist()),
        total=total,
        squares=squares,
    )
