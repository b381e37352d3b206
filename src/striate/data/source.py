"""What a source is: where images come from. Reading only; nothing here resizes, shuffles or knows a network.

A source has class names, splits, and records by number. `striate.data.open_source` finds one by its name: ``digits``, a
folder, or ``kind:location``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from striate.data.decode import Record
from striate.data.pixels import ByteArray
from striate.errors import DataError, listed

__all__ = ["SPLITS", "ByteArray", "IntArray", "Layout", "Source", "Targets", "named_path", "stratified"]

IntArray = NDArray[np.int64]
Targets = IntArray | ByteArray
SPLITS = ("train", "val", "test")
_TRAINED = SPLITS[:2]


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """How the images of a split lie in files that are read from end to end. They are numbered as they lie.

    Attributes:
        shards: The number of the file that each lies in, rising, ``(N,)``.
        sizes: How many bytes each has there, ``(N,)``.
        buffer: Of how many images that were read the next is drawn.
        digest: What no other images in this order have; empty where that is not known.
    """

    shards: IntArray
    sizes: IntArray
    buffer: int
    digest: str = ""


class Source(ABC):
    """Labeled images in named splits. Abstract.

    Attributes:
        name: What `open_source` finds it by: ``digits``, ``idx:DIR``, ``folder:DIR``.
        class_names: The classes; a target is an index into them.
        targets: For each split the target of every image, int64 ``(N,)``. Where an image may have several labels,
            or none, uint8 ``(N, K)`` for K classes: 1 where it has the label, 0 where not.
        fingerprint: SHA-256 of all images and labels.
        layouts: For each split that may be larger than memory, how its images lie; training streams these.
        in_place: The splits of which `array` copies nothing into memory: they lie there, or in a file that is mapped.
    """

    name: str
    class_names: tuple[str, ...]
    targets: Mapping[str, Targets]
    fingerprint: str
    layouts: Mapping[str, Layout] = MappingProxyType({})
    in_place: frozenset[str] = frozenset()

    @property
    def multi_label(self) -> bool:
        """Whether an image may have several labels."""
        return any(targets.ndim > 1 for targets in self.targets.values())

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int, int] | None:
        """``(C, H, W)`` of every image, or None where they differ."""

    @abstractmethod
    def record(self, split: str, index: int) -> Record:
        """Return one image as it is held, not decoded yet.

        Raises:
            DataError, IndexError: as `checked_index`.
        """

    def image(self, split: str, index: int) -> Image.Image:
        """Return one image, decoded.

        Raises:
            DataError: if it cannot be decoded.
        """
        return self.record(split, index).open()

    @abstractmethod
    def array(self, split: str) -> ByteArray | None:
        """Return all images of a split as uint8 ``(N, C, H, W)``, or None where they are not stored so."""

    def check_split(self, split: str) -> None:
        """Raise `DataError` unless there is a split of this name."""
        if split not in self.targets:
            other = next((s for s in ("val", "test") if s in self.targets), next(iter(self.targets), "test"))
            choose = "Training needs train and val; to measure, choose" if split in _TRAINED else "Choose"
            raise DataError(
                f"{self.name} has no split {split!r}; it has {listed(self.targets)}. "
                f"{choose} one of them, such as --split {other} (split={other!r})."
            )

    def checked_index(self, split: str, index: int) -> int:
        """Return ``index`` as it counts from the first image of ``split``; a negative one counts from the end.

        Raises:
            DataError: if there is no such split.
            IndexError: if it has no such image.
        """
        self.check_split(split)
        count = len(self.targets[split])
        if not -count <= index < count:
            raise IndexError(
                f"{self.name} has {count:,} images in {split!r}, numbered from 0; none is {index}."
            )
        return index % count

    def split_targets(self, split: str) -> IntArray:
        """Return the targets of ``split``, int64 ``(N,)``.

        Raises:
            DataError: if there is no such split, or images may have several labels.
        """
        self.check_split(split)
        if self.multi_label:
            raise DataError(
                f"{self.name}: its images may have several labels each, and one is wanted. Keep one label of each, or "
                "choose other data."
            )
        return self.targets[split].astype(np.int64, copy=False)


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
