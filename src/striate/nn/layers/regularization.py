"""What acts in training alone: noise, dropped connections, dropped depth, a penalty."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["DropConnect", "GaussianNoise", "SparsityPenalty", "StochasticDepth"]

_LEAST = 1e-6


class DropConnect(nn.Linear):
    """A linear layer whose connections drop in training, anew for each image of the batch."""

    def __init__(self, in_features: int, out_features: int, p: float, *, bias: bool) -> None:
        super().__init__(in_features, out_features, bias=bias)
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return super().forward(x)
        kept = 1 - self.p
        weights = self.weight * self._mask(len(x), self.weight) / kept  # (N, out, in)
        y = torch.einsum("noi,ni->no", weights, x)
        return y if self.bias is None else y + self.bias * self._mask(len(x), self.bias) / kept

    def _mask(self, batch: int, like: Tensor) -> Tensor:
        return torch.empty((batch, *like.shape), dtype=torch.bool, device=like.device).bernoulli_(1 - self.p)


class GaussianNoise(nn.Module):
    """Adds normal noise in training."""

    def __init__(self, std: float) -> None:
        super().__init__()
        self.std = std

    def forward(self, x: Tensor) -> Tensor:
        return x + self.std * torch.randn_like(x) if self.training else x


class StochasticDepth(nn.Module):
    """Drops its whole input in training, for each image or for the batch at once."""

    def __init__(self, p: float, mode: str) -> None:
        super().__init__()
        self.p = p
        self.mode = mode

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        draws = len(x) if self.mode == "row" else 1
        kept = x.new_empty((draws, *(1,) * (x.dim() - 1))).bernoulli_(1 - self.p)
        return x * kept / (1 - self.p)


class SparsityPenalty(nn.Module):
    """Passes its input on; while training, keeps ``weight * sum of KL(target, mean activation)`` for the loss.

    For activations from 0 to 1, between which alone the divergence is defined.
    """

    def __init__(self, target: float, weight: float) -> None:
        super().__init__()
        self.target = target
        self.weight = weight
        self._penalty: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            # Not by torch's binary cross-entropy, which autocast refuses on GPUs.
            mean = _off_the_ends(x.mean(0, dtype=torch.promote_types(x.dtype, torch.float32)))
            on, off = self.target, 1 - self.target
            divergence = on * (math.log(on) - mean.log()) + off * (math.log(off) - (1 - mean).log())
            self._penalty = self.weight * divergence.sum()
        return x

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_penalty": None}  # a copy does not carry what waits for the loss

    def take(self) -> Tensor | None:
        """Return the penalty of the last training forward, once."""
        penalty, self._penalty = self._penalty, None
        return penalty


def _off_the_ends(mean: Tensor) -> Tensor:
    """Return ``mean``, from 0 to 1, kept off both by `_LEAST`, and the gradient as if it were not.

    So a unit that never fires costs not infinitely much, and is still pushed up, by the slope at `_LEAST`.
    """
    mean = mean.clamp(0, 1)
    return mean + (mean.clamp(_LEAST, 1 - _LEAST) - mean).detach()
