"""Images of one size held in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np

from striate.data.decode import Record
from striate.data.source import ByteArray, Source, Targets
from striate.errors import DataError, listed

__all__ = ["ArraySource"]


class ArraySource(Source):
    """Images of one size held in memory.

    Args:
        images: For each split uint8 ``(N, C, H, W)``.
        targets: For each split ``(N,)``, each an index into ``class_names``; or uint8 ``(N, K)`` of 0 and 1, which
            labels each image has of the K ``class_names``.

    Raises:
        DataError: naming the split whose images or targets are of another type, shape or range.
    """

    def __init__(
        self,
        name: str,
        images: Mapping[str, ByteArray],
        targets: Mapping[str, Targets],
        class_names: tuple[str, ...],
    ) -> None:
        for split, part in images.items():
            _check_split(f"{name} {split}", part, targets.get(split), len(class_names))
        self.name = name
        self.class_names = class_names
        # Torch takes an array as it lies only if it is contiguous and may be written; others are copied.
        several = {split for split in images if np.ndim(targets[split]) > 1}
        if several and several != set(images):
            raise DataError(
                f"{name}: only {listed(sorted(several))} has several labels an image; all must, or none."
            )
        kind = np.uint8 if several else np.int64
        self.targets = {split: np.require(targets[split], kind, ["C", "W"]) for split in images}
        self._images = {split: np.require(part, np.uint8, ["C", "W"]) for split, part in images.items()}
        self.in_place = frozenset(images)
        digest = hashlib.sha256(repr(class_names).encode())
        for split in sorted(images):
            digest.update(f"{split}{images[split].shape}".encode())
            digest.update(self._images[split].data)
            digest.update(self.targets[split].data)
        self.fingerprint = digest.hexdigest()

    @property
    def shape(self) -> tuple[int, int, int] | None:
        """``(C, H, W)``."""
        channels, height, width = next(iter(self._images.values())).shape[1:]
        return channels, height, width

    def record(self, split: str, index: int) -> Record:
        """Return the pixels of one image."""
        place = self.checked_index(split, index)
        return Record(f"{self.name} {split}[{index}]", self._images[split][place])

    def array(self, split: str) -> ByteArray | None:
        """Return the images as they are stored."""
        self.check_split(split)
        return self._images[split]


def _check_split(where: str, images: object, targets: object, classes: int) -> None:
    if not isinstance(images, np.ndarray):
        raise DataError(
            f"{where}: images are a {type(images).__name__}; they must be a numpy array, uint8 (N, C, H, W)."
        )
    if images.dtype != np.uint8 or images.ndim != 4:
        raise DataError(
            f"{where}: images are {images.dtype} {images.shape}; they must be uint8 (N, C, H, W)."
        )
    try:
        labels = np.asarray(() if targets is None else targets)
    except (TypeError, ValueError) as error:
        raise DataError(f"{where}: targets are no array of whole numbers ({error}).") from None
    if labels.dtype == np.uint8 and labels.shape == (len(images), classes):
        if labels.max(initial=0) > 1:
            raise DataError(f"{where}: targets of several labels hold {labels.max()}; each must be 0 or 1.")
        return
    if targets is None or labels.shape != images.shape[:1]:
        got = "no targets" if targets is None else f"targets of shape {labels.shape}"
        raise DataError(f"{where}: {len(images)} images and {got}; there must be one target per image.")
    if not len(labels):
        return
    if labels.dtype.kind not in "biu":
        raise DataError(
            f"{where}: targets are {labels.dtype}; they must be whole numbers, 0 to {classes - 1}."
        )
    if not 0 <= labels.min() <= labels.max() < classes:
        raise DataError(
            f"{where}: targets from {labels.min()} to {labels.max()} for {classes} classes; "
            f"they must be 0 to {classes - 1}."
        )
