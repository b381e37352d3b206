"""Residual networks of pre-activation blocks: normalization and ReLU stand before each convolution.

He, Zhang, Ren, Sun: Identity Mappings in Deep Residual Networks, 2016. Those for ImageNet are timm's (``resnetv2_50``
and its like); those for CIFAR-10 have the widths and depths of the paper. As in timm, the 3×3 convolution of a
bottleneck strides, where the authors' program has the first 1×1; and where the first block of a network keeps the
size, its first ReLU stands in the body alone, where the authors have it before both ways.
"""

from functools import partial

from striate.spec import BatchNorm, Conv, GlobalAvgPool, Linear, MaxPool, Network, ReLU, Sequential
from striate.zoo.registry import Paper, named
from striate.zoo.resnet import basic_block, bottleneck_block, stages

__all__ = [
    "resnet18_preact",
    "resnet50_preact",
    "resnet101_preact",
    "resnet110_preact",
    "resnet152_preact",
    "resnet164_preact",
    "resnet1001_preact",
]

PAPER = Paper("He, Zhang, Ren, Sun", "Identity Mappings in Deep Residual Networks", 2016)

_BASIC = partial(basic_block, order="pre")
_BASIC_ZERO_PADDED = partial(basic_block, order="pre", shortcut="A")
_BOTTLENECK = partial(bottleneck_block, order="pre")


@named(PAPER)
def resnet18_preact(num_classes: int = 1000) -> Network:
    """Pre-activation ResNet-18; 11,687,720 parameters."""
    return _imagenet("resnet18_preact", (2, 2, 2, 2), num_classes, bottlenecks=False)


@named(PAPER)
def resnet50_preact(num_classes: int = 1000) -> Network:
    """Pre-activation ResNet-50; 25,549,352 parameters."""
    return _imagenet("resnet50_preact", (3, 4, 6, 3), num_classes)


@named(PAPER)
def resnet101_preact(num_classes: int = 1000) -> Network:
    """Pre-activation ResNet-101; 44,541,480 parameters."""
    return _imagenet("resnet101_preact", (3, 4, 23, 3), num_classes)


@named(PAPER)
def resnet152_preact(num_classes: int = 1000) -> Network:
    """Pre-activation ResNet-152; 60,185,128 parameters."""
    return _imagenet("resnet152_preact", (3, 8, 36, 3), num_classes)


@named(PAPER)
def resnet110_preact(num_classes: int = 10) -> Network:
    """Pre-activation ResNet-110 for CIFAR-10, shortcuts without parameters; 1,727,962 parameters."""
    return _cifar("resnet110_preact", 18, num_classes, bottlenecks=False)


@named(PAPER)
def resnet164_preact(num_classes: int = 10) -> Network:
    """Pre-activation ResNet-164 for CIFAR-10, of bottlenecks; 1,703,258 parameters."""
    return _cifar("resnet164_preact", 18, num_classes)


@named(PAPER)
def resnet1001_preact(num_classes: int = 10) -> Network:
    """Pre-activation ResNet-1001 for CIFAR-10, of bottlenecks; 10,327,706 parameters."""
    return _cifar("resnet1001_preact", 111, num_classes)


def _imagenet(name: str, depths: tuple[int, ...], num_classes: int, *, bottlenecks: bool = True) -> Network:
    block, maps = (_BOTTLENECK, (256, 512, 1024, 2048)) if bottlenecks else (_BASIC, (64, 128, 256, 512))
    body = Sequential(
        Conv(64, 7, stride=2, padding=3, bias=False),
        MaxPool(3, stride=2, padding=1),
        *stages(block, 64, maps, depths),
        *_end(num_classes),
    )
    return Network(name, (3, 224, 224), body)


def _cifar(name: str, depth: int, num_classes: int, *, bottlenecks: bool = True) -> Network:
    block, maps = (_BOTTLENECK, (64, 128, 256)) if bottlenecks else (_BASIC_ZERO_PADDED, (16, 32, 64))
    body = Sequential(
        Conv(16, 3, padding=1, bias=False),
        *stages(block, 16, maps, (depth,) * 3),
        *_end(num_classes),
    )
    return Network(name, (3, 32, 32), body)


def _end(num_classes: int) -> tuple[BatchNorm, ReLU, GlobalAvgPool, Linear]:
    return BatchNorm(), ReLU(), GlobalAvgPool(), Linear(num_classes, name="classifier")
