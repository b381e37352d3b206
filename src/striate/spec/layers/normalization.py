"""Normalization."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from striate.spec.layers.base import Layer
from striate.spec.node import layer_kind
from striate.spec.values import Count, Positive

__all__ = ["BatchNorm", "LocalResponseNorm"]


@layer_kind
class BatchNorm(Layer):
    """Batch normalization (Ioffe and Szegedy 2015), per channel.

    Attributes:
        eps: Added to the variance.
        momentum: Share of the running statistics that each batch replaces.
        affine: Whether a scale (weights) and a shift (biases) per channel are learned.
    """

    stem: ClassVar[str] = "norm"

    eps: Positive = 1e-5
    momentum: Annotated[float, Field(gt=0, le=1)] = 0.1
    affine: bool = True


@layer_kind
class LocalResponseNorm(Layer):
    """Local response normalization across channels (Krizhevsky et al. 2012):
    ``x / (k + alpha / size * sum of the squares of size neighboring channels) ** beta``.
    """

    stem: ClassVar[str] = "norm"

    size: Count = 5
    alpha: Positive = 1e-4
    beta: Positive = 0.75
    k: Positive = 1.0
