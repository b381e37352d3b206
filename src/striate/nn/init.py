"""Initialization: each weight a function of (seed, path), its scale chosen by the activation that follows.

Legend: fan_in, fan_out: inputs of one output unit, outputs that one input unit feeds.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import torch
from torch import Tensor, nn

from striate.spec import Network, Placed

__all__ = ["SCHEMES", "Scheme", "initialize", "scheme_by_path"]


@dataclass(frozen=True, slots=True)
class Scheme:
    """Random weights of mean 0 and variance ``gain / fan``.

    Attributes:
        gain: 1 keeps the variance through a linear layer, 2 through a layer with ReLU.
        fan: What the variance is divided by: ``fan_in``, or the mean of ``fan_in`` and ``fan_out``.
        distribution: Normal, or uniform of the same variance.
    """

    gain: float
    fan: Literal["in", "mean"]
    distribution: Literal["normal", "uniform"]

    def fill(self, weight: Tensor, fan_in: int, fan_out: int, generator: torch.Generator) -> None:
        """Fill ``weight`` in place."""
        fan = fan_in if self.fan == "in" else (fan_in + fan_out) / 2
        std = math.sqrt(self.gain / fan)
        with torch.no_grad():
            if self.distribution == "normal":
                weight.normal_(0.0, std, generator=generator)
            else:
                bound = math.sqrt(3) * std
                weight.uniform_(-bound, bound, generator=generator)


SCHEMES: Mapping[str, Scheme] = MappingProxyType(
    {
        "he_normal": Scheme(2.0, "in", "normal"),
        "he_uniform": Scheme(2.0, "in", "uniform"),
        "glorot_normal": Scheme(1.0, "mean", "normal"),
        "glorot_uniform": Scheme(1.0, "mean", "uniform"),
        "lecun_normal": Scheme(1.0, "in", "normal"),
        "lecun_uniform": Scheme(1.0, "in", "uniform"),
    }
)
"""He et al. 2015; Glorot and Bengio 2010 (``√(6/(fan_in + fan_out))`` as bound); LeCun et al. 1998."""

_BY_ACTIVATION = {
    "ReLU": "he_normal",
    "LeakyReLU": "he_normal",
    "ELU": "he_normal",
    "GELU": "he_normal",
    "SiLU": "he_normal",
    "Softplus": "he_normal",
    "Tanh": "glorot_uniform",
    "Sigmoid": "glorot_uniform",
}
_WITHOUT_ACTIVATION = "lecun_normal"
_WEIGHTED = ("Conv", "Linear")


def initialize(module: nn.Module, network: Network, seed: int) -> None:
    """Fill every parameter and buffer of ``module``, which was built from ``network``, in place."""
    schemes = scheme_by_path(network)
    for path, part in module.named_modules():
        if path in schemes:
            assert isinstance(part.weight, Tensor)
            generator = torch.Generator().manual_seed(_seed_of(seed, path))
            fan_in = part.weight[0].numel()
            fan_out = part.weight.shape[0] * part.weight[0, 0].numel() // getattr(part, "groups", 1)
            SCHEMES[schemes[path]].fill(part.weight, fan_in, fan_out, generator)
            if isinstance(part.bias, Tensor):
                nn.init.zeros_(part.bias)
        elif isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.reset_parameters()
        elif list(part.parameters(recurse=False)):
            raise TypeError(f"{path}: {type(part).__name__} has no initialization")  # a kind added by halves


def scheme_by_path(network: Network) -> dict[str, str]:
    """Return the name of the scheme of every layer with weights, by the activation that follows it.

    He for the ReLU family, Glorot for tanh and logistic, LeCun where no activation follows.
    """
    schemes: dict[str, str] = {}
    _assign(network.placed, None, schemes)
    return schemes


def _assign(chain: Sequence[Placed], following: str | None, schemes: dict[str, str]) -> str | None:
    """Walk ``chain`` backwards, noting what follows each layer; return what follows what precedes it."""
    for part in reversed(chain):
        kind = part.node.kind
        if kind in _WEIGHTED:
            schemes[part.path] = _BY_ACTIVATION.get(following or "", _WITHOUT_ACTIVATION)
            following = None
        elif kind in _BY_ACTIVATION:
            following = kind
        elif kind == "AuxHead":
            _assign(part.chains[0], None, schemes)
        elif part.chains:
            starts = [_assign(inner, following, schemes) for inner in part.chains]
            following = starts[0]
    return following


def _seed_of(seed: int, path: str) -> int:
    digest = hashlib.sha256(f"{seed}/{path}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1
