"""The networks that are timed: as Striate describes them, and the small ones as a user of PyTorch writes them."""

from striate.spec import BatchNorm, Conv, Flatten, GlobalAvgPool, Linear, Network, ReLU, Sequential
from striate.zoo import basic_block, find
from striate.zoo.resnet import stages
from training.workloads import CLASSES

__all__ = ["describe"]


def describe(name: str, shape: tuple[int, int, int]) -> Network:
    """Return the network called ``name`` for images of ``shape``, of 10 classes."""
    made = {"linear": _linear, "resnet18_cifar": _resnet18_cifar}
    network = made[name]() if name in made else find(name, num_classes=CLASSES)
    return network.with_input(shape)


def _linear() -> Network:
    return Network("linear", (1, 28, 28), Sequential(Flatten(), Linear(CLASSES)))


def _resnet18_cifar() -> Network:
    """Return ResNet-18 whose stem is one 3×3 convolution that keeps the size."""
    body = Sequential(
        Conv(64, 3, padding=1, bias=False),
        BatchNorm(),
        ReLU(),
        *stages(basic_block, 64, (64, 128, 256, 512), (2, 2, 2, 2)),
        GlobalAvgPool(),
        Linear(CLASSES),
    )
    return Network("resnet18_cifar", (3, 32, 32), body)
