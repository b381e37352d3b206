"""Residual networks.

He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, 2015.
"""

from striate.spec import (
    BatchNorm,
    Conv,
    GlobalAvgPool,
    Linear,
    MaxPool,
    Network,
    Node,
    ReLU,
    Repeat,
    Residual,
    Sequential,
)

__all__ = ["resnet18"]


def resnet18(num_classes: int = 1000) -> Network:
    """ResNet-18 with projection shortcuts where the size changes (option B); 11,689,512 parameters."""
    return Network("resnet18", (3, 224, 224), _imagenet((2, 2, 2, 2), num_classes))


def _imagenet(depths: tuple[int, int, int, int], num_classes: int) -> Sequential:
    stages = [_stage(i, 64 * 2**i, depth) for i, depth in enumerate(depths)]
    return Sequential(
        Conv(64, 7, stride=2, padding=3, bias=False),
        BatchNorm(),
        ReLU(),
        MaxPool(3, stride=2, padding=1),
        *stages,
        GlobalAvgPool(),
        Linear(num_classes, name="classifier"),
    )


def _stage(index: int, maps: int, depth: int) -> Sequential:
    """Return a stage: its first block halves the size (but in the first stage), the others keep it."""
    plain: list[Node] = [_basic_block(maps), ReLU()]
    if index == 0:
        return Sequential(Repeat(Sequential(*plain), depth), name="stage1")
    return Sequential(
        _basic_block(maps, stride=2, project=True, name="block1"),
        ReLU(),
        Repeat(Sequential(*plain), depth - 1),
        name=f"stage{index + 1}",
    )


def _basic_block(maps: int, stride: int = 1, *, project: bool = False, name: str = "block") -> Residual:
    body = Sequential(
        Conv(maps, 3, stride=stride, padding=1, bias=False),
        BatchNorm(),
        ReLU(),
        Conv(maps, 3, padding=1, bias=False),
        BatchNorm(),
    )
    shortcut = Sequential(Conv(maps, 1, stride=stride, bias=False), BatchNorm()) if project else None
    return Residual(body, shortcut, name=name)
