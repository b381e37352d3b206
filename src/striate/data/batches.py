"""Data sets in memory, and batches that are a pure function of (seed, step).

Images stay uint8 until they reach the device. The epochs' permutations are laid end to end and cut into
batches of one size, so that no batch is ragged: within each epoch every image comes exactly once, and none
counts more than another because it fell into a short last batch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from striate.data.pack.cache import cached, store
from striate.data.pack.decoding import decoded
from striate.data.pack.format import Settings
from striate.data.pack.packing import Gathered, unreadable
from striate.data.pixels import check_channels
from striate.data.source import IntArray, Source
from striate.errors import DataError, listed

__all__ = ["Batch", "Batches", "Dataset", "batch_indices", "load_split"]

_VALIDATION_NEEDS = (
    "A folder takes them from val/<class>/; a set without a validation split sets a tenth of each class aside, "
    "which takes 5 or more training images of a class."
)


@dataclass(frozen=True)
class Dataset:
    """A split in memory.

    Attributes:
        images: uint8 ``(N, C, H, W)``.
        targets: int64 ``(N,)``.
        skipped: Names of images that could not be read and were left out.
    """

    images: Tensor
    targets: Tensor
    skipped: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.targets)


def load_split(
    source: Source, split: str, shape: tuple[int, int, int], *, skip_bad_images: bool = False
) -> Dataset:
    """Decode, convert and resize every image of a split to ``shape`` ``(C, H, W)``, on all cores.

    What is stored so, as in a pack of that size, is taken as it lies. What is decoded and small is kept in the cache.

    Raises:
        DataError: if the split is missing or empty, or if images cannot be read: they are counted and
            named, all at once. With ``skip_bad_images`` they are left out instead, unless no image is left,
            or in ``train`` none of some class.
    """
    check_channels(shape[0])
    targets = source.split_targets(split)
    if not len(targets):
        fix = f" {_VALIDATION_NEEDS}" if split == "val" else ""
        raise DataError(f"{source.name}: the split {split!r} holds no images. Add images.{fix}")
    stored = source.array(split)
    if stored is not None and stored.shape[1:] == shape:
        return Dataset(torch.from_numpy(stored), torch.from_numpy(targets))
    if stored is None and (kept_before := cached(source, split, shape)) is not None:
        return Dataset(torch.from_numpy(kept_before), torch.from_numpy(targets))
    images = np.empty((len(targets), *shape), np.uint8)
    gathered = Gathered()
    filled = 0
    for part in gathered.images(decoded(source, split, shape, Settings(jpeg="never"))):
        images[filled : filled + len(part)] = part
        filled += len(part)
    kept, problems = gathered.kept, gathered.problems
    if stored is None and not problems:
        store(source, split, images, gathered.names)
    if problems and not skip_bad_images:
        raise unreadable(source.name, problems, len(targets), f" in {split!r}")
    if not kept:
        raise DataError(f"{source.name}: none of the {len(targets)} images in {split!r} can be read.")
    lost = [source.class_names[t] for t in sorted({*targets.tolist()} - {*targets[kept].tolist()})]
    if lost and split == "train":
        raise DataError(
            f"{source.name}: no image in 'train' for the class{'es' if len(lost) > 1 else ''} {listed(lost)} "
            "can be read. Repair them or add others, or remove the class from every split."
        )
    return Dataset(torch.from_numpy(images[: len(kept)]), torch.from_numpy(targets[kept]), tuple(problems))


@dataclass(frozen=True)
class Batch:
    """One batch.

    Attributes:
        images: uint8 ``(N, C, H, W)``.
        targets: int64 ``(N,)``.
        indices: Where in the data set each image stands, ``(N,)``.
        step: Which batch of the run it is.
    """

    images: Tensor
    targets: Tensor
    indices: Tensor
    step: int


class Batches:
    """The batches of a run over ``dataset``: ``batches[k]`` is a function of (seed, k) alone."""

    def __init__(self, dataset: Dataset, batch_size: int, seed: int) -> None:
        self.dataset = dataset
        self.batch_size = batch_size
        self.seed = seed

    def __getitem__(self, step: int) -> Batch:
        indices = torch.from_numpy(batch_indices(len(self.dataset), self.batch_size, self.seed, step))
        # 7 times as fast as self.dataset.images[indices], which copies byte by byte.
        images = self.dataset.images.index_select(0, indices)
        return Batch(images, self.dataset.targets.index_select(0, indices), indices, step)

    def steps(self, epochs: float) -> int:
        """Return the number of steps that show every image at least ``epochs`` times."""
        return math.ceil(epochs * len(self.dataset) / self.batch_size)


def batch_indices(size: int, batch_size: int, seed: int, step: int) -> IntArray:
    """Return the indices ``(batch_size,)`` of the images of batch ``step``.

    Batch ``k`` takes positions ``k * batch_size`` to ``(k + 1) * batch_size - 1`` of the permutations of
    all epochs laid end to end.
    """
    start = step * batch_size
    parts = []
    wanted = batch_size
    while wanted:
        epoch, offset = divmod(start, size)
        part = _permutation(size, seed, epoch)[offset : offset + wanted]
        parts.append(part)
        start += len(part)
        wanted -= len(part)
    return np.concatenate(parts)


@lru_cache(maxsize=4)
def _permutation(size: int, seed: int, epoch: int) -> IntArray:
    generator = np.random.Generator(np.random.Philox(key=[seed, epoch]))
    order: IntArray = generator.permutation(size)
    order.setflags(write=False)
    return order
