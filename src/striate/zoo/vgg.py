"""VGG: one function and the six columns of the paper's table 1, with and without batch normalization.

Simonyan, Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition, 2014. The variants
with batch normalization are those of torchvision, which published their counts.
"""

from typing import NamedTuple

from striate.errors import DescriptionError, unknown_name
from striate.spec import (
    BatchNorm,
    Conv,
    Dropout,
    Flatten,
    Linear,
    LocalResponseNorm,
    MaxPool,
    Network,
    Node,
    ReLU,
    Sequential,
)
from striate.zoo.registry import Paper, named

__all__ = [
    "vgg",
    "vgg11",
    "vgg11_bn",
    "vgg11_lrn",
    "vgg13",
    "vgg13_bn",
    "vgg16",
    "vgg16_bn",
    "vgg16_c",
    "vgg16_c_bn",
    "vgg19",
    "vgg19_bn",
]

PAPER = Paper(
    "Simonyan, Zisserman", "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2014
)

_MAPS = (64, 128, 256, 512, 512)


class _Column(NamedTuple):
    """A column of table 1: its network, and the kernel sizes of each of the five stages."""

    name: str
    kernels: tuple[tuple[int, ...], ...]
    local_norm: bool = False  # local response normalization behind the first convolution


_COLUMNS = {
    "A": _Column("vgg11", ((3,), (3,), (3, 3), (3, 3), (3, 3))),
    "A-LRN": _Column("vgg11_lrn", ((3,), (3,), (3, 3), (3, 3), (3, 3)), local_norm=True),
    "B": _Column("vgg13", ((3, 3), (3, 3), (3, 3), (3, 3), (3, 3))),
    "C": _Column("vgg16_c", ((3, 3), (3, 3), (3, 3, 1), (3, 3, 1), (3, 3, 1))),
    "D": _Column("vgg16", ((3, 3), (3, 3), (3, 3, 3), (3, 3, 3), (3, 3, 3))),
    "E": _Column("vgg19", ((3, 3), (3, 3), (3, 3, 3, 3), (3, 3, 3, 3), (3, 3, 3, 3))),
}


@named(PAPER, aliases=("vgg_a",))
def vgg11(num_classes: int = 1000) -> Network:
    """VGG-11, the paper's configuration A; 132,863,336 parameters."""
    return vgg("A", num_classes=num_classes)


@named(PAPER)
def vgg11_bn(num_classes: int = 1000) -> Network:
    """VGG-11 with batch normalization; 132,868,840 parameters."""
    return vgg("A", batch_norm=True, num_classes=num_classes)


@named(PAPER, aliases=("vgg_a_lrn",))
def vgg11_lrn(num_classes: int = 1000) -> Network:
    """VGG-11 with local response normalization, the paper's configuration A-LRN; 132,863,336 parameters."""
    return vgg("A-LRN", num_classes=num_classes)


@named(PAPER, aliases=("vgg_b",))
def vgg13(num_classes: int = 1000) -> Network:
    """VGG-13, the paper's configuration B; 133,047,848 parameters."""
    return vgg("B", num_classes=num_classes)


@named(PAPER)
def vgg13_bn(num_classes: int = 1000) -> Network:
    """VGG-13 with batch normalization; 133,053,736 parameters."""
    return vgg("B", batch_norm=True, num_classes=num_classes)


@named(PAPER, aliases=("vgg_c",))
def vgg16_c(num_classes: int = 1000) -> Network:
    """VGG-16 with 1×1 windows among the 3×3, the paper's configuration C; 133,638,952 parameters."""
    return vgg("C", num_classes=num_classes)


@named(PAPER)
def vgg16_c_bn(num_classes: int = 1000) -> Network:
    """VGG-16, configuration C, with batch normalization; 133,647,400 parameters."""
    return vgg("C", batch_norm=True, num_classes=num_classes)


@named(PAPER, aliases=("vgg_d",))
def vgg16(num_classes: int = 1000) -> Network:
    """VGG-16, the paper's configuration D: 3×3 windows throughout; 138,357,544 parameters."""
    return vgg("D", num_classes=num_classes)


@named(PAPER)
def vgg16_bn(num_classes: int = 1000) -> Network:
    """VGG-16 with batch normalization; 138,365,992 parameters."""
    return vgg("D", batch_norm=True, num_classes=num_classes)


@named(PAPER, aliases=("vgg_e",))
def vgg19(num_classes: int = 1000) -> Network:
    """VGG-19, the paper's configuration E; 143,667,240 parameters."""
    return vgg("E", num_classes=num_classes)


@named(PAPER)
def vgg19_bn(num_classes: int = 1000) -> Network:
    """VGG-19 with batch normalization; 143,678,248 parameters."""
    return vgg("E", batch_norm=True, num_classes=num_classes)


def vgg(configuration: str, batch_norm: bool = False, num_classes: int = 1000) -> Network:
    """Return the VGG of a column of the paper's table 1.

    Args:
        configuration: The column: ``"A"``, ``"A-LRN"``, ``"B"``, ``"C"``, ``"D"`` or ``"E"``.
        batch_norm: Whether each convolution is followed by batch normalization.
        num_classes: Number of outputs.

    Raises:
        DescriptionError: if there is no such column.
    """
    if configuration not in _COLUMNS:
        raise DescriptionError(unknown_name("VGG configuration", configuration, _COLUMNS))
    column = _COLUMNS[configuration]
    stages = [_stage(i, column, batch_norm=batch_norm) for i in range(len(_MAPS))]
    body = Sequential(
        *stages,
        Flatten(),
        Linear(4096, name="fc1"),
        ReLU(),
        Dropout(0.5),
        Linear(4096, name="fc2"),
        ReLU(),
        Dropout(0.5),
        Linear(num_classes, name="fc3"),
    )
    return Network(f"{column.name}_bn" if batch_norm else column.name, (3, 224, 224), body)


def _stage(i: int, column: _Column, *, batch_norm: bool) -> Sequential:
    layers: list[Node] = []
    for kernel_size in column.kernels[i]:
        layers.append(Conv(_MAPS[i], kernel_size, padding=kernel_size // 2))
        if batch_norm:
            layers.append(BatchNorm())
        layers.append(ReLU())
    if column.local_norm and i == 0:
        layers.append(LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0))
    return Sequential(*layers, MaxPool(2), name=f"stage{i + 1}")
