"""`analyze`: walk a description with a shape, and say what every layer makes of it. No torch."""

from __future__ import annotations

import dataclasses
import functools
import math
import re
from functools import singledispatch

from striate.analyze.analysis import BYTES, Analysis, Row, Totals
from striate.analyze.axes import Axis
from striate.analyze.rules import Arithmetic, Misfit, arithmetic, unpooled
from striate.analyze.state import State
from striate.analyze.terms import Field
from striate.errors import DescriptionError, ShapeError, bad_argument, did_you_mean, listed
from striate.spec import (
    AuxHead,
    Concat,
    Layer,
    MaxUnpool,
    Network,
    Node,
    Placed,
    Repeat,
    Residual,
    Sequential,
    Transpose,
)
from striate.spec.values import LIMIT, check_shape

__all__ = ["analyze"]

Shape = tuple[int, ...]

MOST = 2**62
"""Most values that a layer may give, and the largest number in which a receptive field may be written.

Then no figure has more digits than a table can show, a range can span and a float can hold, however often a layer
that enlarges is repeated.
"""


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
    if batch_size >= LIMIT:
        raise ShapeError(bad_argument("batch_size", batch_size, "below 2³¹"))
    try:
        shape = network.input if input is None else check_shape(input)
    except ValueError as error:
        raise ShapeError(f"input={input!r}: {error}.") from None
    walk = _Walk(batch_size)
    start = State(shape, (Field(),) * (len(shape) - 1), 0, given=True)
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
        weighted_layers=sum(row.arithmetic.stacked for row in rows if row.neurons),
        depth=end.depth,
        activation_bytes=activations,
        forward_bytes=BYTES * (params + batch_size * max(walk.peak, math.prod(shape))),
        training_bytes=BYTES * (3 * params + batch_size * math.prod(shape)) + activations,
        dense_weights=sum(row.dense_weights for row in rows),
        local_weights=sum(row.local_weights for row in rows),
    )
    return Analysis(network.name, shape, end.shape, batch_size, tuple(rows), totals, tuple(walk.aside))


class _Walk:
    """Collects a row per layer. ``held`` counts the values that must be held besides the one that flows."""

    def __init__(self, batch_size: int) -> None:
        self.rows: list[Row] = []
        self.peak = 0
        self.aside: dict[str, None] = {}  # where auxiliary heads stand, which run in training alone
        self.pools: dict[str, Row] = {}  # each MaxPool so far, for a MaxUnpool that names it
        self._batch_size = batch_size
        # Repeated blocks are the same nodes: what they make of a shape is worked out once.
        self._known: dict[tuple[int, Shape], Arithmetic] = {}

    def arithmetic(self, node: Layer, shape: Shape) -> Arithmetic:
        key = (id(node), shape)
        if key not in self._known:
            self._known[key] = arithmetic(node, shape)
        return self._known[key]

    def chain(self, chain: tuple[Placed, ...], state: State, held: int) -> State:
        for part in chain:
            state = _through(part.node, self, part, state, held)
        return state

    def beside(self, path: str) -> bool:
        """Tell whether a layer stands in an auxiliary head that has ended."""
        return any(path[: dot.start()] in self.aside for dot in re.finditer(r"\.", path))

    def passed(self, part: Placed, state: State, done: Arithmetic, held: int) -> State:
        state = state.read_along(1 if done.axes else done.along)
        fields = state.fields_behind(done)
        self.add(part, state.shape, done, fields, (state.fields,), state.held_with(held))
        depth = state.depth + (done.stacked if done.neurons.terms else 0)
        return State(done.output, fields, depth, along=0 if done.tokens else state.along)

    def add(
        self,
        part: Placed,
        shape: Shape,
        done: Arithmetic,
        fields: tuple[Field, ...],
        before: tuple[tuple[Field, ...], ...],
        held: int,
    ) -> None:
        size = math.prod(done.output)
        if size > MOST:
            problem = f"it would give {size:,} values, and at most 2⁶² can be counted; use smaller sizes"
            raise ShapeError(_located(part, shape, problem))
        if fields is not before[0] and not all(field.within(MOST) for field in fields):
            problem = "its receptive field has numbers beyond 2⁶²; use smaller kernels, strides or dilations"
            raise ShapeError(_located(part, shape, problem))
        self.peak = max(self.peak, held + size)
        row = Row(
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
        self.rows.append(row)
        if row.kind == "MaxPool":
            self.pools[row.path] = row


@singledispatch
def _through(node: Node, walk: _Walk, part: Placed, state: State, held: int) -> State:
    raise TypeError(f"{node.kind} has no rule for how shapes pass it")  # only a kind added by halves


@_through.register(Layer)
def _layer(node: Layer, walk: _Walk, part: Placed, state: State, held: int) -> State:
    try:
        done = walk.arithmetic(node, state.shape)
    except Misfit as misfit:
        raise ShapeError(_located(part, state.shape, str(misfit))) from None
    if done.tokens and not state.given:
        problem = "it needs tokens, whole numbers, which are the network's input, not what a layer makes"
        raise ShapeError(_located(part, state.shape, problem))
    return walk.passed(part, state, done, held)


@_through.register
def _(node: Transpose, walk: _Walk, part: Placed, state: State, held: int) -> State:
    end = _layer(node, walk, part, state, held)
    return end if end.along is None else dataclasses.replace(end, along=1 - end.along)


@_through.register
def _(node: MaxUnpool, walk: _Walk, part: Placed, state: State, held: int) -> State:
    pool = None if walk.beside(node.pool) else walk.pools.get(node.pool)
    if pool is None:
        pools = [path for path in walk.pools if not walk.beside(path)]
        near = did_you_mean(node.pool, pools)
        known = f".{near} MaxPool layers before it: {listed(pools)}" if pools else "; there is none before it"
        raise ShapeError(_located(part, state.shape, f"pool={node.pool!r} is no MaxPool{known}"))
    windows = tuple(axis for axis in pool.arithmetic.axes if isinstance(axis, Axis))
    try:
        done = unpooled(state.shape, pool.input_shape, windows)
    except Misfit as misfit:
        raise ShapeError(_located(part, state.shape, str(misfit))) from None
    return walk.passed(part, state, done, held)


@_through.register(Sequential)
@_through.register(Repeat)
def _(node: Node, walk: _Walk, part: Placed, state: State, held: int) -> State:
    return walk.chain(part.chains[0], state, held)


@_through.register
def _(node: Residual, walk: _Walk, part: Placed, state: State, held: int) -> State:
    held = state.held_with(held)
    body = walk.chain(part.chains[0], state.waiting(), held)
    held += math.prod(body.shape)
    around = walk.chain(part.chains[1], state.waiting(), held)
    if body.shape != around.shape:
        raise ShapeError(
            _located(
                part,
                state.shape,
                f"the body gives {body.shape} and the shortcut {around.shape}, which cannot be added; "
                + _shortcut_fix(node, state.shape, body.shape),
            )
        )
    held = around.held_with(held)
    body = body.read_along(around.along)
    around = around.read_along(body.along)
    end = body.joined(around)
    walk.add(part, state.shape, Arithmetic(body.shape), end.fields, (body.fields, around.fields), held)
    return end


@_through.register
def _(node: Concat, walk: _Walk, part: Placed, state: State, held: int) -> State:
    held = state.held_with(held)
    ends: list[State] = []
    for chain in part.chains:
        ends.append(walk.chain(chain, state.waiting(), held))
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
    ends = [end.read_along(1) for end in ends]  # joined along the other axis
    end = functools.reduce(State.joined, ends)
    before = tuple(e.fields for e in ends)
    walk.add(part, state.shape, Arithmetic(output), end.fields, before, held)
    return State(output, end.fields, end.depth, along=end.along)


@_through.register
def _(node: AuxHead, walk: _Walk, part: Placed, state: State, held: int) -> State:
    walk.chain(part.chains[0], state.waiting(), state.held_with(held))
    walk.aside[part.path] = None
    return state


def _located(part: Placed, shape: Shape, problem: str) -> str:
    return f"{part.path} ({part.node.kind}) cannot take {shape}: {problem}."


def _shortcut_fix(node: Residual, before: Shape, after: Shape) -> str:
    if node.shortcut is not None or len(before) != len(after) or len(before) < 2:
        return "change one of the two until they give one shape"
    stride = tuple(-(-a // b) for a, b in zip(before[1:], after[1:], strict=True))
    if after[1:] != tuple(-(-a // s) for a, s in zip(before[1:], stride, strict=True)):
        return "set the padding in the body so that it keeps the size, or a shortcut that crops"
    steps = "" if set(stride) == {1} else f", stride={stride[0] if len(set(stride)) == 1 else stride}"
    return f"give a projection: shortcut=Conv({after[0]}, 1{steps})"
