"""Pooling that PyTorch lacks."""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["GlobalAvgPool"]


class GlobalAvgPool(nn.Module):
    """``(N, C, *size) -> (N, C)``, the mean of each map."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(2).mean(2)
