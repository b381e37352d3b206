"""GoogLeNet.

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

__all__ = ["googlenet", "googlenet_aux"]


class _Widths(NamedTuple):
    """Maps of each branch of an Inception module, in the columns of the paper's table 1."""

    conv1: int
    reduce3: int
    conv3: int
    reduce5: int
    conv5: int
    pool: int


_INCEPTIONS = {
    "3a": _Widths(64, 96, 128, 16, 32, 32),
    "3b": _Widths(128, 128, 192, 32, 96, 64),
    "4a": _Widths(192, 96, 208, 16, 48, 64),
    "4b": _Widths(160, 112, 224, 24, 64, 64),
    "4c": _Widths(128, 128, 256, 24, 64, 64),
    "4d": _Widths(112, 144, 288, 32, 64, 64),
    "4e": _Widths(256, 160, 320, 32, 128, 128),
    "5a": _Widths(256, 160, 320, 32, 128, 128),
    "5b": _Widths(384, 192, 384, 48, 128, 128),
}


def googlenet(num_classes: int = 1000) -> Network:
    """GoogLeNet without its auxiliary heads; 6,998,552 parameters, 22 weighted layers deep."""
    return Network("googlenet", (3, 224, 224), _body(num_classes, aux_heads=False))


def googlenet_aux(num_classes: int = 1000) -> Network:
    """GoogLeNet with the two auxiliary heads that it was trained with; 13,378,280 parameters."""
    return Network("googlenet_aux", (3, 224, 224), _body(num_classes, aux_heads=True))


def _body(num_classes: int, *, aux_heads: bool) -> Sequential:
    norm = LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=1.0)
    heads = {name: [_aux_head(num_classes, name)] if aux_heads else [] for name in ("aux1", "aux2")}
    return Sequential(
        *_conv(64, 7, "conv1", stride=2, padding=3),
        _pool(),
        norm,
        *_conv(64, 1, "conv2_reduce"),
        *_conv(192, 3, "conv2", padding=1),
        norm,
        _pool(),
        _inception("3a"),
        _inception("3b"),
        _pool(),
        _inception("4a"),
        *heads["aux1"],
        _inception("4b"),
        _inception("4c"),
        _inception("4d"),
        *heads["aux2"],
        _inception("4e"),
        _pool(),
        _inception("5a"),
        _inception("5b"),
        GlobalAvgPool(),
        Dropout(0.4),
        Linear(num_classes, name="classifier"),
    )


def _inception(name: str) -> Concat:
    width = _INCEPTIONS[name]
    return Concat(
        Sequential(*_conv(width.conv1, 1, "conv"), name="one"),
        Sequential(
            *_conv(width.reduce3, 1, "reduce"), *_conv(width.conv3, 3, "conv", padding=1), name="three"
        ),
        Sequential(
            *_conv(width.reduce5, 1, "reduce"), *_conv(width.conv5, 5, "conv", padding=2), name="five"
        ),
        Sequential(MaxPool(3, stride=1, padding=1), *_conv(width.pool, 1, "project"), name="pooled"),
        name=f"inception{name}",
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
