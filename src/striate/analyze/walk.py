"""`analyze`: walk a description with a shape, and say what every layer makes of it. No torch."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from functools import singledispatchmethod

from striate.analyze.analysis import BYTES, Analysis, Row, Totals
from striate.analyze.rules import Arithmetic, Misfit, arithmetic
from striate.analyze.terms import Field
from striate.errors import DescriptionError, ShapeError, bad_argument
from striate.spec import AuxHead, Concat, Layer, Network, Node, Placed, Repeat, Residual, Sequential
from striate.spec.values import check_shape

__all__ = ["analyze"]

Shape = tuple[int, ...]


def analyze(network: Network, input: Shape | None = None, batch_size: int = 1) -> Analysis:
    """Return the arithmetic of ``network``: shapes, parameters, MACs, memory, receptive fields.

    Args:
        network: The description.
        input: Shape of one input in the place of the description's own, such as ``(3, 224, 224)``.
        batch_size: Images at once, for the figures in bytes.

    Raises:
        ShapeError: if a shape cannot pass through a layer; the message has the layer's path, the shape
            that reached it, the formula and a fix.

    Examples:
        >>> import striate as st
        >>> st.analyze(st.zoo.lenet5()).totals.params
        61706
        >>> st.analyze(st.zoo.alexnet()).row("conv1").work["output_shape"][0]
        '(224 + 2·2 − 11)/4 + 1 = ⌊55.25⌋ = 55'
    """
    if not isinstance(network, Network):
        allowed = "a Network, such as st.zoo.lenet5()"
        raise DescriptionError(bad_argument("network", network, allowed))
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
