"""Two ways to ask the library: `Figures` of an analysis, with their formulas, and the answers of built layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from striate.analyze import Row, analyze
from striate.nn import build
from striate.spec import Conv, Network, Node, Sequential

__all__ = ["Figures", "convolved", "net", "plain"]

_FORMULAS = {
    "size": "output_shape",
    "length": "output_shape",
    "dense_weights": "if fully connected",
    "local_weights": "if not shared",
}


def net(shape: tuple[int, ...], *layers: Node) -> Network:
    """Return a network of ``layers`` one after another."""
    return Network("n", shape, Sequential(*layers))


@dataclass(frozen=True)
class Figures:
    """Figures of one layer in the analysis of a network; calling it returns them.

    Attributes:
        names: Of the figures, as `Row` has them, parted by spaces; ``"size"`` is the output's (H, W), and
            ``"length"`` the size of its last axis.
        path: Of the layer; empty for the last.
    """

    network: Network
    names: str
    path: str = ""

    def __call__(self) -> Any:
        """Return the figure, or the tuple of them."""
        values = tuple(_figure(self._row, name) for name in self.names.split())
        return values if len(values) > 1 else values[0]

    @property
    def work(self) -> list[str]:
        """The formulas, each once; a figure that needs none has none."""
        formulas = (self._row.work[_FORMULAS.get(name, name)] for name in self.names.split())
        return list(dict.fromkeys(line for lines in formulas for line in lines if "=" in line))

    @property
    def _row(self) -> Row:
        analysis = analyze(self.network)
        return analysis.row(self.path) if self.path else analysis.layers[-1]


def _figure(row: Row, name: str) -> Any:
    if name == "size":
        return row.output_shape[1:]
    return row.output_shape[-1] if name == "length" else getattr(row, name)


def convolved(image: Any, kernel: Any, **options: Any) -> tuple[Any, ...]:
    """Return what a built `Conv` with this kernel gives for one map, a list or a list of rows."""
    maps, weight = torch.tensor([image], dtype=torch.float64), torch.tensor([[kernel]], dtype=torch.float64)
    layer = Conv(1, tuple(weight.shape[2:]), bias=False, **options)
    module = build(net(tuple(maps.shape), layer), seed=0).double()
    with torch.no_grad():
        module.conv1.weight.copy_(weight)
        return plain(module(maps[None])[0, 0])


def plain(tensor: torch.Tensor) -> Any:
    """Return a tensor as numbers, or tuples of them: four decimals, whole ones as int."""
    if tensor.dim():
        return tuple(map(plain, tensor))
    value = round(tensor.item(), 4)
    return int(value) if value == int(value) else value
