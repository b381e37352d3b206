"""What a rule gives, and how the rule of a layer is found: by its type.

Legend: C channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch

from striate.analyze.terms import NOTHING, Axis, Sum
from striate.spec.layers import Layer

__all__ = ["Arithmetic", "Misfit", "Shape", "arithmetic", "need_axes"]

Shape = tuple[int, ...]


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
        axes: The sliding window on each spatial axis; empty where the layer works point by point.
        whole: Whether every output sees every position of the input.
    """

    output: Shape
    weights: Sum = NOTHING
    biases: Sum = NOTHING
    macs: Sum = NOTHING
    neurons: Sum = NOTHING
    dense: Sum = NOTHING
    local: Sum = NOTHING
    axes: tuple[Axis, ...] = ()
    whole: bool = False


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
