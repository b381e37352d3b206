"""How one weight tensor is drawn: at random with a variance, orthogonal, or as the identity.

Legend: fan_in, fan_out: inputs of one output unit, outputs that one input unit feeds. B matrices of a layer that share
nothing, such as those of groups; O outputs, I inputs of one; C channels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

__all__ = ["SCHEMES", "Dirac", "Filler", "Orthogonal", "Scheme"]


class Filler(Protocol):
    """What draws a weight tensor."""

    def fill(self, weight: Tensor, fan_in: int, fan_out: int, generator: torch.Generator) -> None:
        """Fill ``weight`` in place: ``(B, O, I)``, or ``(B, O, C, *kernel)`` of a convolution."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """Random weights of mean 0 and variance ``gain / fan``.

    Attributes:
        gain: 1 keeps the variance through a linear layer, 2 through a layer with ReLU.
        fan: What the variance is divided by: ``fan_in``, ``fan_out``, or the mean of both.
        distribution: Normal, or uniform of the same variance.
    """

    gain: float
    fan: Literal["in", "out", "mean"]
    distribution: Literal["normal", "uniform"]

    def fill(self, weight: Tensor, fan_in: int, fan_out: int, generator: torch.Generator) -> None:
        """Fill ``weight``, of any shape, in place."""
        fan = {"in": fan_in, "out": fan_out, "mean": (fan_in + fan_out) / 2}[self.fan]
        std = math.sqrt(self.gain / fan)
        with torch.no_grad():
            if self.distribution == "normal":
                weight.normal_(0.0, std, generator=generator)
            else:
                bound = math.sqrt(3) * std
                weight.uniform_(-bound, bound, generator=generator)


@dataclass(frozen=True, slots=True)
class Orthogonal:
    """Each matrix ``gain`` times a random one with orthonormal rows, or columns if it has more rows (Saxe et al. 2014).

    The matrix of a convolution is ``(O, C · kernel)``, one for each group. All such matrices are equally likely.
    """

    gain: float

    def fill(self, weight: Tensor, fan_in: int, fan_out: int, generator: torch.Generator) -> None:
        """Fill ``weight`` in place; the fans do not matter."""
        matrices = weight.detach().flatten(2)
        blocks, rows, columns = matrices.shape
        long, short = max(rows, columns), min(rows, columns)
        drawn = torch.empty(blocks, long, short, dtype=torch.float64).normal_(generator=generator)
        basis, triangle = torch.linalg.qr(drawn)
        basis = basis * triangle.diagonal(dim1=1, dim2=2).sign().unsqueeze(
            1
        )  # else their signs would not be random
        matrices.copy_(self.gain * (basis if rows == long else basis.mT))


@dataclass(frozen=True, slots=True)
class Dirac:
    """Convolutions that pass on every channel they get, where they have as many outputs, as the first of these.

    What is left, and layers without kernels or with too few outputs, is drawn otherwise: weights of 0 behind a ReLU
    would never learn.
    """

    otherwise: Scheme

    def fill(self, weight: Tensor, fan_in: int, fan_out: int, generator: torch.Generator) -> None:
        """Fill ``weight`` in place; the middle of an even kernel is the later of its two."""
        self.otherwise.fill(weight, fan_in, fan_out, generator)
        _, outputs, channels, *kernel = weight.shape
        if not kernel or outputs < channels:
            return
        passing = weight.detach()[:, :channels].zero_()
        middle: Any = (..., *(size // 2 for size in kernel))
        passing[middle].diagonal(dim1=1, dim2=2).fill_(1)


def _named(name: str, gain: float, fan: Literal["in", "out", "mean"], ending: str = "") -> dict[str, Scheme]:
    return {
        f"{name}-normal{ending}": Scheme(gain, fan, "normal"),
        f"{name}-uniform{ending}": Scheme(gain, fan, "uniform"),
    }


SCHEMES: Mapping[str, Scheme] = MappingProxyType(
    {
        **_named("he", 2.0, "in"),
        **_named("he", 2.0, "out", "-out"),
        **_named("xavier", 1.0, "mean"),
        **_named("lecun", 1.0, "in"),
        **_named("xavier", 16.0, "mean", "-tanh"),
        **_named("xavier", 2.0, "mean", "-relu"),
    }
)
"""He et al. 2015; Glorot and Bengio 2010 (``√(6/(fan_in + fan_out))`` as bound); LeCun et al. 1998.

The last four are the table of Géron 2017: Glorot's bound for logistic units, 4 times that for tanh, √2 times for ReLU.
"""
