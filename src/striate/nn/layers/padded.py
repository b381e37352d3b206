"""Convolution and pooling whose padding depends on the input's size, or differs at the two ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = [
    "AVG_POOL",
    "PadFirst",
    "PadRule",
    "PaddedAvgPool",
    "PaddedConv1d",
    "PaddedConv2d",
    "PaddedConv3d",
    "PaddedMaxPool1d",
    "PaddedMaxPool2d",
    "PaddedMaxPool3d",
    "Pads",
    "padded_with",
]

AVG_POOL = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)
"""The average pooling of so many spatial axes, less one."""

Pads = Sequence[tuple[int, int]]
"""Padding before and after on each spatial axis, first axis first."""

PadRule = Callable[[Sequence[int]], Pads]
"""Maps the spatial sizes of an input to its padding."""


def padded_with(x: Tensor, pads: Pads, value: float) -> Tensor:
    """Return ``x`` of ``(N, C, *size)`` padded with ``value``."""
    # F.pad reads its list from the last axis backwards.
    return F.pad(x, tuple(chain.from_iterable(reversed(pads))), value=value)


class PadFirst(nn.Module):
    """Pads the spatial axes of ``(N, C, *size)`` by as much as the size asks for, then does its work.

    A mixin before a torch layer whose own padding is off: uneven padding, and ``"same"`` at a stride.
    """

    pads: PadRule
    fill: float

    def pad_by(self, pads: PadRule, fill: float = 0.0) -> Self:
        """Set the padding rule, and what to fill with."""
        self.pads = pads
        self.fill = fill
        return self

    def forward(self, x: Tensor) -> Tensor:
        padded = padded_with(x, self.pads(x.shape[2:]), self.fill)
        return super().forward(padded)  # type: ignore[no-any-return]


class PaddedConv1d(PadFirst, nn.Conv1d):
    """1-d convolution with uneven or size-dependent padding."""


class PaddedConv2d(PadFirst, nn.Conv2d):
    """2-d convolution with uneven or size-dependent padding."""


class PaddedConv3d(PadFirst, nn.Conv3d):
    """3-d convolution with uneven or size-dependent padding."""


class PaddedMaxPool1d(PadFirst, nn.MaxPool1d):
    """1-d max pooling with uneven or size-dependent padding."""


class PaddedMaxPool2d(PadFirst, nn.MaxPool2d):
    """2-d max pooling with uneven or size-dependent padding."""


class PaddedMaxPool3d(PadFirst, nn.MaxPool3d):
    """3-d max pooling with uneven or size-dependent padding."""


class PaddedAvgPool(nn.Module):
    """Average pooling whose padding torch's own cannot express: uneven, or dependent on the size.

    Args:
        pool: Average pooling without padding.
        pads: All the padding that the windows need.
        counted: The part of it that counts as zeros in the mean.
    """

    def __init__(self, pool: nn.Module, pads: PadRule, counted: PadRule) -> None:
        super().__init__()
        self.pool = pool
        self.pads = pads
        self.counted = counted

    def forward(self, x: Tensor) -> Tensor:
        sizes = x.shape[2:]
        pads, counted = self.pads(sizes), self.counted(sizes)
        rest = [(p[0] - c[0], p[1] - c[1]) for p, c in zip(pads, counted, strict=True)]
        share = padded_with(padded_with(torch.ones_like(x[:1, :1]), counted, 1.0), rest, 0.0)
        mean: Tensor = self.pool(padded_with(x, pads, 0.0)) / self.pool(share)
        return mean
