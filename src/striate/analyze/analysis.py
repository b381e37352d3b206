"""`Analysis`: the figures of a network, one row per layer, and their working. It computes none of them.

Bytes are those of float32. Figures per layer are for one image, except the bytes, which are for the
batch asked for.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from striate.analyze import table
from striate.analyze.plot import PICTURE_FORMATS
from striate.analyze.rules import Arithmetic
from striate.analyze.terms import Field, Number, product
from striate.errors import DescriptionError, ShapeError, did_you_mean, listed
from striate.spec.files import write

__all__ = ["BYTES", "Analysis", "Row", "Totals"]

BYTES = 4  # one float32

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Row:
    """The figures of one layer (or of the sum of a `Residual`, the join of a `Concat`).

    Attributes:
        path: The layer's path, the same as in the module.
        kind: The kind of layer: ``"Conv"``.
        input_shape: Shape of one input, ``(C, *size)``.
        output_shape: Shape of one output.
        weights: Learned numbers that multiply (for BatchNorm: the scales).
        biases: Learned numbers that are added.
        macs: Multiply-accumulates for one image.
        neurons: Units with incoming weights: outputs of convolutions and linear layers.
        activation_bytes: Size of the output for the batch.
        dense_weights: Weights of a fully connected layer from the same input to the same output.
        local_weights: Weights of a layer with the same windows, not shared between positions.
        receptive_field: The field on each axis of the network's input.
    """

    path: str
    kind: str
    input_shape: Shape
    output_shape: Shape
    weights: int
    biases: int
    macs: int
    neurons: int
    activation_bytes: int
    dense_weights: int
    local_weights: int
    receptive_field: tuple[Field, ...]
    arithmetic: Arithmetic = dataclasses.field(repr=False)
    fields_before: tuple[tuple[Field, ...], ...] = dataclasses.field(repr=False)
    batch_size: int = dataclasses.field(repr=False)

    @property
    def params(self) -> int:
        """Weights and biases."""
        return self.weights + self.biases

    @cached_property
    def work(self) -> dict[str, list[str]]:
        """For every figure the formula that gave it, one line per axis where there are several."""
        a = self.arithmetic
        same = " × ".join(map(str, self.output_shape))
        shapes = [axis.work for axis in a.axes] or [
            f"{'·'.join(map(str, self.input_shape))} = {self.output_shape[0]:,}"
            if self.kind == "Flatten"
            else same
        ]
        biases = a.biases.work
        return {
            "output_shape": shapes,
            "weights": [a.weights.work],
            "biases": [biases],
            "params": [f"{self.weights} + {self.biases} = {self.params:,}"],
            "macs": [a.macs.work],
            "neurons": [a.neurons.work],
            "activation_bytes": [product(self.batch_size, *self.output_shape, BYTES).work],
            "receptive_field": [self._field_work(axis) for axis in range(len(self.receptive_field))],
            "if fully connected": [a.dense.work],
            "if not shared": [a.local.work],
        }

    def _field_work(self, i: int) -> str:
        field = self.receptive_field[i]
        where = f"(stride {field.stride}, offset {field.offset})"
        if len(self.fields_before) > 1:
            sides = " ∪ ".join(_span(f[i]) for f in self.fields_before)
            # Where the strides differ no one size fits every unit; the field covers them all.
            sign = "=" if len({f[i].stride for f in self.fields_before}) == 1 else "⊆"
            return f"{sides} {sign} {_span(field)}, size {field.size} {where}"
        if not self.fields_before[0]:  # the steps of tokens begin here
            return f"{field.size} {where}"
        before = self.fields_before[0][i]
        if len(self.arithmetic.axes) == len(self.receptive_field):
            reach = self.arithmetic.axes[i].reach_work
            return f"{before.size} + {reach}·{before.stride} = {field.size} {where}"
        if field.size != before.size:
            units = (field.size - before.size) // before.stride + 1
            return f"{before.size} + ({units} − 1)·{before.stride} = {field.size} {where}"
        return f"{field.size} {where}"

    def to_data(self) -> dict[str, Any]:
        """Return the row as it stands in the JSON of ``striate inspect``."""
        return {
            "path": self.path,
            "kind": self.kind,
            "input_shape": list(self.input_shape),
            "output_shape": list(self.output_shape),
            "weights": self.weights,
            "biases": self.biases,
            "params": self.params,
            "macs": self.macs,
            "neurons": self.neurons,
            "activation_bytes": self.activation_bytes,
            "receptive_field": {
                "size": [_number(f.size) for f in self.receptive_field],
                "stride": [_number(f.stride) for f in self.receptive_field],
                "offset": [_number(f.offset) for f in self.receptive_field],
            },
        }


def _span(field: Field) -> str:
    first, last = field.span
    return f"[{first}, {last}]"


def _number(value: Number) -> int | float:
    return value if isinstance(value, int) else float(value)


@dataclass(frozen=True)
class Totals:
    """Sums over the network.

    Attributes:
        params: Learned numbers, auxiliary heads included.
        macs: Multiply-accumulates for one image; FLOPs are twice that.
        weighted_layers: Convolutions and linear layers.
        depth: Convolutions and linear layers on the longest way from input to output.
        activation_bytes: All outputs of the batch.
        forward_bytes: Parameters, and the most that must be held at once to compute the outputs of a batch.
        training_bytes: Parameters with gradient and one momentum each, the input, and every output,
            which the backward pass needs. What the libraries need for themselves is not counted.
        dense_weights: Weights if every convolution were fully connected.
        local_weights: Weights if no convolution shared weights between positions.
    """

    params: int
    weights: int
    biases: int
    macs: int
    neurons: int
    weighted_layers: int
    depth: int
    activation_bytes: int
    forward_bytes: int
    training_bytes: int
    dense_weights: int
    local_weights: int


@dataclass(frozen=True)
class Analysis:
    """The arithmetic of a network before it exists: one row per layer, and totals.

    It prints as a table, and draws itself in a notebook.

    Attributes:
        input: Shape of one input.
        output: Shape of one output.
        batch_size: Images that the figures in bytes are for.
        layers: One row per layer, in the order they run.
        heads: Paths of the auxiliary heads, whose layers are not on the way from input to output.
    """

    name: str
    input: Shape
    output: Shape
    batch_size: int
    layers: tuple[Row, ...]
    totals: Totals
    heads: tuple[str, ...] = ()

    def row(self, path: str) -> Row:
        """Return the row of the layer at ``path``.

        Raises:
            ShapeError: if there is none; the message suggests the nearest.
        """
        for row in self.layers:
            if row.path == path:
                return row
        known = [row.path for row in self.layers]
        raise ShapeError(
            f"no layer at {path!r} in {self.name!r}.{did_you_mean(path, known)} Paths: {listed(known)}."
        )

    def to_data(self) -> dict[str, Any]:
        """Return the analysis as it stands in the JSON of ``striate inspect``."""
        return {
            "name": self.name,
            "input": list(self.input),
            "batch_size": self.batch_size,
            "layers": [row.to_data() for row in self.layers],
            "totals": dataclasses.asdict(self.totals),
        }

    def plot(self, path: str | Path) -> None:
        """Draw the network to scale: its volumes, and what the middle unit of each sees of the input.

        Args:
            path: Where to write; ``.svg`` or ``.png`` at its end says how.

        Raises:
            DescriptionError: if the name ends otherwise, or it cannot be written; what stood there before is kept.
        """
        path = Path(path)
        if path.suffix.lower() not in PICTURE_FORMATS:
            raise DescriptionError(
                f"{path}: must end with {' or '.join(PICTURE_FORMATS)}, which say how it is drawn."
            )
        from striate.analyze.drawing import draw  # it loads matplotlib, which takes longer than all the rest

        write(path, draw(self, path.suffix.lower()))

    def __repr__(self) -> str:
        return table.as_text(self)

    def __rich__(self) -> Any:
        return table.as_rich(self)

    def _repr_html_(self) -> str:
        return table.as_html(self)
