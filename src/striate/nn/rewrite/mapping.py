"""The way of weights from a description to the optimized one, and back where there is one.

It maps dicts of tensors by their names, such as a ``state_dict``, and knows nothing of descriptions. What it does not
name passes as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from striate.errors import WeightsError

__all__ = ["Folded", "Joined", "Omitted", "Renamed", "Step", "WeightMapping"]

State = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Renamed:
    """What stood below the path ``old`` stands below ``new``."""

    old: str
    new: str

    def forward(self, state: State) -> State:
        """Return ``state`` with the names of the optimized network."""
        return {_renamed(name, self.old, self.new): tensor for name, tensor in state.items()}

    def backward(self, state: State) -> State:
        """Return ``state`` with the names of the original."""
        return {_renamed(name, self.new, self.old): tensor for name, tensor in state.items()}


@dataclass(frozen=True, slots=True)
class Joined:
    """Several layers that are one: their tensors stand one behind the other on the first axis.

    Attributes:
        parts: The paths of the layers.
        channels: The outputs of each.
        whole: The path of the one.
    """

    parts: tuple[str, ...]
    channels: tuple[int, ...]
    whole: str

    def forward(self, state: State) -> State:
        """Return ``state`` with the tensors joined; of counters, which all agree, the first."""
        first = self.parts[0]
        for entry in _entries(state, self.parts):
            tensors = [_taken(state, f"{path}.{entry}", f"{first}.{entry}") for path in self.parts]
            for path, tensor, count in zip(self.parts, tensors, self.channels, strict=True):
                _check_length(f"{path}.{entry}", tensor, count)
            state[f"{self.whole}.{entry}"] = torch.cat(tensors) if tensors[0].dim() else tensors[0]
        return state

    def backward(self, state: State) -> State:
        """Return ``state`` with the tensors taken apart; every layer gets a copy of a counter."""
        for entry in _entries(state, (self.whole,)):
            name = f"{self.whole}.{entry}"
            tensor = state.pop(name)
            _check_length(name, tensor, sum(self.channels))
            cut = (
                torch.split(tensor, list(self.channels))
                if tensor.dim()
                else [tensor.clone() for _ in self.parts]
            )
            state.update({f"{path}.{entry}": one for path, one in zip(self.parts, cut, strict=True)})
        return state


@dataclass(frozen=True, slots=True)
class Folded:
    """A batch normalization with its running statistics, taken into the layer before it.

    Attributes:
        layer: The path of the layer.
        norm: The path of the normalization.
        eps: What it adds to the variance.
        weight: The layer's tensor that is scaled.
        groups: Of a transposed convolution, whose weights are ``(C, out_channels / groups, *kernel_size)``; None where
            the outputs stand on the first axis.
    """

    layer: str
    norm: str
    eps: float
    weight: str = "weight"
    groups: int | None = None

    def forward(self, state: State) -> State:
        """Return ``state`` with the layer's tensors scaled and shifted, in float64, and the norm's gone."""
        where = f"{self.layer}.{self.weight}"
        mean, variance = (
            _taken(state, f"{self.norm}.{statistic}", where).double()
            for statistic in ("running_mean", "running_var")
        )
        scale = torch.rsqrt(variance + self.eps)
        if (gamma := state.pop(f"{self.norm}.weight", None)) is not None:
            scale = scale * gamma.double()
        beta = state.pop(f"{self.norm}.bias", None)
        state.pop(f"{self.norm}.num_batches_tracked", None)

        weight = _taken(state, where, f"{self.norm}.running_mean")
        state[where] = (weight.double() * self._like(weight, scale, where)).to(weight)
        bias = state.pop(f"{self.layer}.bias", None)
        shift = -mean if bias is None else bias.double() - mean
        shift = shift * scale if beta is None else shift * scale + beta.double()
        state[f"{self.layer}.bias"] = shift.to(weight)
        return state

    def _like(self, weight: Tensor, scale: Tensor, where: str) -> Tensor:
        """Return the scale of each output, laid out to be multiplied with ``weight``."""
        if self.groups is None:
            _check_length(where, weight, len(scale))
            return scale.view(-1, *(1,) * (weight.dim() - 1))
        _check_length(where, weight, len(scale) // self.groups, axis=1)
        rows = scale.view(self.groups, -1).repeat_interleave(len(weight) // self.groups, 0)
        return rows.view(*rows.shape, *(1,) * (weight.dim() - 2))


@dataclass(frozen=True, slots=True)
class Omitted:
    """A part that is left out, with all its tensors."""

    path: str

    def forward(self, state: State) -> State:
        """Return ``state`` without the part's tensors."""
        return {name: tensor for name, tensor in state.items() if not name.startswith(f"{self.path}.")}


Step = Renamed | Joined | Folded | Omitted


@dataclass(frozen=True, slots=True)
class WeightMapping:
    """The way of weights from a network to the optimized one: ``forward``, and where there is one, ``backward``.

    It takes any mapping from names to tensors: a module's ``state_dict``, an average of weights, gradients, moments of
    an optimizer by parameter. Tensors that do not change are passed on, not copied.

    Attributes:
        steps: What happens, in this order.
    """

    steps: tuple[Step, ...] = ()

    @property
    def invertible(self) -> bool:
        """Whether there is a way back."""
        return not any(isinstance(step, Folded | Omitted) for step in self.steps)

    def forward(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the tensors of the optimized network for those of the original.

        Raises:
            WeightsError: if a tensor is missing or of a shape that does not fit.
        """
        mapped = dict(state)
        for step in self.steps:
            mapped = step.forward(mapped)
        return mapped

    def backward(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the tensors of the original network for those of the optimized one.

        Raises:
            WeightsError: if there is no way back, or a tensor is of a shape that does not fit.
        """
        mapped = dict(state)
        for step in reversed(self.steps):
            if isinstance(step, Folded | Omitted):
                raise WeightsError(
                    "the weights of a network optimized for inference have no way back: norms are folded and parts "
                    "left out. Keep the original weights, or optimize(network, for_='training')."
                )
            mapped = step.backward(mapped)
        return mapped


def _renamed(name: str, old: str, new: str) -> str:
    return f"{new}{name.removeprefix(old)}" if name.startswith(f"{old}.") else name


def _entries(state: State, paths: tuple[str, ...]) -> list[str]:
    """Return what ``state`` has of the layers at ``paths``: ``["weight", "bias"]``."""
    found = (n.removeprefix(f"{path}.") for path in paths for n in state if n.startswith(f"{path}."))
    return list(dict.fromkeys(found))


def _taken(state: State, name: str, beside: str) -> Tensor:
    """Take a tensor out of ``state``.

    Raises:
        WeightsError: if it is missing.
    """
    if name not in state:
        raise WeightsError(
            f"no tensor {name!r}, which belongs with {beside!r}. Give the weights of the network that was optimized."
        )
    return state.pop(name)


def _check_length(name: str, tensor: Tensor, length: int, axis: int = 0) -> None:
    """Raise `WeightsError` unless ``tensor`` has ``length`` on ``axis``, or is a single number."""
    if tensor.dim() and tensor.shape[axis] != length:
        raise WeightsError(
            f"{name} has the shape {tuple(tensor.shape)}, and axis {axis} must have {length}. Give the weights of the "
            f"network that was optimized."
        )
