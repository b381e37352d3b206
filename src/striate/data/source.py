"""Sources: where images come from. Reading only; nothing here resizes, shuffles or knows a network.

A source has class names, splits, and images by number. `open_source` finds one by its name:
``digits``, a folder, or ``kind:location``.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from striate.errors import DataError, did_you_mean, listed, unknown_name

__all__ = ["ArraySource", "Source", "open_source", "stratified"]

IntArray = NDArray[np.int64]
ByteArray = NDArray[np.uint8]
_TRAINED = ("train", "val")


class Source(ABC):
    """Labeled images in named splits. Abstract.

    Attributes:
        name: What `open_source` finds it by: ``digits``, ``idx:DIR``, ``folder:DIR``.
        class_names: The classes; a target is an index into them.
        targets: For each split the target of every image.
        fingerprint: SHA-256 of all images and labels.
    """

    name: str
    class_names: tuple[str, ...]
    targets: Mapping[str, IntArray]
    fingerprint: str

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int, int] | None:
        """``(C, H, W)`` of every image, or None where they differ."""

    @abstractmethod
    def image(self, split: str, index: int) -> Image.Image:
        """Return one image, decoded.

        Raises:
            DataError: if it cannot be decoded.
        """

    @abstractmethod
    def array(self, split: str) -> ByteArray | None:
        """Return all images of a split as uint8 ``(N, C, H, W)``, or None where they are not stored so."""

    def split_targets(self, split: str) -> IntArray:
        """Return the targets of ``split``.

        Raises:
            DataError: if there is no such split.
        """
        if split not in self.targets:
            other = next((s for s in ("val", "test") if s in self.targets), next(iter(self.targets), "test"))
            choose = "Training needs train and val; to measure, choose" if split in _TRAINED else "Choose"
            raise DataError(
                f"{self.name} has no split {split!r}; it has {listed(self.targets)}. "
                f"{choose} one of them, such as --split {other} (split={other!r})."
            )
        return self.targets[split]


class ArraySource(Source):
    """Images of one size held in memory.

    Args:
        images: For each split uint8 ``(N, C, H, W)``.
        targets: For each split ``(N,)``, each an index into ``class_names``.

    Raises:
        DataError: naming the split whose images or targets are of another type, shape or range.
    """

    def __init__(
        self,
        name: str,
        images: Mapping[str, ByteArray],
        targets: Mapping[str, IntArray],
        class_names: tuple[str, ...],
    ) -> None:
        for split, part in images.items():
            _check_split(f"{name} {split}", part, targets.get(split), len(class_names))
        self.name = name
        self.class_names = class_names
        # Torch takes an array as it lies only if it is contiguous and may be written; others are copied.
        self.targets = {split: np.require(targets[split], np.int64, ["C", "W"]) for split in images}
        self._images = {split: np.require(part, np.uint8, ["C", "W"]) for split, part in images.items()}
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

    def image(self, split: str, index: int) -> Image.Image:
        """Return one image, made of its pixels."""
        pixels = self._images[split][index]
        return Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))

    def array(self, split: str) -> ByteArray | None:
        """Return the images as they are stored."""
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


def stratified(targets: IntArray, shares: Mapping[str, float]) -> dict[str, IntArray]:
    """Divide the indices of ``targets`` into named shares, each with the classes in proportion.

    The division is a function of ``targets`` alone. The last share takes what rounding leaves.
    """
    parts: dict[str, list[IntArray]] = {name: [] for name in shares}
    for label in np.unique(targets):
        indices = np.flatnonzero(targets == label)
        indices = np.random.Generator(np.random.Philox(key=[0, int(label)])).permutation(indices)
        bounds = np.round(np.cumsum(list(shares.values()))[:-1] * len(indices)).astype(int)
        for name, part in zip(shares, np.split(indices, bounds), strict=True):
            parts[name].append(part)
    return {name: np.sort(np.concatenate(part)) for name, part in parts.items()}


def named_path(location: Path | str) -> Path:
    """Return ``location`` as a path; refuse an empty name, which would mean the current folder.

    Raises:
        DataError: if it is empty.
    """
    if isinstance(location, str) and not location.strip():
        raise DataError(f"{location!r} names no data; name a folder, or write '.' for the current one.")
    return Path(location)


def open_source(name: str | Path) -> Source:
    """Return the source called ``name``: ``digits``, ``idx:DIR``, ``folder:DIR`` or a folder.

    Raises:
        DataError: if there is none such, or it cannot be read; the message says what is known.
    """
    from striate.data.digits import digits
    from striate.data.folder import FolderSource
    from striate.data.idx import idx

    if isinstance(name, Path):
        return FolderSource(name)
    kind, colon, location = name.partition(":")
    kinds = {"idx": idx, "folder": FolderSource}
    if not name.strip():
        raise DataError(
            f"{name!r} names no data; write digits, a folder, or kind:location "
            f"({', '.join(f'{k}:DIR' for k in kinds)})."
        )
    if colon and kind in kinds:
        if not location.strip():
            raise DataError(f"{name!r} names no folder; write {kind}:DIR.")
        return kinds[kind](Path(location))
    if name == "digits":
        return digits()
    if Path(name).exists():
        return FolderSource(Path(name))
    if colon and "/" not in kind and "\\" not in kind and len(kind) > 1:
        raise DataError(unknown_name("kind of data", kind, kinds))
    raise DataError(
        f"no data called {name!r}: neither a known set (digits), nor a folder, nor kind:location "
        f"({', '.join(f'{k}:DIR' for k in kinds)}).{did_you_mean(name, ['digits'])}"
    )
