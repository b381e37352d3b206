"""Densely connected networks: every layer of a block reads the maps of all layers before it.

Huang, Liu, van der Maaten, Weinberger: Densely Connected Convolutional Networks, 2016, with bottlenecks and
compression (DenseNet-BC), as torchvision has them.
"""

from striate.spec import (
    AvgPool,
    BatchNorm,
    Concat,
    Conv,
    GlobalAvgPool,
    Identity,
    Linear,
    MaxPool,
    Network,
    Node,
    ReLU,
    Repeat,
    Sequential,
)
from striate.zoo.registry import Paper, named

__all__ = ["densenet121", "densenet161", "densenet169", "densenet201"]

PAPER = Paper("Huang, Liu, van der Maaten, Weinberger", "Densely Connected Convolutional Networks", 2016)

_BOTTLENECK = 4  # the 1×1 convolution of a layer gives this many times the maps that the layer adds


@named(PAPER)
def densenet121(num_classes: int = 1000) -> Network:
    """DenseNet-121, each layer adding 32 maps; 7,978,856 parameters."""
    return _densenet("densenet121", (6, 12, 24, 16), num_classes)


@named(PAPER)
def densenet169(num_classes: int = 1000) -> Network:
    """DenseNet-169, each layer adding 32 maps; 14,149,480 parameters."""
    return _densenet("densenet169", (6, 12, 32, 32), num_classes)


@named(PAPER)
def densenet201(num_classes: int = 1000) -> Network:
    """DenseNet-201, each layer adding 32 maps; 20,013,928 parameters."""
    return _densenet("densenet201", (6, 12, 48, 32), num_classes)


@named(PAPER)
def densenet161(num_classes: int = 1000) -> Network:
    """DenseNet-161, each layer adding 48 maps; 28,681,000 parameters."""
    return _densenet("densenet161", (6, 12, 36, 24), num_classes, growth=48)


def _densenet(name: str, depths: tuple[int, ...], num_classes: int, *, growth: int = 32) -> Network:
    maps = 2 * growth
    blocks: list[Node] = []
    for number, depth in enumerate(depths, 1):
        blocks.append(Sequential(Repeat(_dense_layer(growth), depth), name=f"block{number}"))
        maps += depth * growth
        if number < len(depths):
            maps //= 2
            blocks.append(_transition(maps, f"transition{number}"))
    body = Sequential(
        Conv(2 * growth, 7, stride=2, padding=3, bias=False),
        BatchNorm(),
        ReLU(),
        MaxPool(3, stride=2, padding=1),
        *blocks,
        BatchNorm(),
        ReLU(),
        GlobalAvgPool(),
        Linear(num_classes, name="classifier"),
    )
    return Network(name, (3, 224, 224), body)


def _dense_layer(growth: int) -> Concat:
    """Return a layer that keeps the maps it reads and adds ``growth`` behind them."""
    new = Sequential(
        BatchNorm(),
        ReLU(),
        Conv(_BOTTLENECK * growth, 1, bias=False),
        BatchNorm(),
        ReLU(),
        Conv(growth, 3, padding=1, bias=False),
        name="new",
    )
    return Concat(Identity(name="old"), new, name="layer")


def _transition(maps: int, name: str) -> Sequential:
    return Sequential(BatchNorm(), ReLU(), Conv(maps, 1, bias=False), AvgPool(2), name=name)
