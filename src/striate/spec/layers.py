"""The layer kinds: one frozen dataclass each, saying what the layer is and nothing of how it runs.

Sizes (``kernel_size``, ``stride``, ``dilation``) are an int, meant for every axis, or a tuple with one
int per axis. The number of axes is not said here: it is that of the input, so that one `Conv` stands
for the 1-d, the 2-d and the 3-d convolution. ``padding`` is an int, one entry per axis (an int, or a
``(before, after)`` pair), or a word:

- ``"valid"``: none;
- ``"same"``: as much as makes the output ``ceil(input / stride)`` long, the odd one at the end;
- ``"full"``: ``dilation * (kernel_size - 1)`` at both ends, every overlap counts;
- ``"causal"``: ``dilation * (kernel_size - 1)`` at the beginning, for signals (1-d) alone.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from striate.spec.node import Node, layer_kind
from striate.spec.values import Count, Padding, PoolPadding, Positive, Probability, Size

__all__ = [
    "ELU",
    "GELU",
    "AvgPool",
    "BatchNorm",
    "Conv",
    "Dropout",
    "Flatten",
    "GlobalAvgPool",
    "Identity",
    "Layer",
    "LeakyReLU",
    "Linear",
    "LocalResponseNorm",
    "MaxPool",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
]


class Layer(Node):
    """A node that computes: it takes one tensor and gives one tensor. Abstract."""


@layer_kind
class Conv(Layer):
    """Convolution (cross-correlation, as every framework computes it) over 1, 2 or 3 axes.

    ``(C, *size) -> (out_channels, *size')`` with ``size' = floor((size + pads - dilation *
    (kernel_size - 1) - 1) / stride) + 1``. Weights: ``(out_channels, C / groups, *kernel_size)``.

    Attributes:
        out_channels: Number of kernels, and of maps in the output.
        groups: The channels are split into this many towers that do not see each other.
        bias: Whether each kernel has a bias.
    """

    stem: ClassVar[str] = "conv"

    out_channels: Count
    kernel_size: Size
    stride: Size = 1
    padding: Padding = 0
    dilation: Size = 1
    groups: Count = 1
    bias: bool = True


@layer_kind
class MaxPool(Layer):
    """Largest value of each window, channel by channel. Padding never wins: it counts as minus infinity.

    Attributes:
        stride: Step between windows; None means ``kernel_size``, windows side by side.
        ceil_mode: Round the output size up, so that a last partial window counts (Caffe's rule).
    """

    stem: ClassVar[str] = "pool"

    kernel_size: Size
    stride: Size | None = None
    padding: PoolPadding = 0
    ceil_mode: bool = False


@layer_kind
class AvgPool(Layer):
    """Mean of each window, channel by channel.

    Attributes:
        stride: Step between windows; None means ``kernel_size``, windows side by side.
        ceil_mode: Round the output size up, so that a last partial window counts (Caffe's rule).
        count_include_pad: Whether padding counts as zeros in the mean.
    """

    stem: ClassVar[str] = "pool"

    kernel_size: Size
    stride: Size | None = None
    padding: PoolPadding = 0
    ceil_mode: bool = False
    count_include_pad: bool = True


@layer_kind
class GlobalAvgPool(Layer):
    """Mean of each whole map (Lin et al. 2013): ``(C, *size) -> (C,)``."""

    stem: ClassVar[str] = "pool"


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
class Dropout(Layer):
    """Inverted dropout (Srivastava et al. 2014): in training each value is zeroed with probability ``p``
    and the others divided by ``1 - p``; in evaluation nothing happens.
    """

    stem: ClassVar[str] = "dropout"

    p: Probability = 0.5


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


@layer_kind
class Identity(Layer):
    """Gives what it takes."""

    stem: ClassVar[str] = "identity"
