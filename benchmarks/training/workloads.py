"""What is timed: networks and batches, who takes part, and what is wanted of Striate. It loads no framework."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = [
    "CLASSES", "COMPILED", "CPU", "FASTAI", "GPU", "HALF", "HALF_COMPILED", "KERAS_JAX", "KERAS_JAX_SHIFTED",
    "KERAS_TORCH", "KERAS_TORCH_SHIFTED", "LAST", "LAST_COMPILED", "LIGHTNING", "LR", "MEMORY", "MOMENTUM", "OURS",
    "PARITY", "PLAIN", "RAW", "RAW_UNREAD", "RUN", "TUNED", "WORKLOADS", "Bound", "Workload",
]  # fmt: skip

CLASSES = 10
MOMENTUM = 0.9  # of SGD, without decay
LR = 0.001  # so small that no network leaves the numbers on random images

OURS = "striate"
PLAIN, MEMORY = "plain script", "eager fp32, in memory"
HALF, HALF_COMPILED = "bf16, channels last", "bf16, channels last, compiled"
LAST, LAST_COMPILED = "fp32, channels last", "fp32, channels last, compiled"
KERAS_TORCH, KERAS_JAX = "keras on torch", "keras on jax"
KERAS_TORCH_SHIFTED, KERAS_JAX_SHIFTED = "keras on torch, shifting", "keras on jax, shifting"
LIGHTNING, FASTAI = "lightning", "fastai"
RAW, RAW_UNREAD = "raw loop", "raw loop, loss never read"

TUNED = (HALF, HALF_COMPILED, LAST, LAST_COMPILED)
COMPILED = (HALF_COMPILED, LAST_COMPILED)
RUN = "run"  # Striate's folder, beside the images
PARITY = 0.97  # of hand-tuned PyTorch's speed
MOST_OVERHEAD = 1.1  # of a raw loop's time

Bound = tuple[tuple[str, ...], float]


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A network, its batches, and what is wanted: to be at least so many times as fast as the fastest of some peers.

    Attributes:
        network: The name `training.networks` has it by.
        shape: ``(C, H, W)`` of an image.
        images: How many random images are made; None means Fashion-MNIST.
        margin: Pixels around an image that is cropped at random; 0 means that nothing is augmented.
        peers: Who takes part beside Striate.
        per_step: Whether the time of a step is told, not images a second.
    """

    title: str
    network: str
    shape: tuple[int, int, int]
    batch: int
    images: int | None = None
    margin: int = 0
    peers: tuple[str, ...] = (MEMORY, HALF, HALF_COMPILED)
    bounds: tuple[Bound, ...] = ()
    per_step: bool = False


def _convolutional(
    title: str, network: str, shape: tuple[int, int, int], batch: int, wanted: float
) -> Workload:
    """Return a workload of random images, in epochs of 64 steps."""
    bounds = (((MEMORY,), wanted), (TUNED, PARITY))
    return Workload(title=title, network=network, shape=shape, batch=batch, images=64 * batch, bounds=bounds)


def _overhead(batch: int) -> Workload:
    return Workload(
        title=f"one linear layer 784→10, batch {batch}",
        network="linear",
        shape=(1, 28, 28),
        batch=batch,
        peers=(RAW, RAW_UNREAD, LIGHTNING, KERAS_TORCH, KERAS_JAX),
        bounds=(((RAW,), 1 / MOST_OVERHEAD),),
        per_step=True,
    )


WORKLOADS: Mapping[str, Workload] = MappingProxyType(
    {
        "lenet5": Workload(
            title="LeNet-5, Fashion-MNIST 28×28, batch 128, cropped in a margin of 2",
            network="lenet5_relu",
            shape=(1, 28, 28),
            batch=128,
            margin=2,
            peers=(
                PLAIN, MEMORY, *TUNED, KERAS_TORCH_SHIFTED, KERAS_JAX_SHIFTED, KERAS_TORCH, KERAS_JAX, LIGHTNING,
                FASTAI,
            ),
            bounds=(
                ((PLAIN,), 6), ((KERAS_TORCH_SHIFTED,), 3), ((KERAS_JAX_SHIFTED,), 3), ((MEMORY,), 1.3),
                (TUNED, PARITY),
            ),
        ),
        "resnet20": _convolutional("ResNet-20, 32×32, batch 128", "resnet20", (3, 32, 32), 128, 2),
        "resnet18": _convolutional(
            "ResNet-18 with a stem for 32×32, batch 128", "resnet18_cifar", (3, 32, 32), 128, 3.3
        ),
        "vgg11": _convolutional("VGG-11, 64×64, batch 64", "vgg11", (3, 64, 64), 64, 3),
        "googlenet": _convolutional("GoogLeNet, 112×112, batch 32", "googlenet", (3, 112, 112), 32, 2.5),
        "linear32": _overhead(32),
        "linear128": _overhead(128),
        "resnet50": Workload(
            title="ResNet-50, 224×224, batch 256",
            network="resnet50",
            shape=(3, 224, 224),
            batch=256,
            images=8 * 256,
        ),
    }
)  # fmt: skip
CPU = ("lenet5", "resnet20", "resnet18", "vgg11", "googlenet", "linear32", "linear128")
GPU = ("lenet5", "resnet18", "resnet50")
