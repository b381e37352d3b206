"""What flows from layer to layer in the walk: a shape, and what its units see of the network's input.

Legend: C channels, or values per step; L positions of a signal; T steps of a sequence.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from striate.analyze.rules import Arithmetic
from striate.analyze.terms import Field

__all__ = ["State"]

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class State:
    """What flows from layer to layer.

    Attributes:
        fields: What its units see, on each axis of the network's input.
        depth: Layers with weights so far.
        waits: Whether the value is also needed later, and so is among those held already.
        given: Whether it is the network's input.
        along: Of a shape with two axes, the one whose positions ``fields`` tells of: 1 of a signal (C, L), 0 of a
            sequence (T, C), None until a layer tells which of the two it is.
    """

    shape: Shape
    fields: tuple[Field, ...]
    depth: int
    waits: bool = False
    given: bool = False
    along: int | None = None

    def held_with(self, held: int) -> int:
        """Return how many values are held while this one is read."""
        return held if self.waits else held + math.prod(self.shape)

    def waiting(self) -> State:
        """Return the value as one that is needed later, too."""
        return State(self.shape, self.fields, self.depth, True, self.given, self.along)

    def read_along(self, axis: int | None) -> State:
        """Return the value for a layer to which positions lie along ``axis``.

        If they have lain along the other until now, the layer mixes them: it sees all.
        """
        if axis is None or len(self.shape) != 2 or len(self.fields) != 1 or self.along == axis:
            return self
        if self.along is None:
            return dataclasses.replace(self, along=axis)
        fields = (self.fields[0].over(self.shape[self.along], kept=True),)
        return dataclasses.replace(self, fields=fields, along=axis)

    @property
    def positions(self) -> Shape:
        """How many units there are on each axis that ``fields`` tells of."""
        if len(self.shape) == 2 and self.along is not None:
            return (self.shape[self.along],)
        return self.shape[1:]

    def fields_behind(self, done: Arithmetic) -> tuple[Field, ...]:
        """Return what the units of a layer that makes ``done`` of this see of the network's input."""
        fields = self.fields
        if done.tokens:
            return (Field(),)
        if len(done.axes) == len(fields) and done.axes:
            return tuple(f.through(axis) for f, axis in zip(fields, done.axes, strict=True))
        kept = len(done.output) > 1
        if len(done.seen) == len(fields) and done.seen:
            return tuple(f.over(units, kept=kept) for f, units in zip(fields, self.positions, strict=True))
        if kept and len(self.shape) == 1:  # a vector laid out as maps: each position sees what the vector saw
            return tuple(f.over(1, kept=True) for f in fields)
        return fields

    def joined(self, other: State) -> State:
        """Return the two as one: a unit sees what it sees of either."""
        # Behind a Reshape there may be other axes than the input's; then every unit sees the same.
        units = self.positions if len(self.positions) == len(self.fields) else (1,) * len(self.fields)
        fields = tuple(f.union(g, n) for f, g, n in zip(self.fields, other.fields, units, strict=True))
        return State(self.shape, fields, max(self.depth, other.depth), along=self.along)
