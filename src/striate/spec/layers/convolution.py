"""Convolutions: windows with weights, shared between positions or not."""

from __future__ import annotations

from typing import ClassVar

from striate.spec.layers.base import Layer
from striate.spec.node import layer_kind
from striate.spec.values import Connections, Count, Margin, Padding, Size

__all__ = [
    "Conv",
    "ConvTranspose",
    "DepthwiseConv",
    "LocallyConnected",
    "SeparableConv",
    "TableConv",
    "TiledConv",
]


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
class ConvTranspose(Layer):
    """Transposed convolution over 1, 2 or 3 axes (Zeiler et al. 2010), which `Conv` backwards is.

    ``(C, *size) -> (out_channels, *size')`` with ``size' = (size - 1) * stride - 2 * padding + dilation *
    (kernel_size - 1) + output_padding + 1``. Weights: ``(C, out_channels / groups, *kernel_size)``.

    Attributes:
        padding: How much is cut off at both ends of the output; one per axis or one for all.
        output_padding: Positions added at the end of the output, fewer than ``stride`` or ``dilation``:
            it chooses among the sizes that a convolution of this stride would map to one.
    """

    stem: ClassVar[str] = "deconv"

    out_channels: Count
    kernel_size: Size
    stride: Size = 1
    padding: Margin = 0
    output_padding: Margin = 0
    dilation: Size = 1
    groups: Count = 1
    bias: bool = True


@layer_kind
class DepthwiseConv(Layer):
    """Convolution of each channel by kernels of its own (Sifre 2014; Howard et al. 2017).

    ``(C, *size) -> (C * multiplier, *size')``. Weights: ``(C * multiplier, 1, *kernel_size)``.

    Attributes:
        multiplier: Kernels per channel; the outputs of one channel stand side by side.
    """

    stem: ClassVar[str] = "depthwise"

    kernel_size: Size
    stride: Size = 1
    padding: Padding = 0
    dilation: Size = 1
    multiplier: Count = 1
    bias: bool = True


@layer_kind
class SeparableConv(Layer):
    """A depthwise convolution and a 1×1 convolution behind it, with nothing between (Chollet 2016).

    ``(C, *size) -> (out_channels, *size')``. Weights: ``(C * multiplier, 1, *kernel_size)`` and
    ``(out_channels, C * multiplier, 1, …)``; the biases are those of the 1×1 convolution.

    Attributes:
        multiplier: Depthwise kernels per channel.
    """

    stem: ClassVar[str] = "conv"

    out_channels: Count
    kernel_size: Size
    stride: Size = 1
    padding: Padding = 0
    dilation: Size = 1
    multiplier: Count = 1
    bias: bool = True


@layer_kind
class LocallyConnected(Layer):
    """The windows of a convolution with weights of their own at every position, over 1 or 2 axes.

    Unshared convolution (LeCun 1989; Taigman et al. 2014; Goodfellow et al. 2016, section 9.5).
    ``(C, *size) -> (out_channels, *size')``. Weights: ``(*size', out_channels, *kernel_size, C)``, a matrix per
    position; biases: ``(out_channels, *size')``.
    """

    stem: ClassVar[str] = "local"

    out_channels: Count
    kernel_size: Size
    stride: Size = 1
    padding: Padding = 0
    dilation: Size = 1
    bias: bool = True


@layer_kind
class TiledConv(Layer):
    """Convolution whose kernels are taken in turn, over 1 or 2 axes (Le et al. 2010; Goodfellow et al. 2016).

    Output position ``i`` of an axis uses kernel ``i mod tiles``: neighbors differ, every ``tiles``-th position
    shares. ``tiles=1`` is `Conv`, as many tiles as positions is `LocallyConnected`. Weights:
    ``(*tiles, out_channels, C, *kernel_size)``, one tile count per axis; biases: ``(*tiles, out_channels)``.

    Attributes:
        tiles: Kernels taken in turn along each axis: an int for every axis, or one per axis.
    """

    stem: ClassVar[str] = "tiled"

    out_channels: Count
    kernel_size: Size
    tiles: Size
    stride: Size = 1
    padding: Padding = 0
    dilation: Size = 1
    bias: bool = True


@layer_kind
class TableConv(Layer):
    """Convolution in which each output map reads only the input maps that a table names.

    As C3 of LeNet-5 does (LeCun et al. 1998, table 1). ``(C, *size) -> (len(connections), *size')``. Weights:
    ``(number of connections, *kernel_size)``, in the order of the table.

    Attributes:
        connections: For each output map the numbers of the input maps it reads, from 0.
    """

    stem: ClassVar[str] = "conv"
    lists: ClassVar[tuple[str, ...]] = ("connections",)

    connections: Connections
    kernel_size: Size
    stride: Size = 1
    padding: Padding = 0
    dilation: Size = 1
    bias: bool = True
