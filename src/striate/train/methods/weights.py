"""What the tensors of a module are: which of them decay, and how the weights of a layer are matrices.

Legend: O outputs, I inputs, g groups, K kernel.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import singledispatch

from torch import Tensor, nn

from striate.nn import layers

__all__ = ["Held", "Stack", "held", "stack_of"]

_NORMS = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm)


@dataclass(frozen=True, slots=True)
class Held:
    """A parameter, and the part of the module that holds it.

    Attributes:
        path: Its name in ``module.named_parameters()``.
        name: Its name in its part.
    """

    path: str
    part: nn.Module
    name: str
    parameter: nn.Parameter

    @property
    def decays(self) -> bool:
        """Whether penalties and decay are meant for it: norms, biases and other vectors are spared."""
        vector = self.parameter.ndim <= 1 or self.name.startswith("bias")
        return not vector and not isinstance(self.part, _NORMS)


def held(module: nn.Module) -> Iterator[Held]:
    """Yield every parameter of ``module`` once, in the order of ``module.named_parameters()``."""
    known: set[nn.Parameter] = set()
    for prefix, part in module.named_modules():
        for name, parameter in part.named_parameters(recurse=False):
            if parameter not in known:
                known.add(parameter)
                yield Held(f"{prefix}.{name}" if prefix else name, part, name, parameter)


@dataclass(frozen=True, slots=True)
class Stack:
    """How a weight is a stack of matrices, of a row for each neuron.

    Attributes:
        shape: Its axes, one of them split where groups need it.
        rows: The axis of the neurons.
        columns: The axes that a neuron sums over. Every other axis counts matrices.
    """

    shape: tuple[int, ...]
    rows: int
    columns: tuple[int, ...]

    def matrices(self, weight: Tensor) -> Tensor:
        """Return ``weight``, or something of its shape, as ``(matrices, rows, columns)``."""
        sizes = [self.shape[axis] for axis in self.columns]
        apart = weight.view(self.shape).permute(self._order)
        return apart.flatten(-len(sizes)).flatten(0, -3) if apart.ndim > 2 else apart[None]

    def back(self, matrices: Tensor, like: Tensor) -> Tensor:
        """Return ``matrices`` in the shape of ``like``."""
        order = self._order
        apart = matrices.reshape([self.shape[axis] for axis in order])
        return apart.permute([order.index(axis) for axis in range(len(order))]).reshape(like.shape)

    @property
    def _order(self) -> list[int]:
        counted = [a for a in range(len(self.shape)) if a != self.rows and a not in self.columns]
        return [*counted, self.rows, *self.columns]


@singledispatch
def stack_of(part: nn.Module, name: str, weight: Tensor) -> Stack | None:
    """Return how ``weight``, which ``part`` holds under ``name``, is a stack of matrices; None if it is not.

    Of kinds that are not known here, the first axis of a weight counts neurons, as is the custom.
    """
    return _plain(tuple(weight.shape)) if weight.ndim > 1 else None


def _plain(shape: tuple[int, ...], counted: int = 0) -> Stack:
    """Return a stack whose first ``counted`` axes count matrices, the next one neurons."""
    return Stack(shape, counted, tuple(range(counted + 1, len(shape))))


@stack_of.register(nn.modules.conv._ConvNd)
def _(part: nn.modules.conv._ConvNd, name: str, weight: Tensor) -> Stack | None:
    if weight.ndim <= 1:
        return None
    return _plain((part.groups, weight.shape[0] // part.groups, *weight.shape[1:]), 1)  # (g, O/g, I/g, *K)


@stack_of.register(nn.modules.conv._ConvTransposeNd)
def _(part: nn.modules.conv._ConvTransposeNd, name: str, weight: Tensor) -> Stack | None:
    if weight.ndim <= 1:
        return None
    shape = (part.groups, weight.shape[0] // part.groups, *weight.shape[1:])  # (g, I/g, O/g, *K)
    return Stack(shape, 2, (1, *range(3, len(shape))))


@stack_of.register
def _(part: layers.SeparableConv, name: str, weight: Tensor) -> Stack | None:
    if weight.ndim <= 1:
        return None
    groups = part.in_channels if name == "depthwise" else 1
    return _plain((groups, weight.shape[0] // groups, *weight.shape[1:]), 1)


@stack_of.register
def _(part: layers.LocallyConnected, name: str, weight: Tensor) -> Stack | None:
    return None if name == "bias" else _plain(tuple(weight.shape), len(part.windows.kernel))


@stack_of.register
def _(part: layers.TiledConv, name: str, weight: Tensor) -> Stack | None:
    return None if name == "bias" else _plain(tuple(weight.shape), len(part.tiles))


@stack_of.register
def _(part: nn.RNNBase, name: str, weight: Tensor) -> Stack | None:
    if weight.ndim <= 1:
        return None
    gates = 1 if name.startswith("weight_hr") else weight.shape[0] // part.hidden_size
    return _plain((gates, weight.shape[0] // gates, weight.shape[1]), 1)


@stack_of.register(layers.TableConv)
@stack_of.register(layers.LinearChainCRF)
@stack_of.register(nn.Embedding)
@stack_of.register(nn.modules.batchnorm._NormBase)
@stack_of.register(nn.GroupNorm)
@stack_of.register(nn.LayerNorm)
@stack_of.register(nn.RMSNorm)
def _(part: nn.Module, name: str, weight: Tensor) -> None:
    return None
