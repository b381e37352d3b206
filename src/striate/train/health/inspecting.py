"""What one step of training shows of each layer: its values, its gradient, how far it moves. Judges nothing.

N images, C channels or units.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from striate.train.diverge import layers_of
from striate.train.events import Histogram, LayerHealth
from striate.train.health.histograms import histogram

__all__ = ["Inspection"]


@dataclass(frozen=True, slots=True)
class _Weights:
    """The weights of a layer as they were before the step, and the length of their gradient."""

    norm: float
    gradient: float
    before: Mapping[nn.Parameter, Tensor]


class Inspection:
    """Looks at one step and changes no number of it: it draws nothing, and only reads what the step computes.

    Of a layer that runs several times in a step, the first is looked at.

    Args:
        module: What is trained.
    """

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._values: dict[str, LayerHealth] = {}
        self._weights: dict[str, _Weights] = {}
        self._histograms: list[Histogram] = []

    @contextmanager
    def of_values(self) -> Iterator[None]:
        """Look at what every layer gives while the block runs."""
        handles = [part.register_forward_hook(self._hook(path)) for path, part in layers_of(self._module)]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def look_at_gradients(self) -> None:
        """Look at the gradients as the backward pass left them, and remember the weights; before they change."""
        for path, part in layers_of(self._module):
            own = [p for p in part.parameters(recurse=False) if p.requires_grad and p.ndim > 1]
            if own:
                self._weights[path] = _Weights(
                    norm=_norm([p.detach() for p in own]),
                    gradient=_norm([p.grad for p in own if p.grad is not None]),
                    before={p: p.detach().clone() for p in own},
                )
        for name, parameter in self._module.named_parameters():
            if parameter.grad is not None:
                self._note(f"gradients/{name}", parameter.grad)

    def layers(self) -> tuple[LayerHealth, ...]:
        """Return a row for each layer, in the order they ran; after the weights have changed."""
        return tuple(self._with_weights(row) for row in self._values.values())

    @property
    def histograms(self) -> tuple[Histogram, ...]:
        """The histograms of ``values/<layer>`` and ``gradients/<weight>``."""
        return tuple(self._histograms)

    def _hook(self, path: str) -> Any:
        def look(part: nn.Module, inputs: Any, output: Any) -> None:
            first = output[0] if isinstance(output, tuple) and output else output
            if path not in self._values and isinstance(first, Tensor) and first.is_floating_point():
                self._look_at_values(path, part, first.detach())

        return look

    def _look_at_values(self, path: str, part: nn.Module, values: Tensor) -> None:
        found = self._note(f"values/{path}", values)
        whole = found is not None and found.count == values.numel()
        rectified = isinstance(part, nn.ReLU | nn.ReLU6) and values.ndim > 1 and values.numel() > 0
        self._values[path] = LayerHealth(
            path=path,
            kind=type(part).__name__,
            mean=found.mean if found and whole else None,
            std=found.std if found and whole else None,
            dead=_dead(values) if rectified else None,
            units=values.shape[1] if rectified else None,
            seen=values.numel() // values.shape[1] if rectified else None,
        )

    def _note(self, tag: str, values: Tensor) -> Histogram | None:
        found = histogram(tag, values)
        if found is not None:
            self._histograms.append(found)
        return found

    def _with_weights(self, row: LayerHealth) -> LayerHealth:
        weights = self._weights.get(row.path)
        if weights is None:
            return row
        moved = _norm([p.detach() - before for p, before in weights.before.items()])
        return replace(
            row,
            gradient_norm=weights.gradient,
            weight_norm=weights.norm,
            update_ratio=moved / weights.norm if weights.norm else None,
        )


def _dead(values: Tensor) -> float:
    """Return the share of units, of ``(N, C, ...)``, that are nowhere above 0."""
    others = [axis for axis in range(values.ndim) if axis != 1]
    return (values.amax(others) <= 0).float().mean().item()


def _norm(tensors: list[Tensor]) -> float:
    """Return the length of all ``tensors`` together, without a square that overflows."""
    # Apple's GPUs have no float64.
    wide = [torch.float32 if t.device.type == "mps" else torch.float64 for t in tensors]
    lengths = [torch.linalg.vector_norm(t, dtype=d).item() for t, d in zip(tensors, wide, strict=True)]
    return math.hypot(*lengths)
