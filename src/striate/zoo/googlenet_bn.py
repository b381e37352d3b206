"""GoogLeNet with batch normalization, as torchvision has it.

Szegedy et al.: Going Deeper with Convolutions, 2014. Against the paper: batch normalization behind each convolution
in the place of biases and of local response normalization, 3×3 windows where the paper has 5×5, and a last pooling
of 2×2.
"""

from striate.spec import (
    BatchNorm,
    Concat,
    Conv,
    Dropout,
    GlobalAvgPool,
    Linear,
    MaxPool,
    Network,
    Node,
    ReLU,
    Sequential,
)
from striate.zoo.googlenet import INCEPTIONS, PAPER, Widths
from striate.zoo.registry import named

__all__ = ["googlenet_bn"]


@named(PAPER)
def googlenet_bn(num_classes: int = 1000) -> Network:
    """GoogLeNet with batch normalization, without auxiliary heads; 6,624,904 parameters."""
    inception = {name: _inception(name, widths) for name, widths in INCEPTIONS.items()}
    pool = MaxPool(3, stride=2, ceil_mode=True)
    return Network(
        "googlenet_bn",
        (3, 224, 224),
        Sequential(
            *_conv(64, 7, "conv1", stride=2),
            pool,
            *_conv(64, 1, "conv2_reduce"),
            *_conv(192, 3, "conv2"),
            pool,
            inception["3a"],
            inception["3b"],
            pool,
            inception["4a"],
            inception["4b"],
            inception["4c"],
            inception["4d"],
            inception["4e"],
            MaxPool(2, ceil_mode=True),
            inception["5a"],
            inception["5b"],
            GlobalAvgPool(),
            Dropout(0.2),
            Linear(num_classes, name="classifier"),
        ),
    )


def _inception(name: str, width: Widths) -> Concat:
    return Concat(
        Sequential(*_conv(width.conv1, 1, "conv"), name="one"),
        Sequential(*_conv(width.reduce3, 1, "reduce"), *_conv(width.conv3, 3, "conv"), name="three"),
        Sequential(*_conv(width.reduce5, 1, "reduce"), *_conv(width.conv5, 3, "conv"), name="five"),
        Sequential(MaxPool(3, stride=1, padding=1), *_conv(width.pool, 1, "project"), name="pooled"),
        name=f"inception{name}",
    )


def _conv(maps: int, kernel_size: int, name: str, stride: int = 1) -> tuple[Node, ...]:
    conv = Conv(maps, kernel_size, stride=stride, padding=kernel_size // 2, bias=False, name=name)
    return conv, BatchNorm(eps=1e-3), ReLU()
