"""Residual networks: the two blocks, and the five networks for ImageNet.

He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, 2015. The networks are those of torchvision:
where a block changes the size it has a projection (the paper's option B), and in bottlenecks the 3×3 convolution
strides, where the paper's first 1×1 does; that alters no parameter, but MACs and receptive fields.
"""

from collections.abc import Callable
from typing import Literal, get_args

from striate.errors import DescriptionError, bad_argument
from striate.spec import (
    AvgPool,
    BatchNorm,
    Conv,
    GlobalAvgPool,
    Linear,
    MaxPool,
    Network,
    Node,
    PadChannels,
    ReLU,
    Repeat,
    Residual,
    Sequential,
)
from striate.zoo.registry import Paper, named

__all__ = [
    "basic_block",
    "bottleneck_block",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "stages",
]

PAPER = Paper("He, Zhang, Ren, Sun", "Deep Residual Learning for Image Recognition", 2015)

Shortcut = Literal["A", "B", "C"]
Order = Literal["post", "pre"]
Block = Callable[..., Sequential]

_EXPANSION = 4  # a bottleneck gives four times the maps of its 3×3 convolution
_BASIC = (64, 128, 256, 512)  # maps that the stages give
_WIDE = (256, 512, 1024, 2048)


@named(PAPER)
def resnet18(num_classes: int = 1000) -> Network:
    """ResNet-18 with projection shortcuts where the size changes (option B); 11,689,512 parameters."""
    return Network("resnet18", (3, 224, 224), _imagenet(basic_block, _BASIC, (2, 2, 2, 2), num_classes))


@named(PAPER)
def resnet34(num_classes: int = 1000) -> Network:
    """ResNet-34 with projection shortcuts where the size changes (option B); 21,797,672 parameters."""
    return Network("resnet34", (3, 224, 224), _imagenet(basic_block, _BASIC, (3, 4, 6, 3), num_classes))


@named(PAPER)
def resnet50(num_classes: int = 1000) -> Network:
    """ResNet-50 of bottlenecks whose 3×3 convolution strides; 25,557,032 parameters."""
    return Network("resnet50", (3, 224, 224), _imagenet(bottleneck_block, _WIDE, (3, 4, 6, 3), num_classes))


@named(PAPER)
def resnet101(num_classes: int = 1000) -> Network:
    """ResNet-101 of bottlenecks whose 3×3 convolution strides; 44,549,160 parameters."""
    return Network("resnet101", (3, 224, 224), _imagenet(bottleneck_block, _WIDE, (3, 4, 23, 3), num_classes))


@named(PAPER)
def resnet152(num_classes: int = 1000) -> Network:
    """ResNet-152 of bottlenecks whose 3×3 convolution strides; 60,192,808 parameters."""
    return Network("resnet152", (3, 224, 224), _imagenet(bottleneck_block, _WIDE, (3, 8, 36, 3), num_classes))


def _imagenet(
    block: Block, out_channels: tuple[int, ...], depths: tuple[int, ...], num_classes: int
) -> Sequential:
    return Sequential(
        Conv(64, 7, stride=2, padding=3, bias=False),
        BatchNorm(),
        ReLU(),
        MaxPool(3, stride=2, padding=1),
        *stages(block, 64, out_channels, depths),
        GlobalAvgPool(),
        Linear(num_classes, name="classifier"),
    )


def basic_block(
    in_channels: int,
    out_channels: int,
    stride: int = 1,
    *,
    shortcut: Shortcut = "B",
    order: Order = "post",
    name: str | None = None,
) -> Sequential:
    """Return two 3×3 convolutions with a shortcut around them, to be put among other layers.

    Args:
        in_channels: Maps of the block's input.
        out_channels: Maps of its output.
        stride: Step of the first convolution.
        shortcut: How the input is brought to the size of the output: ``"A"`` skips positions and adds maps of
            zeros, without parameters; ``"B"`` projects by a 1×1 convolution; both leave it alone where the size
            stays. ``"C"`` projects always.
        order: ``"post"`` normalizes behind each convolution and puts a ReLU behind the sum (He et al. 2015);
            ``"pre"`` puts both before each convolution, and nothing behind the sum (He et al. 2016). Where a
            ``"pre"`` block projects, its shortcut reads what the first ReLU gives.
        name: The name of the `Residual` in the block.

    Raises:
        DescriptionError: naming the argument that is not allowed.
    """
    convs = (
        Conv(out_channels, 3, stride=stride, padding=1, bias=False),
        Conv(out_channels, 3, padding=1, bias=False),
    )
    return _block(convs, _around(in_channels, out_channels, stride, shortcut), order, name)


def bottleneck_block(
    in_channels: int,
    out_channels: int,
    stride: int = 1,
    *,
    shortcut: Shortcut = "B",
    order: Order = "post",
    name: str | None = None,
) -> Sequential:
    """Return a 3×3 convolution between two 1×1 that narrow and widen four times, with a shortcut around them.

    Its arguments are those of `basic_block`; the 3×3 convolution strides, and ``out_channels`` is a multiple of 4.

    Raises:
        DescriptionError: naming the argument that is not allowed.
    """
    width, rest = divmod(out_channels, _EXPANSION)
    if rest:
        raise DescriptionError(bad_argument("out_channels", out_channels, f"a multiple of {_EXPANSION}"))
    convs = (
        Conv(width, 1, bias=False),
        Conv(width, 3, stride=stride, padding=1, bias=False),
        Conv(out_channels, 1, bias=False),
    )
    return _block(convs, _around(in_channels, out_channels, stride, shortcut), order, name)


def _block(convs: tuple[Conv, ...], around: list[Node], order: Order, name: str | None) -> Sequential:
    if order not in get_args(Order):
        raise DescriptionError(bad_argument("order", order, "'post' or 'pre'"))
    projects = any(isinstance(node, Conv) for node in around)
    if order == "post":
        body = [layer for conv in convs for layer in (conv, BatchNorm(), ReLU())][:-1]
        shortcut = [*around, BatchNorm()] if projects else around
        return Sequential(Residual(Sequential(*body), _chain(shortcut), name=name), ReLU())
    body = [layer for conv in convs for layer in (BatchNorm(), ReLU(), conv)]
    if projects:  # both ways begin behind the first ReLU
        return Sequential(*body[:2], Residual(Sequential(*body[2:]), _chain(around), name=name))
    return Sequential(Residual(Sequential(*body), _chain(around), name=name))


def _around(in_channels: int, out_channels: int, stride: int, shortcut: Shortcut) -> list[Node]:
    """Return what the input passes through on its way around the body, but for normalization."""
    if shortcut not in get_args(Shortcut):
        raise DescriptionError(bad_argument("shortcut", shortcut, "'A', 'B' or 'C'"))
    resized = stride != 1 or in_channels != out_channels
    if shortcut == "C" or (shortcut == "B" and resized):
        return [Conv(out_channels, 1, stride=stride, bias=False)]
    skipped: list[Node] = [AvgPool(1, stride=stride)] if stride != 1 else []
    padded: list[Node] = [PadChannels(out_channels)] if in_channels != out_channels else []
    return skipped + padded


def _chain(nodes: list[Node]) -> Node | None:
    match nodes:
        case []:
            return None
        case [node]:
            return node
        case _:
            return Sequential(*nodes)


def stages(
    block: Block, in_channels: int, out_channels: tuple[int, ...], depths: tuple[int, ...]
) -> list[Sequential]:
    """Return stages of ``depths`` blocks: the first block of each, but of the first stage, halves the size.

    Args:
        block: `basic_block`, `bottleneck_block`, or one of them with options set.
        in_channels: Maps that the first stage reads.
        out_channels: Maps that each stage gives.
        depths: Blocks of each stage.
    """
    made = []
    for number, (maps, depth) in enumerate(zip(out_channels, depths, strict=True), 1):
        stride = 1 if number == 1 else 2
        made.append(_stage(block, in_channels, maps, depth, stride=stride, name=f"stage{number}"))
        in_channels = maps
    return made


def _stage(
    block: Block, in_channels: int, out_channels: int, depth: int, *, stride: int, name: str
) -> Sequential:
    alike = block(out_channels, out_channels, name="block")
    if stride == 1 and in_channels == out_channels:
        return Sequential(Repeat(alike, depth), name=name)
    first = block(in_channels, out_channels, stride, name="block1")
    return Sequential(*first.layers, Repeat(alike, depth - 1), name=name)
