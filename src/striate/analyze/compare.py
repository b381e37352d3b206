"""`compare`: what one layer would cost if it were dense, locally connected, tiled or convolutional.

The tables by which lectures explain why convolution shares weights. All four read the same input and give the same
output; but for the dense one they see the same windows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from striate.analyze.analysis import Row
from striate.analyze.rules import Arithmetic, arithmetic
from striate.analyze.table import shape_text
from striate.analyze.terms import NOTHING, Sum, product
from striate.analyze.walk import analyze
from striate.errors import ShapeError, bad_argument, did_you_mean, listed
from striate.spec import (
    Conv,
    ConvTranspose,
    DepthwiseConv,
    Layer,
    LocallyConnected,
    Network,
    SeparableConv,
    TableConv,
    TiledConv,
)

__all__ = ["Compared", "Comparison", "Way", "compare"]

# How the way that shares most is called.
_CONVOLUTIONS: dict[type[Layer], str] = {
    **dict.fromkeys((Conv, LocallyConnected, TiledConv), "convolution"),
    DepthwiseConv: "depthwise convolution",
    TableConv: "convolution by its table",
    ConvTranspose: "transposed convolution",
    SeparableConv: "separable convolution",
}
# Layers with windows and weights that have no four ways.
_REFUSED = {
    "Subsample": "it has one weight per map, which all values of a window share; compare a Conv in its place"
}
_FIGURES = ("weights", "biases", "macs", "neurons")
_HEADS = ("", "weights", "biases", "MACs", "neurons")

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Way:
    """The cost of a layer, connected in one way.

    Attributes:
        name: ``"dense"``, ``"locally connected"``, ``"tiled 2×2"``, and ``"convolution"``, or ``"depthwise
            convolution"`` and so on if the layer is one. All but the dense way read the maps that the layer reads.
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

    Of a transposed convolution it is each input position that has kernels of its own, or takes them in turn. Of a
    separable one both parts are connected in the way named; the dense layer stands for both.

    Args:
        network: The description.
        *paths: Convolutions, of any kind; none means all of them. `Subsample`, whose windows have one weight, has no
            four ways: it is passed over, and an error if it is asked for.
        tiles: Kernels that the tiled layer takes in turn along each axis; fewer where there are fewer positions.
        input: Shape of one input in the place of the description's own.

    Raises:
        ShapeError: if there is no layer at a path, or it is no convolution.

    Examples:
        >>> import striate as st
        >>> alexnet = st.compare(st.zoo.alexnet(), "conv1")
        >>> [way.weights.value for way in alexnet.layers[0].ways]
        [43713331200, 105415200, 139392, 34848]
    """
    if isinstance(tiles, bool) or not isinstance(tiles, int) or tiles < 1:
        raise ShapeError(bad_argument("tiles", tiles, "a whole number of at least 1"))
    rows = {row.path: row for row in analyze(network, input).layers}
    layers = {path: layer for path, layer in network.walk() if type(layer) in _CONVOLUTIONS}
    if not layers:
        raise ShapeError(
            f"{network.name!r} has no convolution; its layers can be connected in one way alone."
        )
    compared = []
    for path in paths or layers:
        if not isinstance(path, str):
            example = ", ".join(f'"{known}"' for known in list(layers)[:2])
            allowed = f"the path of a layer, each an argument of its own: {example}"
            raise ShapeError(bad_argument("path", path, allowed))
        if path not in layers:
            problem = _problem(path, rows, layers)
            raise ShapeError(f"{problem} Convolutions of {network.name!r}: {listed(layers)}.")
        row, layer = rows[path], layers[path]
        done = arithmetic(_shared(layer), row.input_shape)
        positions = row.input_shape if isinstance(layer, ConvTranspose) else done.output
        taken = tuple(min(tiles, size) for size in positions[1:])
        ways = _ways(done, taken, _CONVOLUTIONS[type(layer)])
        compared.append(Compared(path, row.kind, row.input_shape, done.output, ways))
    return Comparison(network.name, tuple(compared))


def _problem(path: str, rows: Mapping[str, Row], known: Iterable[str]) -> str:
    if path not in rows:
        return f"no layer at {path!r}.{did_you_mean(path, known)}"
    kind = rows[path].kind
    reason = f"cannot be compared: {_REFUSED[kind]}" if kind in _REFUSED else "has no windows with weights"
    return f"{path} ({kind}) {reason}."


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


def _ways(done: Arithmetic, tiles: Shape, shared: str) -> tuple[Way, ...]:
    outputs = product(*done.output)
    own_biases = outputs if done.biases.terms else NOTHING  # a bias for every output
    tiled = f"tiled {shape_text(tiles)}"
    tiled_weights, tiled_biases = _times(tiles, done.weights), _times(tiles, done.biases)
    return (
        Way("dense", done.dense, own_biases, done.dense, outputs),
        Way("locally connected", done.local, own_biases, done.local, done.neurons),
        Way(tiled, tiled_weights, tiled_biases, done.macs, done.neurons),
        Way(shared, done.weights, done.biases, done.macs, done.neurons),
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
