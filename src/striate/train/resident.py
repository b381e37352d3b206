"""Images on their way to the device: all of them once, where there is room, or batch by batch."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from striate.data import AnyDataset, Dataset
from striate.data.batches import batch_indices
from striate.data.moments import Moments
from striate.data.moving import moved

__all__ = ["Resident", "resident"]

_SHARE = 0.25  # of the memory that is free, the rest of which is for training


def resident(dataset: AnyDataset, device: torch.device) -> AnyDataset:
    """Return ``dataset`` with its images on ``device``, if they take less than a quarter of what is free there.

    Memory that they take is none that a batch could have; where the images do not fit, batches are moved one by one.
    """
    if isinstance(dataset, Dataset) and dataset.images.nbytes < _SHARE * _free(device):
        return Resident(dataset, device)
    return dataset


class Resident:
    """A split whose images are on a device, and chosen there.

    Args:
        dataset: The split.
        device: Where its images are to be, from the first that is taken on.
    """

    def __init__(self, dataset: Dataset, device: torch.device) -> None:
        self._dataset = dataset
        self._device = device
        self._images: Tensor | None = None

    def __len__(self) -> int:
        return len(self._dataset)

    @property
    def targets(self) -> Tensor:
        """As those of the split; on the CPU."""
        return self._dataset.targets

    @property
    def skipped(self) -> tuple[str, ...]:
        """Names of images that could not be read and were left out."""
        return self._dataset.skipped

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(C, H, W)`` of every image."""
        return self._dataset.shape

    @property
    def moments(self) -> Moments:
        """What the pixels of all images add up to."""
        return self._dataset.moments

    def order(self, seed: int, epoch: int) -> NDArray[np.int64]:
        """Return the images in the order in which an epoch shows them, ``(N,)``."""
        return self._dataset.order(seed, epoch)

    def take(self, indices: NDArray[np.int64]) -> Tensor:
        """Return images by their numbers, uint8 ``(N, C, H, W)``, on the device."""
        if self._images is None:
            self._images = self._dataset.images.to(self._device)
        return self._images.index_select(0, moved(torch.from_numpy(indices), self._device))

    def pieces(self, size: int) -> Generator[Tensor, None, None]:
        """Yield all images as they lie, uint8 ``(n, C, H, W)``, ``size`` at a time; on the CPU."""
        yield from self._dataset.pieces(size)

    def show(self, seed: int, batch_size: int, steps: range) -> Generator[Tensor, None, None]:
        """Yield the images of batch after batch, on the device."""
        for step in steps:
            yield self.take(batch_indices(len(self), batch_size, seed, step))


def _free(device: torch.device) -> int:
    """Return the bytes that are free on ``device``; 0 where images are not to be moved at once, as on the CPU."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 0
