"""Pooling that PyTorch lacks or does otherwise, and unpooling by switches.

Legend: N batch, C channels, K positions of a window.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from striate.nn.layers.padded import AVG_POOL, PadRule, padded_with
from striate.nn.layers.precision import widened, without_autocast

__all__ = [
    "ChannelPool",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "LpPool",
    "MaxUnpool",
    "StochasticPool",
    "Subsample",
    "SwitchedMaxPool",
]

_MAX_POOL = (F.max_pool1d, F.max_pool2d, F.max_pool3d)


class GlobalAvgPool(nn.Module):
    """``(N, C, *size) -> (N, C)``, the mean of each map."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(2).mean(2)


class GlobalMaxPool(nn.Module):
    """``(N, C, *size) -> (N, C)``, the largest value of each map."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(2).amax(2)


class _WindowPool(nn.Module):
    """Windows that the padding rule makes whole; what they give, the subclass says."""

    def __init__(self, kernel: Sequence[int], stride: Sequence[int], pads: PadRule) -> None:
        super().__init__()
        self.kernel = tuple(kernel)
        self.stride = tuple(stride)
        self.pads = pads

    def unfolded(self, x: Tensor) -> Tensor:
        """Return the values of each window of ``x``, padding as zeros: ``(N, C, *out, K)``."""
        windows = padded_with(x, self.pads(x.shape[2:]), 0.0)
        for axis, (kernel, stride) in enumerate(zip(self.kernel, self.stride, strict=True), 2):
            windows = windows.unfold(axis, kernel, stride)
        return windows.flatten(2 + len(self.kernel))


class LpPool(_WindowPool):
    """``(sum of |x| ** p) ** (1 / p)`` of each window; a value of zero has neither slope nor curvature."""

    def __init__(self, kernel: Sequence[int], stride: Sequence[int], pads: PadRule, p: float) -> None:
        super().__init__(kernel, stride, pads)
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        with without_autocast(x):
            shares, largest = _in_units_of_the_largest(self.unfolded(widened(x).abs()))
            if self.p < 2:  # at zero the second derivative is infinite; the clamp takes it away
                shares = shares.clamp(min=torch.finfo(shares.dtype).tiny)
            total = torch.where(largest > 0, shares.pow(self.p).sum(-1), 1.0)
            return _where_finite(largest, total.pow(1 / self.p) * largest).to(x.dtype)


class StochasticPool(_WindowPool):
    """One value of each window, drawn by its size; in evaluation the expectation of that."""

    def forward(self, x: Tensor) -> Tensor:
        with without_autocast(x):
            windows = self.unfolded(F.relu(widened(x)))
            shares, largest = _in_units_of_the_largest(windows)
            if self.training:
                pooled = windows.gather(-1, _drawn(shares.detach())).squeeze(-1)
            else:
                pooled = _expectation(shares) * largest
            return _where_finite(largest, pooled).to(x.dtype)


def _expectation(shares: Tensor) -> Tensor:
    total = shares.sum(-1)
    squares: Tensor = torch.linalg.vecdot(shares, shares)
    return squares / torch.where(total > 0, total, 1.0)


def _drawn(shares: Tensor) -> Tensor:
    """Return the index of one of the last axis, ``(…, 1)``, drawn by its share."""
    up_to = shares.cumsum(-1)
    drawn = torch.rand_like(up_to[..., :1]) * up_to[..., -1:]
    return (up_to <= drawn).sum(-1, keepdim=True).clamp(max=shares.shape[-1] - 1)


def _in_units_of_the_largest(windows: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``windows`` ``(…, K)``, none negative, over the largest value of each; and those, constants, ``(…)``.

    Powers and sums of the shares are neither too large nor too small for a float.
    """
    largest = windows.detach().amax(-1, keepdim=True)
    return windows / torch.where(largest > 0, largest, 1.0), largest.squeeze(-1)


def _where_finite(largest: Tensor, pooled: Tensor) -> Tensor:
    """Return ``pooled``, and where a window is not finite, its largest: infinite, or not a number."""
    return torch.where(largest.isfinite(), pooled, largest)


class Subsample(nn.Module):
    """LeCun's trainable subsampling: the sum of each window times the map's coefficient, plus its bias."""

    def __init__(self, channels: int, kernel: Sequence[int], stride: Sequence[int]) -> None:
        super().__init__()
        self.kernel = tuple(kernel)
        self.stride = tuple(stride)
        self.weight = nn.Parameter(torch.empty(channels))
        self.bias = nn.Parameter(torch.empty(channels))

    def forward(self, x: Tensor) -> Tensor:
        ones = (1,) * len(self.kernel)
        mean = AVG_POOL[len(self.kernel) - 1](x, self.kernel, self.stride)
        scale = self.weight.view(-1, *ones) * math.prod(self.kernel)
        return torch.addcmul(self.bias.view(-1, *ones), mean, scale)


class ChannelPool(nn.Module):
    """``(N, C, *size) -> (N, C / size, *size)``: maximum or mean of neighboring channels."""

    def __init__(self, size: int, mode: str) -> None:
        super().__init__()
        self.size = size
        self.mode = mode

    def forward(self, x: Tensor) -> Tensor:
        groups = x.reshape(len(x), x.shape[1] // self.size, self.size, *x.shape[2:])
        return groups.amax(2) if self.mode == "max" else groups.mean(2)


class SwitchedMaxPool(_WindowPool):
    """Max pooling that remembers where its maxima were in the last forward, for a `MaxUnpool`."""

    def __init__(self, kernel: Sequence[int], stride: Sequence[int], pads: PadRule) -> None:
        super().__init__(kernel, stride, pads)
        self._switches: Tensor | None = None
        self._sizes: list[tuple[int, ...]] = []

    def forward(self, x: Tensor) -> Tensor:
        padded = padded_with(x, self.pads(x.shape[2:]), -math.inf)
        pool = _MAX_POOL[len(self.kernel) - 1]
        pooled, self._switches = pool(padded, self.kernel, self.stride, return_indices=True)
        self._sizes = [tuple(x.shape[2:]), tuple(padded.shape[2:])]
        return pooled

    def unpool(self, x: Tensor) -> Tensor:
        """Return ``x``, of the shape of the last output, laid where its maxima were; values that meet are added."""
        if self._switches is None:
            raise RuntimeError(
                f"values of shape {tuple(x.shape)} cannot be unpooled: the MaxPool that MaxUnpool names has not run "
                f"yet. Call the pool on an input first; its output has the shape that fits."
            )
        if self._switches.shape != x.shape:
            raise RuntimeError(
                f"values of shape {tuple(x.shape)} cannot be unpooled: the MaxPool that MaxUnpool names last gave "
                f"{tuple(self._switches.shape)}. Give values of that shape, or call the pool on the input that "
                f"they belong to."
            )
        size, padded = self._sizes
        laid = x.new_zeros(*x.shape[:2], math.prod(padded))
        laid = laid.scatter_add(2, self._switches.flatten(2), x.flatten(2)).view(*x.shape[:2], *padded)
        for axis, ((before, _), n) in enumerate(zip(self.pads(size), size, strict=True), 2):
            laid = laid.narrow(axis, before, n)
        return laid


class MaxUnpool(nn.Module):
    """Undoes a `SwitchedMaxPool` by its switches."""

    def __init__(self) -> None:
        super().__init__()
        self._pool: tuple[SwitchedMaxPool, ...] = ()  # in a tuple: it is no part of this module

    def connect(self, pool: SwitchedMaxPool) -> None:
        """Take the switches of ``pool``."""
        self._pool = (pool,)

    def forward(self, x: Tensor) -> Tensor:
        (pool,) = self._pool
        return pool.unpool(x)
