"""MobileNet and MobileNetV2.

Howard et al.: MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications, 2017; Sandler,
Howard, Zhu, Zhmoginov, Chen: MobileNetV2: Inverted Residuals and Linear Bottlenecks, 2018, as torchvision has it.
Padding is one position on every side, as in torchvision; TensorFlow has it at the end where a window strides. The first
has ReLU, as in its paper; its published weights were trained with ReLU6.
"""

import math
from typing import NamedTuple

from striate.errors import DescriptionError, bad_argument
from striate.spec import (
    BatchNorm,
    Conv,
    DepthwiseConv,
    Dropout,
    GlobalAvgPool,
    Linear,
    Network,
    Node,
    ReLU,
    ReLU6,
    Residual,
    Sequential,
)
from striate.zoo.registry import Paper, named

__all__ = ["mobilenet_v1", "mobilenet_v2"]

PAPER_V1 = Paper(
    "Howard et al.",
    "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications",
    2017,
)
PAPER_V2 = Paper(
    "Sandler, Howard, Zhu, Zhmoginov, Chen", "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018
)

_V1 = (  # maps and stride of each separable convolution: the paper's table 1
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (1024, 2),
    (1024, 1),
)


class _Row(NamedTuple):
    """A row of table 2 of the second paper: ``depth`` blocks, the first of which strides."""

    expansion: int
    maps: int
    depth: int
    stride: int


_V2 = (
    _Row(1, 16, 1, 1),
    _Row(6, 24, 2, 2),
    _Row(6, 32, 3, 2),
    _Row(6, 64, 4, 2),
    _Row(6, 96, 3, 1),
    _Row(6, 160, 3, 2),
    _Row(6, 320, 1, 1),
)


@named(PAPER_V1)
def mobilenet_v1(num_classes: int = 1000, width: float = 1.0) -> Network:
    """MobileNet: depthwise convolutions, each with a 1×1 convolution behind it; 4,231,976 parameters.

    Args:
        num_classes: Number of outputs.
        width: Factor on the maps of every layer, the paper's α: 1, 0.75, 0.5 or 0.25.
    """
    blocks = [
        Sequential(
            *_depthwise(stride, ReLU()),
            *_conv(_scaled(maps, width), 1, ReLU()),
            name=f"block{number}",
        )
        for number, (maps, stride) in enumerate(_V1, 1)
    ]
    body = Sequential(
        *_conv(_scaled(32, width), 3, ReLU(), stride=2),
        *blocks,
        GlobalAvgPool(),
        Linear(num_classes, name="classifier"),
    )
    return Network("mobilenet_v1", (3, 224, 224), body)


@named(PAPER_V2)
def mobilenet_v2(num_classes: int = 1000, width: float = 1.0) -> Network:
    """MobileNetV2: residual blocks that are wide inside and narrow between; 3,504,872 parameters.

    Args:
        num_classes: Number of outputs.
        width: Factor on the maps of every layer but, below 1, of the last convolution.
    """
    first = _scaled(32, width)
    blocks: list[Node] = []
    maps = first
    for row in _V2:
        for i in range(row.depth):
            stride = row.stride if i == 0 else 1
            out = _scaled(row.maps, width)
            blocks.append(_inverted_residual(maps, out, stride, row.expansion, f"block{len(blocks) + 1}"))
            maps = out
    body = Sequential(
        *_conv(first, 3, ReLU6(), stride=2),
        *blocks,
        *_conv(_scaled(1280, max(width, 1.0)), 1, ReLU6()),
        GlobalAvgPool(),
        Dropout(0.2),
        Linear(num_classes, name="classifier"),
    )
    return Network("mobilenet_v2", (3, 224, 224), body)


def _inverted_residual(in_channels: int, out_channels: int, stride: int, expansion: int, name: str) -> Node:
    """Return a block: widen by 1×1, filter each map, narrow by 1×1 without activation."""
    widen = _conv(expansion * in_channels, 1, ReLU6()) if expansion > 1 else ()
    layers = (
        *widen,
        *_depthwise(stride, ReLU6()),
        Conv(out_channels, 1, bias=False),
        BatchNorm(),
    )
    if stride == 1 and in_channels == out_channels:
        return Residual(Sequential(*layers), name=name)
    return Sequential(*layers, name=name)


def _conv(maps: int, kernel_size: int, activation: Node, stride: int = 1) -> tuple[Node, ...]:
    conv = Conv(maps, kernel_size, stride=stride, padding=kernel_size // 2, bias=False)
    return conv, BatchNorm(), activation


def _depthwise(stride: int, activation: Node) -> tuple[Node, ...]:
    return DepthwiseConv(3, stride=stride, padding=1, bias=False), BatchNorm(), activation


def _scaled(maps: int, width: float) -> int:
    """Return ``maps * width`` as a multiple of 8 that is at most a tenth smaller."""
    if isinstance(width, bool) or not isinstance(width, int | float) or not 0 < width < math.inf:
        raise DescriptionError(bad_argument("width", width, "a number above 0"))
    scaled = maps * width
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * scaled else rounded
