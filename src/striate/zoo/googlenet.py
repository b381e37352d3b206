"""GoogLeNet and its Inception module.

Szegedy et al.: Going Deeper with Convolutions, 2014; the variant that Caffe trained (``bvlc_googlenet``).
"""

from typing import NamedTuple

from striate.spec import (
    AuxHead,
    AvgPool,
    Concat,
    Conv,
    Dropout,
    Flatten,
    GlobalAvgPool,
    Linear,
    LocalResponseNorm,
    MaxPool,
    Network,
    ReLU,
    Sequential,
)
from striate.zoo.registry import Paper, named

__all__ = [
    "INCEPTIONS",
    "PAPER",
    "Widths",
    "googlenet",
    "googlenet_aux",
    "inception_module",
    "naive_inception_module",
]

PAPER = Paper(
    "Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke, Rabinovich",
    "Going Deeper with Convolutions",
    2014,
)


class Widths(NamedTuple):
    """Maps of each branch of an Inception module, in the columns of the paper's table 1."""

    conv1: int
    reduce3: int
    conv3: int
    reduce5: int
    conv5: int
    pool: int


INCEPTIONS = {
    "3a": Widths(64, 96, 128, 16, 32, 32),
    "3b": Widths(128, 128, 192, 32, 96, 64),
    "4a": Widths(192, 96, 208, 16, 48, 64),
    "4b": Widths(160, 112, 224, 24, 64, 64),
    "4c": Widths(128, 128, 256, 24, 64, 64),
    "4d": Widths(112, 144, 288, 32, 64, 64),
    "4e": Widths(256, 160, 320, 32, 128, 128),
    "5a": Widths(256, 160, 320, 32, 128, 128),
    "5b": Widths(384, 192, 384, 48, 128, 128),
}


@named(PAPER)
def googlenet(num_classes: int = 1000) -> Network:
    """GoogLeNet without its auxiliary heads; 6,998,552 parameters, 22 weighted layers deep."""
    return Network("googlenet", (3, 224, 224), _body(num_classes, aux_heads=False))


@named(PAPER)
def googlenet_aux(num_classes: int = 1000) -> Network:
    """GoogLeNet with the two auxiliary heads that it was trained with; 13,378,280 parameters."""
    return Network("googlenet_aux", (3, 224, 224), _body(num_classes, aux_heads=True))


def _body(num_classes: int, *, aux_heads: bool) -> Sequential:
    norm = LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=1.0)
    inception = {
        name: inception_module(*widths, name=f"inception{name}") for name, widths in INCEPTIONS.items()
    }
    heads = {name: [_aux_head(num_classes, name)] if aux_heads else [] for name in ("aux1", "aux2")}
    return Sequential(
        *_conv(64, 7, "conv1", stride=2, padding=3),
        _pool(),
        norm,
        *_conv(64, 1, "conv2_reduce"),
        *_conv(192, 3, "conv2", padding=1),
        norm,
        _pool(),
        inception["3a"],
        inception["3b"],
        _pool(),
        inception["4a"],
        *heads["aux1"],
        inception["4b"],
        inception["4c"],
        inception["4d"],
        *heads["aux2"],
        inception["4e"],
        _pool(),
        inception["5a"],
        inception["5b"],
        GlobalAvgPool(),
        Dropout(0.4),
        Linear(num_classes, name="classifier"),
    )


def inception_module(
    conv1: int, reduce3: int, conv3: int, reduce5: int, conv5: int, pool: int, name: str | None = None
) -> Concat:
    """Return the Inception module: 1×1, 3×3 and 5×5 convolutions and a pooling of one input, joined.

    Convolutions of 1×1 reduce what the large windows read, and project what the pooling gives.

    Args:
        conv1: Maps of the 1×1 convolution.
        reduce3: Maps that the 3×3 convolution reads.
        conv3: Maps of the 3×3 convolution.
        reduce5: Maps that the 5×5 convolution reads.
        conv5: Maps of the 5×5 convolution.
        pool: Maps that the pooling is projected to.
        name: The module's name in paths.
    """
    return Concat(
        Sequential(*_conv(conv1, 1, "conv"), name="one"),
        Sequential(*_conv(reduce3, 1, "reduce"), *_conv(conv3, 3, "conv", padding=1), name="three"),
        Sequential(*_conv(reduce5, 1, "reduce"), *_conv(conv5, 5, "conv", padding=2), name="five"),
        Sequential(MaxPool(3, stride=1, padding=1), *_conv(pool, 1, "project"), name="pooled"),
        name=name,
    )


def naive_inception_module(conv1: int, conv3: int, conv5: int, name: str | None = None) -> Concat:
    """Return the module without reductions, which the paper begins with: its pooling keeps every map.

    Args:
        conv1: Maps of the 1×1 convolution.
        conv3: Maps of the 3×3 convolution.
        conv5: Maps of the 5×5 convolution.
        name: The module's name in paths.
    """
    return Concat(
        Sequential(*_conv(conv1, 1, "conv"), name="one"),
        Sequential(*_conv(conv3, 3, "conv", padding=1), name="three"),
        Sequential(*_conv(conv5, 5, "conv", padding=2), name="five"),
        MaxPool(3, stride=1, padding=1, name="pooled"),
        name=name,
    )


def _aux_head(num_classes: int, name: str) -> AuxHead:
    body = Sequential(
        AvgPool(5, stride=3, ceil_mode=True),
        *_conv(128, 1, "conv"),
        Flatten(),
        Linear(1024, name="fc"),
        ReLU(),
        Dropout(0.7),
        Linear(num_classes, name="classifier"),
    )
    return AuxHead(body, weight=0.3, name=name)


def _conv(maps: int, kernel_size: int, name: str, stride: int = 1, padding: int = 0) -> tuple[Conv, ReLU]:
    return Conv(maps, kernel_size, stride=stride, padding=padding, name=name), ReLU()


def _pool() -> MaxPool:
    return MaxPool(3, stride=2, ceil_mode=True)
