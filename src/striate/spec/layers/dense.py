"""Fully connected layers, and changes of shape."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import AfterValidator, ValidationInfo

from striate.spec.layers.base import Layer
from striate.spec.node import layer_kind
from striate.spec.values import Count, Index, Shape

__all__ = ["RBF", "Flatten", "Identity", "Linear", "PadChannels", "Reshape", "SliceChannels"]


@layer_kind
class Flatten(Layer):
    """Lay all values of an image in one row: ``(C, *size) -> (C * prod(size),)``."""

    stem: ClassVar[str] = "flatten"


@layer_kind
class Linear(Layer):
    """Fully connected layer: ``(in,) -> (out_features,)``. Weights: ``(out_features, in)``.

    Attributes:
        bias: Whether each output has a bias.
        per_step: For a sequence: the same layer at each step, ``(T, in) -> (T, out_features)``.
    """

    stem: ClassVar[str] = "linear"

    out_features: Count
    bias: bool = True
    per_step: bool = False


@layer_kind
class RBF(Layer):
    """Euclidean radial basis function units: minus the squared distance to each class's code (LeCun et al. 1998).

    ``(in,) -> (out_features,)``, ``-sum of (x - code) ** 2``; negated, so that the nearest code has the largest
    output. The codes are of ±1, drawn once and not learned: LeNet-5 drew its own as bitmaps of the digits.
    """

    stem: ClassVar[str] = "rbf"

    out_features: Count


@layer_kind
class Reshape(Layer):
    """The same values in another shape, such as a code as maps: ``(C,) -> shape``."""

    stem: ClassVar[str] = "reshape"
    lists: ClassVar[tuple[str, ...]] = ("shape",)

    shape: Shape


@layer_kind
class PadChannels(Layer):
    """Maps of zeros added behind the channels: ``(C, *size) -> (out_channels, *size)``.

    The parameter-free shortcut of residual networks (He et al. 2015, option A), behind a pooling of kernel size 1
    whose stride skips positions.
    """

    stem: ClassVar[str] = "pad"

    out_channels: Count


def _behind_start(value: int, info: ValidationInfo) -> int:
    start = info.data.get("start", 0)
    if value <= start:
        raise ValueError(f"must be more than start, {start}")
    return value


@layer_kind
class SliceChannels(Layer):
    """Some of the channels, those that follow one another: ``(C, *size) -> (stop - start, *size)``.

    So the branches of a `Concat` may each read channels of their own, as behind the channel split of ShuffleNet V2
    (Ma et al. 2018), or behind one convolution that computes what several would.

    Attributes:
        start: The first channel, from 0.
        stop: The channel behind the last, as in Python's slices.
    """

    stem: ClassVar[str] = "slice"

    start: Index
    stop: Annotated[Count, AfterValidator(_behind_start)]


@layer_kind
class Identity(Layer):
    """Gives what it takes."""

    stem: ClassVar[str] = "identity"
