"""Pooling: windows without weights, and the mean of whole maps."""

from __future__ import annotations

from typing import ClassVar

from striate.spec.layers.base import Layer
from striate.spec.node import layer_kind
from striate.spec.values import PoolPadding, Size

__all__ = ["AvgPool", "GlobalAvgPool", "MaxPool"]


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
