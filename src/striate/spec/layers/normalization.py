"""Normalization."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from striate.spec.layers.base import Layer
from striate.spec.node import layer_kind
from striate.spec.values import Count, Odd, Positive

__all__ = ["BatchNorm", "GroupNorm", "InstanceNorm", "LayerNorm", "LocalContrastNorm", "LocalResponseNorm"]


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
class LayerNorm(Layer):
    """Layer normalization (Ba et al. 2016): each image by the mean and variance of its own values.

    Attributes:
        over: Which values share a mean: ``"image"`` all of an image, with a scale and a shift for each of them;
            ``"channels"`` those of one position, as in ConvNeXt; ``"step"`` those of one step of a sequence
            ``(T, C)``. The last two learn a scale and a shift per channel.
        eps: Added to the variance.
        affine: Whether scales (weights) and shifts (biases) are learned.
    """

    stem: ClassVar[str] = "norm"

    over: Literal["image", "channels", "step"] = "image"
    eps: Positive = 1e-5
    affine: bool = True


@layer_kind
class GroupNorm(Layer):
    """Group normalization (Wu and He 2018): each image by the mean and variance of groups of its channels.

    Attributes:
        num_groups: How many groups; it divides the channels. 1 is one mean for the whole image.
        eps: Added to the variance.
        affine: Whether a scale (weights) and a shift (biases) per channel are learned.
    """

    stem: ClassVar[str] = "norm"

    num_groups: Count
    eps: Positive = 1e-5
    affine: bool = True


@layer_kind
class InstanceNorm(Layer):
    """Instance normalization (Ulyanov et al. 2016): each map of each image by its own mean and variance.

    Attributes:
        eps: Added to the variance.
        affine: Whether a scale (weights) and a shift (biases) per channel are learned.
    """

    stem: ClassVar[str] = "norm"

    eps: Positive = 1e-5
    affine: bool = False


@layer_kind
class LocalResponseNorm(Layer):
    """Local response normalization (Krizhevsky et al. 2012):
    ``x / (k + alpha / n * sum of the squares of n neighbors) ** beta``.

    Attributes:
        size: How many channels are neighbors, or how many positions on each axis.
        region: ``"across"``: neighbors are ``size`` channels at one position; ``"within"``: ``size`` × ``size``
            positions of one channel (Caffe's WITHIN_CHANNEL); what lies outside counts as zero, and ``n`` stays.
    """

    stem: ClassVar[str] = "norm"

    size: Count = 5
    alpha: Positive = 1e-4
    beta: Positive = 0.75
    k: Positive = 1.0
    region: Literal["across", "within"] = "across"


@layer_kind
class LocalContrastNorm(Layer):
    """Local contrast normalization (Jarrett et al. 2009), over 1 or 2 axes.

    From each value the Gaussian-weighted mean of its neighborhood in all channels is subtracted; the result is
    divided by the weighted standard deviation there, or by the mean of that over the image where it is larger.
    At the border the weights of what lies inside are scaled to sum to one.

    Attributes:
        kernel_size: Positions of the window on each axis, an odd number.
        sigma: Of the Gaussian, in positions; None means ``kernel_size / 4``.
        eps: Least divisor, for an image without contrast.
    """

    stem: ClassVar[str] = "norm"

    kernel_size: Odd = 9
    sigma: Positive | None = None
    eps: Positive = 1e-4
