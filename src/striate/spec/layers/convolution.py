"""Convolutions: windows with weights."""

from __future__ import annotations

from typing import ClassVar

from striate.spec.layers.base import Layer
from striate.spec.node import layer_kind
from striate.spec.values import Count, Padding, Size

__all__ = ["Conv"]


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
