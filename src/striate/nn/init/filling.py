"""What fills every kind of module with parameters, and in which order the drawn numbers are laid into it."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import singledispatch

import torch
from torch import Tensor, nn

from striate.nn import layers
from striate.nn.init.activations import activation_by_path
from striate.nn.init.chosen import Init, find_init
from striate.spec import Network

__all__ = ["initialize"]

_CRF_BOUND = 0.1  # of the first scores of transitions: small against emissions


@dataclass(frozen=True, slots=True)
class _Draw:
    """Fills the tensors of one layer.

    Attributes:
        init: How those of the network begin.
        activation: The kind of the activation that follows the layer; None if none does.
        generator: What the layer's numbers come from.
    """

    init: Init
    activation: str | None
    generator: torch.Generator

    def weight(self, weight: Tensor, fan_in: int, fan_out: int) -> None:
        """Fill what the activation follows, in the shape that a `Filler` takes."""
        self.init.filler(self.activation).fill(weight, fan_in, fan_out, self.generator)

    def inner(self, weight: Tensor, fan_in: int, fan_out: int) -> None:
        """Fill what more weights of the same layer follow."""
        self.init.filler(None).fill(weight, fan_in, fan_out, self.generator)


def initialize(module: nn.Module, network: Network, seed: int, init: str = "default") -> None:
    """Fill every parameter and buffer of ``module``, which was built from ``network``, in place.

    Raises:
        ConfigError: if no initialization is called ``init``.
    """
    chosen, activations = find_init(init), activation_by_path(network)
    for path, part in module.named_modules():
        generator = torch.Generator().manual_seed(_seed_of(seed, path))
        with torch.no_grad():
            _initialize(part, _Draw(chosen, activations.get(path), generator))


@singledispatch
def _initialize(part: nn.Module, draw: _Draw) -> None:
    """Fill what ``part`` itself holds; a new kind of module with parameters adds its function here."""
    if any(held.numel() for held in (*part.parameters(recurse=False), *part.buffers(recurse=False))):
        raise TypeError(f"{type(part).__name__} has no initialization")  # a kind added by halves


@_initialize.register(nn.modules.conv._ConvNd)
@_initialize.register(nn.Linear)
def _(part: nn.modules.conv._ConvNd | nn.Linear, draw: _Draw) -> None:
    weight, groups = part.weight, getattr(part, "groups", 1)
    fan_out = weight.shape[0] * weight[0, 0].numel() // groups
    draw.weight(weight.view(groups, -1, *weight.shape[1:]), weight[0].numel(), fan_out)
    _zero_bias(part.bias)


@_initialize.register
def _(part: nn.modules.conv._ConvTransposeNd, draw: _Draw) -> None:
    weight, apart = part.weight, math.prod(part.stride)  # an output meets every stride-th weight of a kernel
    reads = weight.shape[0] // part.groups * weight[0, 0].numel() // apart
    matrices = weight.view(part.groups, -1, *weight.shape[1:]).flatten(2)
    draw.weight(matrices, max(reads, 1), weight[0].numel())
    _zero_bias(part.bias)


@_initialize.register
def _(part: layers.SeparableConv, draw: _Draw) -> None:
    taps = part.depthwise[0].numel()
    depthwise = part.depthwise.view(part.in_channels, -1, *part.depthwise.shape[1:])
    # No activation stands between the two: by He's scheme for both the mean square would double at every layer.
    draw.inner(depthwise, taps, taps * depthwise.shape[1])
    draw.weight(part.pointwise[None], part.pointwise.shape[1], part.pointwise.shape[0])
    _zero_bias(part.bias)


@_initialize.register
def _(part: layers.LocallyConnected, draw: _Draw) -> None:
    taps = math.prod(part.windows.kernel)
    matrices = part.weight.flatten(0, len(part.windows.kernel) - 1).flatten(2)
    draw.weight(matrices, taps * part.in_channels, taps * matrices.shape[1])
    _zero_bias(part.bias)


@_initialize.register
def _(part: layers.TiledConv, draw: _Draw) -> None:
    filters, channels, *kernel = part.weight.shape[len(part.tiles) :]
    kernels = part.weight.flatten(0, len(part.tiles) - 1)
    draw.weight(kernels, channels * math.prod(kernel), filters * math.prod(kernel))
    _zero_bias(part.bias)


@_initialize.register
def _(part: layers.TableConv, draw: _Draw) -> None:
    taps = part.weight[0].numel()
    readers = taps * len(part.weight) // part.in_channels  # on average
    done = 0
    for row in part.connections:
        one = part.weight[done : done + len(row)].view(1, 1, -1)
        draw.weight(one, taps * len(row), readers)
        done += len(row)
    _zero_bias(part.bias)


@_initialize.register
def _(part: layers.Subsample, draw: _Draw) -> None:
    part.weight.fill_(1 / math.prod(part.kernel))
    _zero_bias(part.bias)


@_initialize.register
def _(part: layers.RBF, draw: _Draw) -> None:
    part.codes.bernoulli_(0.5, generator=draw.generator).mul_(2).sub_(1)


@_initialize.register(nn.modules.batchnorm._NormBase)
@_initialize.register(nn.GroupNorm)
@_initialize.register(nn.LayerNorm)
def _(part: nn.GroupNorm, draw: _Draw) -> None:
    part.reset_parameters()  # ones and zeros


@_initialize.register
def _(part: nn.PReLU, draw: _Draw) -> None:
    part.reset_parameters()  # the same slope everywhere


@_initialize.register
def _(part: nn.Embedding, draw: _Draw) -> None:
    part.weight.normal_(generator=draw.generator)


@_initialize.register
def _(part: nn.RNNBase, draw: _Draw) -> None:
    bound = 1 / math.sqrt(part.hidden_size)  # as torch has it
    for parameter in part.parameters():
        parameter.uniform_(-bound, bound, generator=draw.generator)


@_initialize.register
def _(part: layers.LinearChainCRF, draw: _Draw) -> None:
    for parameter in part.parameters():
        parameter.uniform_(-_CRF_BOUND, _CRF_BOUND, generator=draw.generator)


def _zero_bias(bias: Tensor | None) -> None:
    if bias is not None:
        bias.zero_()


def _seed_of(seed: int, path: str) -> int:
    digest = hashlib.sha256(f"{seed}/{path}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1
