"""Inception-v3.

Szegedy, Vanhoucke, Ioffe, Shlens, Wojna: Rethinking the Inception Architecture for Computer Vision, 2015; the
layers are those of the weights that its authors published, which torchvision has, too.
"""

from striate.spec import (
    AuxHead,
    AvgPool,
    BatchNorm,
    Concat,
    Conv,
    Dropout,
    GlobalAvgPool,
    Linear,
    MaxPool,
    Network,
    ReLU,
    Sequential,
)
from striate.zoo.registry import Paper, named

__all__ = ["inception_v3", "inception_v3_aux"]

PAPER = Paper(
    "Szegedy, Vanhoucke, Ioffe, Shlens, Wojna",
    "Rethinking the Inception Architecture for Computer Vision",
    2015,
)

_TALL, _WIDE = (7, 1), (1, 7)  # a 7×7 window in two factors


@named(PAPER)
def inception_v3(num_classes: int = 1000) -> Network:
    """Inception-v3 without its auxiliary head, for 299×299 images; 23,834,568 parameters."""
    return Network("inception_v3", (3, 299, 299), _body(num_classes))


@named(PAPER)
def inception_v3_aux(num_classes: int = 1000) -> Network:
    """Inception-v3 with the auxiliary head that it was trained with; 27,161,264 parameters."""
    head = Sequential(
        AvgPool(5, stride=3),
        _conv(128, 1),
        _conv(768, 5),
        GlobalAvgPool(),
        Linear(num_classes, name="classifier"),
    )
    return Network(
        "inception_v3_aux", (3, 299, 299), _body(num_classes, AuxHead(head, weight=0.4, name="aux"))
    )


def _body(num_classes: int, *heads: AuxHead) -> Sequential:
    return Sequential(
        _conv(32, 3, stride=2),
        _conv(32, 3),
        _conv(64, 3, padding=1),
        MaxPool(3, stride=2),
        _conv(80, 1),
        _conv(192, 3),
        MaxPool(3, stride=2),
        _module35("mixed5b", pooled=32),
        _module35("mixed5c", pooled=64),
        _module35("mixed5d", pooled=64),
        _reduction17("mixed6a"),
        _module17("mixed6b", maps=128),
        _module17("mixed6c", maps=160),
        _module17("mixed6d", maps=160),
        _module17("mixed6e", maps=192),
        *heads,
        _reduction8("mixed7a"),
        _module8("mixed7b"),
        _module8("mixed7c"),
        GlobalAvgPool(),
        Dropout(0.5),
        Linear(num_classes, name="classifier"),
    )


def _module35(name: str, *, pooled: int) -> Concat:
    """Return the module of figure 5, on 35×35 maps: the large windows in two of 3×3."""
    return Concat(
        _conv(64, 1, name="one"),
        Sequential(_conv(48, 1), _conv(64, 5, padding="same"), name="five"),
        Sequential(
            _conv(64, 1), _conv(96, 3, padding="same"), _conv(96, 3, padding="same"), name="twice_three"
        ),
        Sequential(_average(), _conv(pooled, 1), name="pooled"),
        name=name,
    )


def _reduction17(name: str) -> Concat:
    """Return the module that halves 35×35 maps to 17×17, figure 10."""
    return Concat(
        _conv(384, 3, stride=2, name="three"),
        Sequential(_conv(64, 1), _conv(96, 3, padding="same"), _conv(96, 3, stride=2), name="twice_three"),
        MaxPool(3, stride=2, name="pooled"),
        name=name,
    )


def _module17(name: str, *, maps: int) -> Concat:
    """Return the module of figure 6, on 17×17 maps: windows of 7×7 in factors of 1×7 and 7×1."""
    return Concat(
        _conv(192, 1, name="one"),
        Sequential(
            _conv(maps, 1),
            _conv(maps, _WIDE, padding="same"),
            _conv(192, _TALL, padding="same"),
            name="seven",
        ),
        Sequential(
            _conv(maps, 1),
            _conv(maps, _TALL, padding="same"),
            _conv(maps, _WIDE, padding="same"),
            _conv(maps, _TALL, padding="same"),
            _conv(192, _WIDE, padding="same"),
            name="twice_seven",
        ),
        Sequential(_average(), _conv(192, 1), name="pooled"),
        name=name,
    )


def _reduction8(name: str) -> Concat:
    """Return the module that halves 17×17 maps to 8×8."""
    return Concat(
        Sequential(_conv(192, 1), _conv(320, 3, stride=2), name="three"),
        Sequential(
            _conv(192, 1),
            _conv(192, _WIDE, padding="same"),
            _conv(192, _TALL, padding="same"),
            _conv(192, 3, stride=2),
            name="seven_three",
        ),
        MaxPool(3, stride=2, name="pooled"),
        name=name,
    )


def _module8(name: str) -> Concat:
    """Return the module of figure 7, on 8×8 maps: windows of 1×3 and 3×1 side by side."""
    return Concat(
        _conv(320, 1, name="one"),
        Sequential(_conv(384, 1), _side_by_side(), name="three"),
        Sequential(_conv(448, 1), _conv(384, 3, padding="same"), _side_by_side(), name="twice_three"),
        Sequential(_average(), _conv(192, 1), name="pooled"),
        name=name,
    )


def _side_by_side() -> Concat:
    return Concat(
        _conv(384, (1, 3), padding="same", name="wide"),
        _conv(384, (3, 1), padding="same", name="tall"),
        name="both",
    )


def _average() -> AvgPool:
    return AvgPool(3, stride=1, padding=1)


def _conv(
    maps: int,
    kernel_size: int | tuple[int, int],
    stride: int = 1,
    padding: int | str = 0,
    name: str | None = None,
) -> Sequential:
    """Return convolution, batch normalization and ReLU; with a name, a branch of its own."""
    conv = Conv(maps, kernel_size, stride=stride, padding=padding, bias=False)
    return Sequential(conv, BatchNorm(eps=1e-3), ReLU(), name=name)
