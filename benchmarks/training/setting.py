"""What every peer is given, and what it gives back: a function that does so many steps and says how long they took."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training import data
from training.workloads import Workload

__all__ = ["Maker", "Run", "Setting"]


@dataclass(frozen=True)
class Setting:
    """A workload in a process.

    Attributes:
        path: The ``.npz`` file of its images; what a peer writes goes beside it.
        device: ``cpu`` or ``cuda``.
        precision: Striate's; None means its own choice.
    """

    work: Workload
    path: Path
    device: str = "cpu"
    precision: str | None = None

    def floats(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return all images normalized, ``(N, C, H, W)``, and their targets."""
        images, targets = data.read(self.path)
        mean, std = moments(images)
        floats = images.astype(np.float32)
        floats -= mean
        floats /= std
        return floats, targets


def moments(images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return mean and standard deviation of each channel, in levels of 255, ``(C, 1, 1)``."""
    some = images[:4096].astype(np.float32)
    return some.mean((0, 2, 3))[:, None, None], some.std((0, 2, 3))[:, None, None]


Run = Callable[[int], float]  # steps to seconds
Maker = Callable[[Setting], Run]
