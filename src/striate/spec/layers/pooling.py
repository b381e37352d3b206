"""Pooling: windows without weights, whole maps, channels; and the ways back to larger maps."""

from __future__ import annotations

from typing import ClassVar, Literal

from striate.spec.layers.base import Layer
from striate.spec.node import layer_kind
from striate.spec.values import Count, Exponent, LayerPath, PoolPadding, Size

__all__ = [
    "AdaptiveAvgPool",
    "AdaptiveMaxPool",
    "AvgPool",
    "ChannelPool",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "LpPool",
    "MaxPool",
    "MaxUnpool",
    "StochasticPool",
    "Subsample",
    "Upsample",
]


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
class GlobalMaxPool(Layer):
    """Largest value of each whole map: ``(C, *size) -> (C,)``."""

    stem: ClassVar[str] = "pool"


@layer_kind
class LpPool(Layer):
    """``(sum of abs(x) ** p) ** (1 / p)`` of each window, channel by channel (Sermanet et al. 2012).

    ``p=1`` is the sum of the absolute values, and a large ``p`` comes near their maximum. Padding counts as zero.

    Attributes:
        p: The exponent, at least 1.
        stride: Step between windows; None means ``kernel_size``, windows side by side.
        ceil_mode: Round the output size up, so that a last partial window counts (Caffe's rule).
    """

    stem: ClassVar[str] = "pool"

    kernel_size: Size
    p: Exponent = 2.0
    stride: Size | None = None
    padding: PoolPadding = 0
    ceil_mode: bool = False


@layer_kind
class StochasticPool(Layer):
    """One value of each window, drawn with probability proportional to it (Zeiler and Fergus 2013).

    In training the value ``a_i`` is drawn with probability ``a_i / sum of a``; in evaluation the window gives
    its expectation, ``sum of a² / sum of a``. It is meant for values that are not negative, behind a ReLU:
    negative ones are never drawn, and a window without positive values gives zero.

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
class AdaptiveAvgPool(Layer):
    """Mean over windows that are chosen so that the output has ``output_size`` (dynamic pooling).

    Window ``i`` of an axis reaches from ``floor(i * size / out)`` to ``ceil((i + 1) * size / out)``.
    """

    stem: ClassVar[str] = "pool"

    output_size: Size


@layer_kind
class AdaptiveMaxPool(Layer):
    """Maximum over windows that are chosen so that the output has ``output_size`` (dynamic pooling).

    Window ``i`` of an axis reaches from ``floor(i * size / out)`` to ``ceil((i + 1) * size / out)``.
    """

    stem: ClassVar[str] = "pool"

    output_size: Size


@layer_kind
class ChannelPool(Layer):
    """Pooling across channels: of each ``size`` neighboring maps, their maximum or mean, position by position.

    ``(C, *positions) -> (C / size, *positions)``. The maximum behind a layer without activation is maxout
    (Goodfellow et al. 2013), which `Maxout` says in fewer words.
    """

    stem: ClassVar[str] = "pool"

    size: Count
    mode: Literal["max", "average"] = "max"


@layer_kind
class Subsample(Layer):
    """LeCun's trainable subsampling: the sum of each window times a coefficient, plus a bias.

    One coefficient and one bias per map: layers S2 and S4 of LeNet-5 (LeCun et al. 1998). Weights and biases:
    ``(C,)`` each; the coefficients begin as ``1 / prod(kernel_size)``, which is the mean.

    Attributes:
        stride: Step between windows; None means ``kernel_size``, windows side by side.
    """

    stem: ClassVar[str] = "subsample"

    kernel_size: Size
    stride: Size | None = None


@layer_kind
class MaxUnpool(Layer):
    """Puts each value back where the maximum of an earlier `MaxPool` was, zeros elsewhere (Zeiler et al. 2011).

    ``(C, *output of the pool) -> (C, *input of the pool)``. Values that share a place are added, so that it is
    the transpose of the pooling.

    Attributes:
        pool: Path of the `MaxPool` whose switches are used; it stands earlier in the network.
    """

    stem: ClassVar[str] = "unpool"

    pool: LayerPath


@layer_kind
class Upsample(Layer):
    """Maps made ``scale_factor`` times as large, by repeating values or by linear interpolation.

    Attributes:
        mode: ``"nearest"`` repeats; ``"bilinear"`` interpolates on every axis, pixel centers aligned.
    """

    stem: ClassVar[str] = "upsample"

    scale_factor: Size
    mode: Literal["nearest", "bilinear"] = "nearest"
