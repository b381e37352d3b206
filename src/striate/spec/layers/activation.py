"""Activations: one function of each value, but for softmax."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, ValidationInfo

from striate.spec.layers.base import Layer
from striate.spec.node import layer_kind
from striate.spec.values import Count, Positive

__all__ = [
    "ELU",
    "GELU",
    "SELU",
    "HardSigmoid",
    "LeakyReLU",
    "Maxout",
    "Mish",
    "PReLU",
    "RReLU",
    "ReLU",
    "ReLU6",
    "ScaledTanh",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
]


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
class ReLU6(Layer):
    """``min(max(x, 0), 6)`` (Krizhevsky 2010), which MobileNet uses."""

    stem: ClassVar[str] = "relu"


def _not_below_lower(value: float, info: ValidationInfo) -> float:
    lower = info.data.get("lower", 0.0)
    if value < lower:
        raise ValueError(f"must be at least lower, {lower}")
    return value


@layer_kind
class RReLU(Layer):
    """Randomized leaky ReLU (Xu et al. 2015): the slope of negative values is drawn for each of them.

    In training from the uniform distribution over ``lower`` to ``upper``; in evaluation it is the mean of both.
    """

    stem: ClassVar[str] = "relu"

    lower: Positive = 1 / 8
    upper: Annotated[Positive, AfterValidator(_not_below_lower), Field(validate_default=True)] = 1 / 3


@layer_kind
class PReLU(Layer):
    """``x`` where it is positive, ``a * x`` elsewhere, with ``a`` learned (He et al. 2015).

    Attributes:
        per_channel: Whether each channel has its own ``a``; else one is shared by all.
        initial: What every ``a`` begins with.
    """

    stem: ClassVar[str] = "relu"

    per_channel: bool = True
    initial: Positive = 0.25


@layer_kind
class SELU(Layer):
    """The ELU scaled so that activations keep mean 0 and variance 1 (Klambauer et al. 2017)."""

    stem: ClassVar[str] = "selu"


@layer_kind
class Mish(Layer):
    """``x * tanh(ln(1 + exp(x)))`` (Misra 2019)."""

    stem: ClassVar[str] = "mish"


@layer_kind
class HardSigmoid(Layer):
    """``min(max(x / 6 + 1 / 2, 0), 1)``, the logistic function in three straight pieces."""

    stem: ClassVar[str] = "sigmoid"


@layer_kind
class ScaledTanh(Layer):
    """``amplitude * tanh(slope * x)`` with LeCun's 1.7159 and 2/3, so that ±1 is mapped to ±1 (LeCun et al. 1998)."""

    stem: ClassVar[str] = "tanh"

    amplitude: Positive = 1.7159
    slope: Positive = 2 / 3


@layer_kind
class Maxout(Layer):
    """Largest of each ``pieces`` neighboring channels: ``(C, *size) -> (C / pieces, *size)`` (Goodfellow et al. 2013).

    Put it behind a `Linear` or `Conv` with ``pieces`` times as many outputs.
    """

    stem: ClassVar[str] = "maxout"

    pieces: Count


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
    """``exp(x) / sum(exp(x))`` over channels. Not needed before the training loss, which takes logits.

    Attributes:
        per_step: For a sequence ``(T, C)``: over the C values of each step. Else over the first axis.
    """

    stem: ClassVar[str] = "softmax"

    per_step: bool = False
