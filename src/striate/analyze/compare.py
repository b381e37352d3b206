"""`compare`: what one layer would cost if it were dense, locally connected, tiled or convolutional.

The tables by which lectures explain why convolution shares weights. All four read the same input and give the same
output; but for the dense one they see the same windows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import Any

from striate.analyze.rules import Arithmetic, arithmetic
from striate.analyze.table import shape_text
from striate.analyze.terms import Sum
from striate.analyze.walk import analyze
from striate.errors import ShapeError, bad_argument, did_you_mean, listed
from striate.spec import Conv, DepthwiseConv, Layer, LocallyConnected, Network, TableConv, TiledConv

__all__ = ["Compared", "Comparison", "Way", "compare"]

_CONVOLUTIONS = (Conv, DepthwiseConv, TableConv, LocallyConnected, TiledConv)
_FIGURES = ("weights", "biases", "macs", "neurons")
_HEADS = ("", "weights", "biases", "MACs", "neurons")

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Way:
    """The cost of a layer, connected in one way.

    Attributes:
        name: ``"dense"``, ``"locally connected"``, ``"tiled 2×2"`` or ``"convolution"``.
    """

    name: str
    weights: Sum
    biases: Sum
    macs: Sum
    neurons: Sum

    def to_data(self) -> dict[str, Any]:
        """Return the figures by name."""
        return {"way": self.name} | {figure: getattr(self, figure).value for figure in _FIGURES}


@dataclass(frozen=True)
class Compared:
    """One layer in four ways, those that share least first."""

    path: str
    kind: str
    input_shape: Shape
    output_shape: Shape
    ways: tuple[Way, ...]

    @property
    def head(self) -> str:
        """The layer in one line: ``conv1 (Conv)   3×224×224 → 96×55×55``."""
        return f"{self.path} ({self.kind})   {shape_text(self.input_shape)} → {shape_text(self.output_shape)}"

    def to_data(self) -> dict[str, Any]:
        """Return the layer as it stands in the JSON of ``striate compare``."""
        return {
            "path": self.path,
            "kind": self.kind,
            "input_shape": list(self.input_shape),
            "output_shape": list(self.output_shape),
            "ways": [way.to_data() for way in self.ways],
        }


@dataclass(frozen=True, repr=False)
class Comparison:
    """Layers of a network, each in four ways. It prints as tables, and draws itself in a notebook."""

    name: str
    layers: tuple[Compared, ...]

    def work(self) -> str:
        """Return every figure with its working."""
        lines = []
        for layer in self.layers:
            lines += [layer.head]
            for way in layer.ways:
                lines += [f"  {way.name}"]
                lines += [
                    f"    {head:<9}{getattr(way, figure).work}"
                    for head, figure in zip(_HEADS[1:], _FIGURES, strict=True)
                ]
            lines += [""]
        return "\n".join(lines).rstrip()

    def to_data(self) -> dict[str, Any]:
        """Return the comparison as it stands in the JSON of ``striate compare``."""
        return {"name": self.name, "layers": [layer.to_data() for layer in self.layers]}

    def __repr__(self) -> str:
        return "\n\n".join(_table(layer) for layer in self.layers)

    def _repr_html_(self) -> str:
        parts = []
        for layer in self.layers:
            heads = "".join(f"<th>{head}</th>" for head in _HEADS)
            rows = "".join(
                "<tr>"
                + "".join(f'<td style="text-align:right">{escape(cell)}</td>' for cell in row)
                + "</tr>"
                for row in _cells(layer)
            )
            parts.append(f"<table><caption>{escape(layer.head)}</caption><tr>{heads}</tr>{rows}</table>")
        return "".join(parts)


def compare(network: Network, *paths: str, tiles: int = 2, input: Shape | None = None) -> Comparison:
    """Return what the convolutions at ``paths`` would cost as dense, locally connected and tiled layers.

    Args:
        network: The description.
        *paths: Layers with windows and weights; none means every such layer.
        tiles: Kernels that the tiled layer takes in turn along each axis; fewer where there are fewer positions.
        input: Shape of one input in the place of the description's own.

    Raises:
        ShapeError: if there is no layer at a path, or it has no windows with weights.

    Examples:
        >>> import striate as st
        >>> alexnet = st.compare(st.zoo.alexnet(), "conv1")
        >>> [way.weights.value for way in alexnet.layers[0].ways]
        [43713331200, 105415200, 139392, 34848]
    """
    if isinstance(tiles, bool) or not isinstance(tiles, int) or tiles < 1:
        raise ShapeError(bad_argument("tiles", tiles, "a whole number of at least 1"))
    analysis = analyze(network, input)
    nodes = {path: node for path, node in network.walk() if isinstance(node, _CONVOLUTIONS)}
    if not nodes:
        raise ShapeError(
            f"{network.name!r} has no convolution; its layers can be connected in one way alone."
        )
    layers = []
    for path in paths or nodes:
        if not isinstance(path, str):
            example = ", ".join(f'"{known}"' for known in list(nodes)[:2])
            allowed = f"the path of a layer, each an argument of its own: {example}"
            raise ShapeError(bad_argument("path", path, allowed))
        if path not in nodes:
            other = next((row.kind for row in analysis.layers if row.path == path), None)
            problem = f"{path} ({other}) has no windows with weights." if other else f"no layer at {path!r}."
            near = "" if other else did_you_mean(path, nodes)
            raise ShapeError(f"{problem}{near} Convolutions of {network.name!r}: {listed(nodes)}.")
        row = analysis.row(path)
        done = arithmetic(_shared(nodes[path]), row.input_shape)
        taken = tuple(min(tiles, size) for size in done.output[1:])
        layers.append(Compared(path, row.kind, row.input_shape, done.output, _ways(done, taken)))
    return Comparison(network.name, tuple(layers))


def _shared(layer: Layer) -> Layer:
    """Return the convolution with the windows of a layer that shares less."""
    if isinstance(layer, LocallyConnected | TiledConv):
        return Conv(
            layer.out_channels,
            layer.kernel_size,
            stride=layer.stride,
            padding=layer.padding,
            dilation=layer.dilation,
            bias=layer.bias,
        )
    return layer


def _ways(done: Arithmetic, tiles: Shape) -> tuple[Way, ...]:
    own_biases = done.neurons if done.biases.terms else done.biases  # a bias for every output
    return (
        Way("dense", done.dense, own_biases, done.dense, done.neurons),
        Way("locally connected", done.local, own_biases, done.local, done.neurons),
        Way(
            f"tiled {shape_text(tiles)}",
            _times(tiles, done.weights),
            _times(tiles, done.biases),
            done.macs,
            done.neurons,
        ),
        Way("convolution", done.weights, done.biases, done.macs, done.neurons),
    )


def _times(factors: Shape, figure: Sum) -> Sum:
    return figure if math.prod(factors) == 1 else Sum(tuple((*factors, *term) for term in figure.terms))


def _cells(layer: Compared) -> list[tuple[str, ...]]:
    return [(way.name, *(f"{getattr(way, f).value:,}" for f in _FIGURES)) for way in layer.ways]


def _table(layer: Compared) -> str:
    rows = [_HEADS, *_cells(layer)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [layer.head, ""]
    for name, *numbers in rows:
        cells = (cell.rjust(width) for cell, width in zip(numbers, widths[1:], strict=True))
        lines.append(f"  {name.ljust(widths[0])}   {'   '.join(cells)}")
    return "\n".join(lines)
