"""What a rule gives, and how the rule of a layer is found: by its type. Legend: C channels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import singledispatch

from striate.analyze.axes import AnyAxis
from striate.analyze.terms import NOTHING, Sum
from striate.spec.layers import Layer

__all__ = ["Arithmetic", "Misfit", "Shape", "arithmetic", "divided", "divisors", "need_axes", "need_steps"]

Shape = tuple[int, ...]

SEARCHED = 2**16
"""Candidates that are tried as divisors: enough for every number below 2³², and done in milliseconds."""


class Misfit(ValueError):
    """A shape that cannot pass through a layer; the walk adds where, and raises `ShapeError`."""


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """What one layer makes of one input shape.

    Attributes:
        output: Shape of the output for one image.
        neurons: Units that have weights of their own inputs: outputs of convolutions and linear layers.
        dense: Weights of a fully connected layer between the same input and output.
        local: Weights of a layer with the same windows that does not share them between positions.
        axes: The window on each spatial axis; empty where the layer works point by point.
        seen: Where every output sees all positions: how many there are on each axis.
        along: Of a shape with two axes, the one along which positions lie for this layer, which mixes what stands on
            the other: 1 of channels before positions, 0 of steps before values; None if it mixes neither. With `axes`
            it is 1.
        stacked: Layers with weights one behind the other, if any.
        tokens: Whether the input is of tokens, so that its steps are the positions that later layers see.
    """

    output: Shape
    weights: Sum = NOTHING
    biases: Sum = NOTHING
    macs: Sum = NOTHING
    neurons: Sum = NOTHING
    dense: Sum = NOTHING
    local: Sum = NOTHING
    axes: tuple[AnyAxis, ...] = ()
    seen: Shape = ()
    along: int | None = None
    stacked: int = 1
    tokens: bool = False


@singledispatch
def arithmetic(layer: Layer, shape: Shape) -> Arithmetic:
    """Return what ``layer`` makes of an input of ``shape``; activations and dropout change nothing.

    Raises:
        Misfit: if ``shape`` cannot pass through ``layer``.
    """
    return Arithmetic(shape)


def need_axes(shape: Shape) -> None:
    """Raise `Misfit` unless ``shape`` has spatial axes."""
    if len(shape) < 2:
        raise Misfit("it needs a map (C, L), (C, H, W) or (C, D, H, W), not a vector; put it before Flatten")


def need_steps(shape: Shape) -> None:
    """Raise `Misfit` unless ``shape`` is that of a sequence."""
    if len(shape) != 2:
        raise Misfit(
            "it needs a sequence (T, C); tokens (T,) become one by Embedding or OneHot, maps by "
            "Reshape, and a signal (C, L) by Transpose"
        )


def divided(what: str, count: int, name: str, by: int) -> int:
    """Return ``count / by``.

    Raises:
        Misfit: if ``by`` does not divide ``count``.
    """
    if count % by:
        raise Misfit(f"{name}={by} does not divide the {count} {what}; use one of {divisors(count)}")
    return count // by


def divisors(number: int) -> str:
    """Return the first dozen divisors of ``number`` for a message: ``1, 2, 4``.

    Of a number too large for `SEARCHED` they are a dozen that are quickly found.
    """
    small = [d for d in range(1, min(math.isqrt(number), SEARCHED) + 1) if number % d == 0]
    large = [number // d for d in reversed(small) if d * d != number]
    return ", ".join(map(str, (small + large)[:12]))
