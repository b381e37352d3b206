"""SqueezeNet.

Iandola et al.: SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size, 2016. Layers
have the names of the Caffe models that its authors published; sizes are those that torchvision has for 224×224.
"""

from typing import NamedTuple

from striate.spec import Concat, Conv, Dropout, GlobalAvgPool, MaxPool, Network, Node, ReLU, Sequential
from striate.zoo.registry import Paper, named

__all__ = ["squeezenet1_0", "squeezenet1_1"]

PAPER = Paper(
    "Iandola, Han, Moskewicz, Ashraf, Dally, Keutzer",
    "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size",
    2016,
)


class _Fire(NamedTuple):
    """Maps of a fire module: of its squeezing 1×1 convolution, and of each of the two that expand again."""

    squeeze: int
    expand: int


_FIRES = (  # fire2 to fire9
    _Fire(16, 64),
    _Fire(16, 64),
    _Fire(32, 128),
    _Fire(32, 128),
    _Fire(48, 192),
    _Fire(48, 192),
    _Fire(64, 256),
    _Fire(64, 256),
)


@named(PAPER)
def squeezenet1_0(num_classes: int = 1000) -> Network:
    """SqueezeNet 1.0, the paper's; 1,248,424 parameters."""
    first = Conv(96, 7, stride=2, name="conv1")
    return Network(
        "squeezenet1_0", (3, 224, 224), _body(first, pools_before=(2, 5, 9), num_classes=num_classes)
    )


@named(PAPER)
def squeezenet1_1(num_classes: int = 1000) -> Network:
    """SqueezeNet 1.1: smaller windows and earlier pooling, 2.3 times fewer MACs; 1,235,496 parameters."""
    first = Conv(64, 3, stride=2, name="conv1")
    return Network(
        "squeezenet1_1", (3, 224, 224), _body(first, pools_before=(2, 4, 6), num_classes=num_classes)
    )


def _body(first: Conv, *, pools_before: tuple[int, ...], num_classes: int) -> Sequential:
    fires: list[Node] = []
    for number, fire in enumerate(_FIRES, 2):
        if number in pools_before:
            fires.append(MaxPool(3, stride=2, ceil_mode=True))
        fires.append(_fire(number, fire))
    return Sequential(
        first,
        ReLU(),
        *fires,
        Dropout(0.5),
        Conv(num_classes, 1, name="conv10"),
        ReLU(),
        GlobalAvgPool(),
    )


def _fire(number: int, fire: _Fire) -> Sequential:
    return Sequential(
        Conv(fire.squeeze, 1, name="squeeze1x1"),
        ReLU(),
        Concat(
            Conv(fire.expand, 1, name="expand1x1"),
            Conv(fire.expand, 3, padding=1, name="expand3x3"),
            name="expand",
        ),
        ReLU(),
        name=f"fire{number}",
    )
