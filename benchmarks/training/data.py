"""The images that are timed, one ``.npz`` file for all peers: Striate opens it by name, the others as arrays."""

import gzip
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.workloads import CLASSES, Workload

__all__ = ["Images", "fashion", "read", "write", "write_splits"]

Pixels = NDArray[np.uint8]
Targets = NDArray[np.int64]
Images = tuple[Pixels, Targets]  # uint8 (N, C, H, W), int64 (N,)

VALIDATED = 1000  # what Striate measures itself on between epochs, which is not timed


def write(work: Workload, path: Path) -> None:
    """Write the images of a workload: Fashion-MNIST of ``STRIATE_DATA``, or random ones from a seed."""
    if work.images is None:
        train, (images, targets) = fashion()
        write_splits(path, train, (images[:VALIDATED], targets[:VALIDATED]))
        return
    drawn = np.random.default_rng(0)

    def made(count: int) -> Images:
        images = drawn.integers(0, 256, (count, *work.shape), np.uint8)
        return images, drawn.permutation(np.arange(count) % CLASSES)

    write_splits(path, made(work.images), made(work.batch))


def write_splits(path: Path, train: Images, val: Images) -> None:
    """Write two splits as `read` and ``npz:FILE`` take them."""
    np.savez(path, x_train=train[0], y_train=train[1], x_val=val[0], y_val=val[1])


def read(path: Path, split: str = "train") -> Images:
    """Return images and targets of a split."""
    with np.load(path) as arrays:
        return arrays[f"x_{split}"], arrays[f"y_{split}"].astype(np.int64)


def fashion() -> tuple[Images, Images]:
    """Return the images of Fashion-MNIST to train on, and those to test on."""
    return _fashion("train"), _fashion("t10k")


def _fashion(split: str) -> Images:
    folder = Path(os.environ["STRIATE_DATA"]) / "fashion-mnist"
    images = gzip.decompress((folder / f"{split}-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((folder / f"{split}-labels-idx1-ubyte.gz").read_bytes())
    pixels = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 1, 28, 28)
    return pixels, np.frombuffer(labels, np.uint8, offset=8).astype(np.int64)
