"""Initialization: each weight a function of (seed, path), its scale chosen by the activation that follows.

Legend: fan_in, fan_out: inputs of one output unit, outputs that one input unit feeds.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, singledispatch
from types import MappingProxyType
from typing import Literal

import torch
from torch import Tensor, nn

from striate.nn import layers
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
        "glorot_normal_tanh": Scheme(16.0, "mean", "normal"),
        "glorot_uniform_tanh": Scheme(16.0, "mean", "uniform"),
        "glorot_normal_relu": Scheme(2.0, "mean", "normal"),
        "glorot_uniform_relu": Scheme(2.0, "mean", "uniform"),
    }
)
"""He et al. 2015; Glorot and Bengio 2010 (``√(6/(fan_in + fan_out))`` as bound); LeCun et al. 1998.

The last four are the table of Géron 2017: Glorot's bound for logistic units, 4 times that for tanh, √2 times for ReLU.
"""

_BY_ACTIVATION = {
    "ReLU": "he_normal",
    "LeakyReLU": "he_normal",
    "ReLU6": "he_normal",
    "RReLU": "he_normal",
    "PReLU": "he_normal",
    "Mish": "he_normal",
    "SELU": "lecun_normal",
    "ScaledTanh": "lecun_normal",
    "HardSigmoid": "glorot_uniform",
    "ELU": "he_normal",
    "GELU": "he_normal",
    "SiLU": "he_normal",
    "Softplus": "he_normal",
    "Tanh": "glorot_uniform",
    "Sigmoid": "glorot_uniform",
}
_WITHOUT_ACTIVATION = "lecun_normal"
_WEIGHTED = frozenset(
    "Conv ConvTranspose DepthwiseConv SeparableConv LocallyConnected TiledConv TableConv Linear DropConnect".split()
)
_OTHERS_WEIGHTED = frozenset({"RNN", "LSTM", "GRU", "LinearChainCRF", "RBF"})
"""They are filled in ways of their own, but an activation behind them is none of the layer before them."""
_CRF_BOUND = 0.1  # of the first scores of transitions: small against emissions


Fill = Callable[[Tensor, int, int], None]
"""Fills a weight tensor, given fan_in and fan_out, by the scheme of its layer."""


def initialize(module: nn.Module, network: Network, seed: int) -> None:
    """Fill every parameter and buffer of ``module``, which was built from ``network``, in place."""
    schemes = scheme_by_path(network)
    for path, part in module.named_modules():
        generator = torch.Generator().manual_seed(_seed_of(seed, path))
        scheme = SCHEMES[schemes.get(path, _WITHOUT_ACTIVATION)]
        with torch.no_grad():
            _initialize(part, partial(_filled, scheme, generator), generator)


def _filled(scheme: Scheme, generator: torch.Generator, weight: Tensor, fan_in: int, fan_out: int) -> None:
    scheme.fill(weight, fan_in, fan_out, generator)


@singledispatch
def _initialize(part: nn.Module, fill: Fill, generator: torch.Generator) -> None:
    """Fill what ``part`` itself holds; a new kind of module with parameters adds its function here."""
    if any(held.numel() for held in (*part.parameters(recurse=False), *part.buffers(recurse=False))):
        raise TypeError(f"{type(part).__name__} has no initialization")  # a kind added by halves


@_initialize.register(nn.modules.conv._ConvNd)
@_initialize.register(nn.Linear)
def _(part: nn.modules.conv._ConvNd | nn.Linear, fill: Fill, generator: torch.Generator) -> None:
    weight = part.weight
    fill(weight, weight[0].numel(), weight.shape[0] * weight[0, 0].numel() // getattr(part, "groups", 1))
    _zero_bias(part.bias)


@_initialize.register
def _(part: nn.modules.conv._ConvTransposeNd, fill: Fill, generator: torch.Generator) -> None:
    weight, apart = part.weight, math.prod(part.stride)  # an output meets every stride-th weight of a kernel
    reads = weight.shape[0] // part.groups * weight[0, 0].numel() // apart
    fill(weight, max(reads, 1), weight[0].numel())
    _zero_bias(part.bias)


@_initialize.register
def _(part: layers.SeparableConv, fill: Fill, generator: torch.Generator) -> None:
    taps = part.depthwise[0].numel()
    # No activation stands between the two: by He's scheme for both the mean square would double at every layer.
    between = SCHEMES[_WITHOUT_ACTIVATION]
    between.fill(part.depthwise, taps, taps * len(part.depthwise) // part.in_channels, generator)
    fill(part.pointwise, part.pointwise.shape[1], part.pointwise.shape[0])
    _zero_bias(part.bias)


@_initialize.register
def _(part: layers.LocallyConnected, fill: Fill, generator: torch.Generator) -> None:
    taps = math.prod(part.windows.kernel)
    fill(part.weight, taps * part.in_channels, taps * part.weight.shape[len(part.windows.kernel)])
    _zero_bias(part.bias)


@_initialize.register
def _(part: layers.TiledConv, fill: Fill, generator: torch.Generator) -> None:
    filters, channels, *kernel = part.weight.shape[len(part.tiles) :]
    fill(part.weight, channels * math.prod(kernel), filters * math.prod(kernel))
    _zero_bias(part.bias)


@_initialize.register
def _(part: layers.TableConv, fill: Fill, generator: torch.Generator) -> None:
    taps = part.weight[0].numel()
    readers = taps * len(part.weight) // part.in_channels  # on average
    done = 0
    for row in part.connections:
        fill(part.weight[done : done + len(row)], taps * len(row), readers)
        done += len(row)
    _zero_bias(part.bias)


@_initialize.register
def _(part: layers.Subsample, fill: Fill, generator: torch.Generator) -> None:
    part.weight.fill_(1 / math.prod(part.kernel))
    _zero_bias(part.bias)


@_initialize.register
def _(part: layers.RBF, fill: Fill, generator: torch.Generator) -> None:
    part.codes.bernoulli_(0.5, generator=generator).mul_(2).sub_(1)


@_initialize.register(nn.modules.batchnorm._NormBase)
@_initialize.register(nn.GroupNorm)
@_initialize.register(nn.LayerNorm)
def _(part: nn.GroupNorm, fill: Fill, generator: torch.Generator) -> None:
    part.reset_parameters()  # ones and zeros


@_initialize.register
def _(part: nn.PReLU, fill: Fill, generator: torch.Generator) -> None:
    part.reset_parameters()  # the same slope everywhere


@_initialize.register
def _(part: nn.Embedding, fill: Fill, generator: torch.Generator) -> None:
    part.weight.normal_(generator=generator)


@_initialize.register
def _(part: nn.RNNBase, fill: Fill, generator: torch.Generator) -> None:
    bound = 1 / math.sqrt(part.hidden_size)  # as torch has it
    for parameter in part.parameters():
        parameter.uniform_(-bound, bound, generator=generator)


@_initialize.register
def _(part: layers.LinearChainCRF, fill: Fill, generator: torch.Generator) -> None:
    for parameter in part.parameters():
        parameter.uniform_(-_CRF_BOUND, _CRF_BOUND, generator=generator)


def _zero_bias(bias: Tensor | None) -> None:
    if bias is not None:
        bias.zero_()


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
        elif kind in _OTHERS_WEIGHTED:
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
