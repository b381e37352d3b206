"""Activations: one function of each value, but for softmax."""

from __future__ import annotations

from typing import ClassVar, Literal

from striate.spec.layers.base import Layer
from striate.spec.node import layer_kind
from striate.spec.values import Positive

__all__ = ["ELU", "GELU", "LeakyReLU", "ReLU", "SiLU", "Sigmoid", "Softmax", "Softplus", "Tanh"]


@layer_kind
class ReLU(Layer):
    """``max(x, 0)``."""

    stem: ClassVar[str] = "relu"


@layer_kind
class LeakyReLU(Layer):
    """``x`` where it is positive, ``negative_slope * x`` elsewhere (Maas et al. 2013)."""

    stem: ClassVar[str] = "relu"

    negative_slope: Positive = 0.01


@layer_kind
class ELU(Layer):
    """``x`` where it is positive, ``alpha * (exp(x) - 1)`` elsewhere (Clevert et al. 2015)."""

    stem: ClassVar[str] = "elu"

    alpha: Positive = 1.0


@layer_kind
class GELU(Layer):
    """``x`` times the normal distribution function of ``x`` (Hendrycks and Gimpel 2016).

    Attributes:
        approximate: ``"none"`` for the error function, ``"tanh"`` for its approximation.
    """

    stem: ClassVar[str] = "gelu"

    approximate: Literal["none", "tanh"] = "none"


@layer_kind
class SiLU(Layer):
    """``x * sigmoid(x)``, also called Swish (Ramachandran et al. 2017)."""

    stem: ClassVar[str] = "silu"


@layer_kind
class Softplus(Layer):
    """``ln(1 + exp(x))``, the smooth ReLU."""

    stem: ClassVar[str] = "softplus"


@layer_kind
class Tanh(Layer):
    """Hyperbolic tangent."""

    stem: ClassVar[str] = "tanh"


@layer_kind
class Sigmoid(Layer):
    """The logistic function ``1 / (1 + exp(-x))``."""

    stem: ClassVar[str] = "sigmoid"


@layer_kind
class Softmax(Layer):
    """``exp(x) / sum(exp(x))`` over channels. Not needed before the training loss, which takes logits."""

    stem: ClassVar[str] = "softmax"
