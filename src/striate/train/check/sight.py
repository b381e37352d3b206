"""Which pixels of the image can reach the answer at all, by the windows of every layer. No torch.

H W height and width of an image; o, i positions of a layer's output and input on one axis.
"""

from __future__ import annotations

import math
from functools import singledispatch

import numpy as np
from numpy.typing import NDArray

from striate.analyze import Analysis, Axis, Row
from striate.analyze.axes import AnyAxis
from striate.spec import AuxHead, Concat, Layer, Network, Node, Placed, Repeat, Residual, Sequential

__all__ = ["seen_pixels"]

Mask = NDArray[np.bool_]

_MIXES = frozenset("LayerNorm GroupNorm InstanceNorm LocalContrastNorm MaxUnpool Reshape Transpose".split())
"""Kinds that may carry what stands at one position to others farther away than their windows, if they have any."""


def seen_pixels(network: Network, analysis: Analysis) -> Mask:
    """Return which positions of the input, ``(H, W)``, some output of the network depends on.

    What only auxiliary heads see counts as not seen: they are gone after training.
    """
    rows = {row.path: row for row in analysis.layers}
    return _back_chain(network.placed, _all(analysis.output), rows)


def _all(shape: tuple[int, ...]) -> Mask:
    return np.ones(shape[1:] if len(shape) == 3 else (1, 1), np.bool_)


def _back_chain(chain: tuple[Placed, ...], wanted: Mask, rows: dict[str, Row]) -> Mask:
    """Return what a run of nodes must see so that ``wanted`` of its output is known."""
    for part in reversed(chain):
        wanted = _back(part.node, part, wanted, rows)
    return wanted


@singledispatch
def _back(node: Node, part: Placed, wanted: Mask, rows: dict[str, Row]) -> Mask:
    raise TypeError(f"{node.kind} has no rule for what it sees")  # only a kind added by halves


@_back.register
def _(node: Layer, part: Placed, wanted: Mask, rows: dict[str, Row]) -> Mask:
    row = rows[part.path]
    shape, axes = row.input_shape, row.arithmetic.axes
    if len(shape) != 3:
        return np.ones((1, 1), np.bool_)
    if node.kind in _MIXES or row.arithmetic.seen:
        return _all(shape)
    if len(axes) == 2 and wanted.shape == row.output_shape[1:]:
        down, across = (_window_matrix(axis) for axis in axes)
        reached: NDArray[np.float32] = down.T @ wanted.astype(np.float32) @ across
        return reached > 0
    return wanted if wanted.shape == shape[1:] else _all(shape)


@_back.register(Sequential)
@_back.register(Repeat)
def _(node: Node, part: Placed, wanted: Mask, rows: dict[str, Row]) -> Mask:
    return _back_chain(part.chains[0], wanted, rows)


@_back.register(Residual)
@_back.register(Concat)
def _(node: Node, part: Placed, wanted: Mask, rows: dict[str, Row]) -> Mask:
    # What a Residual adds must be of one size, and broadcasts of none: both sides are asked for the same.
    sides = [_back_chain(chain, wanted, rows) for chain in part.chains]
    joined: Mask = np.logical_or.reduce(sides)
    return joined


@_back.register
def _(node: AuxHead, part: Placed, wanted: Mask, rows: dict[str, Row]) -> Mask:
    return wanted


def _window_matrix(axis: AnyAxis) -> NDArray[np.float32]:
    """Return ``(o, i)``: 1 where output o reads input i, else 0."""
    size: int = axis.size  # type: ignore[attr-defined]  # every axis has one
    matrix = np.zeros((axis.output, size), np.float32)
    step = axis.dilation if isinstance(axis, Axis) else 1
    for o in range(axis.output):
        first = axis.first + o * axis.step
        inputs = np.arange(math.ceil(first), math.floor(first + axis.reach) + 1, step)
        matrix[o, inputs[(inputs >= 0) & (inputs < size)]] = 1
    return matrix
