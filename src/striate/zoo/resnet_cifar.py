"""Residual networks for CIFAR-10: three stages of n basic blocks, 6n + 2 layers.

He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, 2015, section 4.2. No shortcut has parameters
(option A).
"""

from functools import partial

from striate.spec import BatchNorm, Conv, GlobalAvgPool, Linear, Network, ReLU, Sequential
from striate.zoo.registry import named
from striate.zoo.resnet import PAPER, basic_block, stages

__all__ = ["resnet20", "resnet32", "resnet44", "resnet56", "resnet110", "resnet1202"]


@named(PAPER)
def resnet20(num_classes: int = 10) -> Network:
    """ResNet-20 for CIFAR-10, shortcuts without parameters (option A); 269,722 parameters."""
    return _cifar("resnet20", 3, num_classes)


@named(PAPER)
def resnet32(num_classes: int = 10) -> Network:
    """ResNet-32 for CIFAR-10, shortcuts without parameters (option A); 464,154 parameters."""
    return _cifar("resnet32", 5, num_classes)


@named(PAPER)
def resnet44(num_classes: int = 10) -> Network:
    """ResNet-44 for CIFAR-10, shortcuts without parameters (option A); 658,586 parameters."""
    return _cifar("resnet44", 7, num_classes)


@named(PAPER)
def resnet56(num_classes: int = 10) -> Network:
    """ResNet-56 for CIFAR-10, shortcuts without parameters (option A); 853,018 parameters."""
    return _cifar("resnet56", 9, num_classes)


@named(PAPER)
def resnet110(num_classes: int = 10) -> Network:
    """ResNet-110 for CIFAR-10, shortcuts without parameters (option A); 1,727,962 parameters."""
    return _cifar("resnet110", 18, num_classes)


@named(PAPER)
def resnet1202(num_classes: int = 10) -> Network:
    """ResNet-1202 for CIFAR-10, shortcuts without parameters (option A); 19,421,274 parameters."""
    return _cifar("resnet1202", 200, num_classes)


def _cifar(name: str, depth: int, num_classes: int) -> Network:
    block = partial(basic_block, shortcut="A")
    body = Sequential(
        Conv(16, 3, padding=1, bias=False),
        BatchNorm(),
        ReLU(),
        *stages(block, 16, (16, 32, 64), (depth,) * 3),
        GlobalAvgPool(),
        Linear(num_classes, name="classifier"),
    )
    return Network(name, (3, 32, 32), body)
