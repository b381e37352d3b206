"""Fully connected layers, and changes of shape."""

from __future__ import annotations

from typing import ClassVar

from striate.spec.layers.base import Layer
from striate.spec.node import layer_kind
from striate.spec.values import Count

__all__ = ["Flatten", "Identity", "Linear"]


@layer_kind
class Flatten(Layer):
    """Lay all values of an image in one row: ``(C, *size) -> (C * prod(size),)``."""

    stem: ClassVar[str] = "flatten"


@layer_kind
class Linear(Layer):
    """Fully connected layer: ``(in,) -> (out_features,)``. Weights: ``(out_features, in)``."""

    stem: ClassVar[str] = "linear"

    out_features: Count
    bias: bool = True


@layer_kind
class Identity(Layer):
    """Gives what it takes."""

    stem: ClassVar[str] = "identity"
