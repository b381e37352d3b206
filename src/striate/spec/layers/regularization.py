"""What acts in training alone."""

from __future__ import annotations

from typing import ClassVar

from striate.spec.layers.base import Layer
from striate.spec.node import layer_kind
from striate.spec.values import Probability

__all__ = ["Dropout"]


@layer_kind
class Dropout(Layer):
    """Inverted dropout (Srivastava et al. 2014): in training each value is zeroed with probability ``p``
    and the others divided by ``1 - p``; in evaluation nothing happens.
    """

    stem: ClassVar[str] = "dropout"

    p: Probability = 0.5
