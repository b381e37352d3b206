"""`analyze`: walk a description with a shape, and say what every layer makes of it. No torch.

Bytes are those of float32. Figures per layer are for one image, except the bytes, which are for the
batch asked for.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from functools import cached_property, singledispatchmethod
from typing import Any

from striate.analyze import table
from striate.analyze.rules import Arithmetic, Misfit, arithmetic
from striate.analyze.terms import Field, product
from striate.errors import ShapeError, bad_argument, did_you_mean, listed
from striate.spec import AuxHead, Concat, Layer, Network, Node, Placed, Repeat, Residual, Sequential
from striate.spec.values import check_shape

__all__ = ["Analysis", "Row", "Totals", "analyze"]

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
            if a.whole and self.kind == "Flatten"
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
            sides = " ∪ ".join(str(f[i].span) for f in self.fields_before)
            # Where the strides differ no one size fits every unit; the field covers them all.
            sign = "=" if len({f[i].stride for f in self.fields_before}) == 1 else "⊆"
            return f"{sides} {sign} {field.span}, size {field.size} {where}"
        before = self.fields_before[0][i]
        if self.arithmetic.axes:
            axis = self.arithmetic.axes[i]
            return f"{before.size} + ({axis.extent} − 1)·{before.stride} = {field.size} {where}"
        if field != before:
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
                "size": [f.size for f in self.receptive_field],
                "stride": [f.stride for f in self.receptive_field],
                "offset": [f.offset for f in self.receptive_field],
            },
        }


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
    """

    name: str
    input: Shape
    output: Shape
    batch_size: int
    layers: tuple[Row, ...]
    totals: Totals

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

    def __repr__(self) -> str:
        return table.as_text(self)

    def __rich__(self) -> Any:
        return table.as_rich(self)

    def _repr_html_(self) -> str:
        return table.as_html(self)


def analyze(network: Network, input: Shape | None = None, batch_size: int = 1) -> Analysis:
    """Return the arithmetic of ``network``: shapes, parameters, MACs, memory, receptive fields.

    Args:
        network: The description.
        input: Shape of one input in the place of the description's own, such as ``(3, 224, 224)``.
        batch_size: Images at once, for the figures in bytes.

    Raises:
        ShapeError: if a shape cannot pass through a layer; the message has the layer's path, the shape
            that reached it, the formula and a fix.

    >>> import striate as st
    >>> st.analyze(st.zoo.lenet5()).totals.params
    61706
    >>> st.analyze(st.zoo.alexnet()).row("conv1").work["output_shape"][0]
    '(224 + 2·2 − 11)/4 + 1 = ⌊55.25⌋ = 55'
    """
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise ShapeError(bad_argument("batch_size", batch_size, "a whole number of at least 1"))
    try:
        shape = network.input if input is None else check_shape(input)
    except ValueError as error:
        raise ShapeError(f"input={input!r}: {error}.") from None
    walk = _Walk(batch_size)
    start = _State(shape, (Field(),) * (len(shape) - 1), 0)
    end = walk.chain(network.placed, start, held=0)
    rows = walk.rows
    params = sum(row.params for row in rows)
    activations = sum(row.activation_bytes for row in rows)
    totals = Totals(
        params=params,
        weights=sum(row.weights for row in rows),
        biases=sum(row.biases for row in rows),
        macs=sum(row.macs for row in rows),
        neurons=sum(row.neurons for row in rows),
        weighted_layers=sum(row.neurons > 0 for row in rows),
        depth=end.depth,
        activation_bytes=activations,
        forward_bytes=BYTES * (params + batch_size * max(walk.peak, math.prod(shape))),
        training_bytes=BYTES * (3 * params + batch_size * math.prod(shape)) + activations,
        dense_weights=sum(row.dense_weights for row in rows),
        local_weights=sum(row.local_weights for row in rows),
    )
    return Analysis(network.name, shape, end.shape, batch_size, tuple(rows), totals)


@dataclass(frozen=True, slots=True)
class _State:
    """What flows from layer to layer: a shape, the receptive field behind it, layers with weights so far.

    ``waits`` says that the value is also needed later, and so is among those held already.
    """

    shape: Shape
    fields: tuple[Field, ...]
    depth: int
    waits: bool = False

    def held_with(self, held: int) -> int:
        """Return how many values are held while this one is read."""
        return held if self.waits else held + math.prod(self.shape)

    def waiting(self) -> _State:
        """Return the value as one that is needed later, too."""
        return dataclasses.replace(self, waits=True)


class _Walk:
    """Collects a row per layer. ``held`` counts the values that must be held besides the one that flows."""

    def __init__(self, batch_size: int) -> None:
        self.rows: list[Row] = []
        self.peak = 0
        self._batch_size = batch_size

    def chain(self, chain: tuple[Placed, ...], state: _State, held: int) -> _State:
        for part in chain:
            state = self._through(part.node, part, state, held)
        return state

    @singledispatchmethod
    def _through(self, node: Node, part: Placed, state: _State, held: int) -> _State:
        raise TypeError(f"{node.kind} has no rule for how shapes pass it")  # only a kind added by halves

    @_through.register
    def _(self, node: Layer, part: Placed, state: _State, held: int) -> _State:
        try:
            done = arithmetic(node, state.shape)
        except Misfit as misfit:
            raise ShapeError(_located(part, state.shape, str(misfit))) from None
        fields = state.fields
        if done.axes:
            fields = tuple(f.through(axis) for f, axis in zip(fields, done.axes, strict=True))
        elif done.whole and len(state.shape) > 1:
            fields = tuple(f.over(units) for f, units in zip(fields, state.shape[1:], strict=True))
        self._add(part, state.shape, done, fields, (state.fields,), state.held_with(held))
        return _State(done.output, fields, state.depth + (done.neurons.value > 0))

    @_through.register(Sequential)
    @_through.register(Repeat)
    def _(self, node: Node, part: Placed, state: _State, held: int) -> _State:
        return self.chain(part.chains[0], state, held)

    @_through.register
    def _(self, node: Residual, part: Placed, state: _State, held: int) -> _State:
        held = state.held_with(held)
        body = self.chain(part.chains[0], state.waiting(), held)
        held += math.prod(body.shape)
        around = self.chain(part.chains[1], state.waiting(), held)
        if body.shape != around.shape:
            raise ShapeError(
                _located(
                    part,
                    state.shape,
                    f"the body gives {body.shape} and the shortcut {around.shape}, which cannot be added; "
                    + _shortcut_fix(node, state.shape, body.shape),
                )
            )
        fields = _joined(body, around)
        held = around.held_with(held)
        self._add(part, state.shape, Arithmetic(body.shape), fields, (body.fields, around.fields), held)
        return _State(body.shape, fields, max(body.depth, around.depth))

    @_through.register
    def _(self, node: Concat, part: Placed, state: _State, held: int) -> _State:
        held = state.held_with(held)
        ends: list[_State] = []
        for chain in part.chains:
            ends.append(self.chain(chain, state.waiting(), held))
            held = ends[-1].held_with(held)
        sizes = [end.shape[1:] for end in ends]
        if any(size != sizes[0] for size in sizes):
            each = ", ".join(f"{c[0].name} gives {e.shape}" for c, e in zip(part.chains, ends, strict=True))
            raise ShapeError(
                _located(
                    part,
                    state.shape,
                    f"the branches must end with maps of one size: {each}; "
                    "give them the same strides, and padding='same' or (kernel_size − 1)/2",
                )
            )
        output = (sum(end.shape[0] for end in ends), *sizes[0])
        end = ends[0]
        for other in ends[1:]:
            end = _State(end.shape, _joined(end, other), max(end.depth, other.depth))
        before = tuple(e.fields for e in ends)
        self._add(part, state.shape, Arithmetic(output), end.fields, before, held)
        return _State(output, end.fields, end.depth)

    @_through.register
    def _(self, node: AuxHead, part: Placed, state: _State, held: int) -> _State:
        self.chain(part.chains[0], state.waiting(), state.held_with(held))
        return state

    def _add(
        self,
        part: Placed,
        shape: Shape,
        done: Arithmetic,
        fields: tuple[Field, ...],
        before: tuple[tuple[Field, ...], ...],
        held: int,
    ) -> None:
        size = math.prod(done.output)
        self.peak = max(self.peak, held + size)
        self.rows.append(
            Row(
                path=part.path,
                kind=part.node.kind,
                input_shape=shape,
                output_shape=done.output,
                weights=done.weights.value,
                biases=done.biases.value,
                macs=done.macs.value,
                neurons=done.neurons.value,
                activation_bytes=BYTES * self._batch_size * size,
                dense_weights=done.dense.value,
                local_weights=done.local.value,
                receptive_field=fields,
                arithmetic=done,
                fields_before=before,
                batch_size=self._batch_size,
            )
        )


def _joined(a: _State, b: _State) -> tuple[Field, ...]:
    units = a.shape[1:] or (1,) * len(a.fields)
    return tuple(f.union(g, n) for f, g, n in zip(a.fields, b.fields, units, strict=True))


def _located(part: Placed, shape: Shape, problem: str) -> str:
    return f"{part.path} ({part.node.kind}) cannot take {shape}: {problem}."


def _shortcut_fix(node: Residual, before: Shape, after: Shape) -> str:
    if node.shortcut is not None or len(before) != len(after) or len(before) < 2:
        return "change one of the two until they give one shape"
    stride = tuple(math.ceil(a / b) for a, b in zip(before[1:], after[1:], strict=True))
    if after[1:] != tuple(math.ceil(a / s) for a, s in zip(before[1:], stride, strict=True)):
        return "set the padding in the body so that it keeps the size, or a shortcut that crops"
    steps = "" if set(stride) == {1} else f", stride={stride[0] if len(set(stride)) == 1 else stride}"
    return f"give a projection: shortcut=Conv({after[0]}, 1{steps})"
