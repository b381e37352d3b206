"""The pass over all images: each is looked at once, by several threads, and what was seen is kept in columns.

N images of all splits one after another, S splits, C = 3 channels.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from striate.data.check.listing import Listing
from striate.data.check.look import COARSE, SIDE, Look, Unread, look_at
from striate.data.cores import cores
from striate.data.decode import Record
from striate.data.pixels import ByteArray
from striate.data.source import IntArray
from striate.errors import DataError

__all__ = ["BoolArray", "FloatArray", "Seen", "patterns", "see"]

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

_CHUNK = 32  # records that a thread takes at a time: of photographs not too much memory, of digits not too many turns


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What was seen of every image. The rows of one that could not be read hold zeros.

    Attributes:
        listing: What there was to look at.
        splits: The names of the splits.
        split: For each image the number of its split, ``(N,)``.
        target: For each image its class, ``(N,)``; -1 where images may have several.
        read: Whether it could be decoded, ``(N,)``.
        failures: Why not, by row.
        names: What messages call each image.
        size: ``(width, height)``, ``(N, 2)``.
        mode: Pillow's mode as it is stored.
        format: The file format.
        oddities: What is odd about the file, as in `Look`.
        colorless: Whether all its channels are the same, ``(N,)``.
        digest: Of size and pixels.
        mean: Of its values, ``(N, C)``.
        std: Of its values, all channels together, ``(N,)``.
        limits: The lowest and the highest value, ``(N, 2)``.
        clipped: The share of values 0, and that of 255, in the channel that has the least of them, ``(N, 2)``.
        grey: ``(N, 16, 16)``.
        color: ``(N, 4, 4, C)``.
        histogram: Pixels of each value, ``(S, C, 256)``.
    """

    listing: Listing
    splits: tuple[str, ...]
    split: IntArray
    target: IntArray
    read: BoolArray
    failures: dict[int, Unread]
    names: list[str]
    size: IntArray
    mode: list[str]
    format: list[str]
    oddities: list[tuple[str, ...]]
    colorless: BoolArray
    digest: list[bytes]
    mean: FloatArray
    std: FloatArray
    limits: ByteArray
    clipped: FloatArray
    grey: ByteArray
    color: ByteArray
    histogram: IntArray
    _starts: dict[str, int] = field(repr=False)

    def __len__(self) -> int:
        return len(self.split)

    @property
    def constant(self) -> BoolArray:
        """Whether an image shows next to nothing: values that spread by less than one, ``(N,)``."""
        return self.read & (self.std < 1)

    def picture(self, row: int) -> Image.Image:
        """Return the image of a row, decoded anew."""
        split = self.splits[self.split[row]]
        return self.listing.record(split, row - self._starts[split]).open()

    def class_of(self, row: int) -> str:
        """Return the name of a row's class."""
        return self.listing.class_names[int(self.target[row])]


def see(listing: Listing, threads: int | None = None) -> Seen:
    """Look at every image of a listing, with as many threads as there are processors unless told."""
    starts: dict[str, int] = {}
    total = 0
    for split, targets in listing.targets.items():
        starts[split] = total
        total += len(targets)
    parts = list(listing.targets.values())
    seen = Seen(
        listing=listing,
        splits=tuple(listing.targets),
        split=np.repeat(np.arange(len(parts)), [len(part) for part in parts]),
        target=np.concatenate([*parts, np.zeros(0, np.int64)]),
        read=np.zeros(total, np.bool_),
        failures={},
        names=[""] * total,
        size=np.zeros((total, 2), np.int64),
        mode=[""] * total,
        format=[""] * total,
        oddities=[()] * total,
        colorless=np.zeros(total, np.bool_),
        digest=[b""] * total,
        mean=np.zeros((total, 3), np.float32),
        std=np.zeros(total, np.float32),
        limits=np.zeros((total, 2), np.uint8),
        clipped=np.zeros((total, 2), np.float32),
        grey=np.zeros((total, SIDE, SIDE), np.uint8),
        color=np.zeros((total, COARSE, COARSE, 3), np.uint8),
        histogram=np.zeros((len(parts), 3, 256), np.int64),
        _starts=starts,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Pillow warns of comes to be a finding, or is none
        for row, (name, look) in enumerate(_looks(listing, threads or cores())):
            seen.names[row] = name
            if isinstance(look, Unread):
                seen.failures[row] = look
            else:
                _keep(seen, row, look)
    return seen


_VALUES = np.arange(256.0)


def _keep(seen: Seen, row: int, look: Look) -> None:
    pixels = look.histogram[0].sum()
    means = look.histogram @ _VALUES / pixels
    together = look.histogram.sum(0)
    held = np.flatnonzero(together)
    seen.read[row] = True
    seen.size[row] = look.size
    seen.mode[row], seen.format[row], seen.oddities[row] = look.mode, look.format, look.oddities
    seen.colorless[row], seen.digest[row] = look.colorless, look.digest
    seen.mean[row] = means
    seen.std[row] = np.sqrt((look.histogram @ _VALUES**2 / pixels - means**2).clip(min=0).mean())
    seen.limits[row] = held[0], held[-1]
    seen.clipped[row] = look.histogram[:, [0, 255]].min(0) / pixels
    seen.grey[row], seen.color[row] = look.grey, look.color
    seen.histogram[seen.split[row]] += look.histogram


def _looks(listing: Listing, threads: int) -> Iterator[tuple[str, Look | Unread]]:
    """Yield the name and the look of every image, in order; few of them wait at a time."""
    waiting: deque[Future[list[tuple[str, Look | Unread]]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for chunk in _chunks(listing):
            waiting.append(pool.submit(_look_at_all, chunk))
            if len(waiting) > 2 * threads:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()


def _chunks(listing: Listing) -> Iterator[list[Record | tuple[str, Unread]]]:
    """Yield the records, some at a time. They are fetched by one thread: a source need not be safe for several."""
    chunk: list[Record | tuple[str, Unread]] = []
    for split, targets in listing.targets.items():
        for index in range(len(targets)):
            try:
                chunk.append(_named(listing, listing.record(split, index)))
            except DataError as error:
                chunk.append((f"{split}[{index}]", Unread("unreadable", str(error).rstrip("."))))
            if len(chunk) == _CHUNK:
                yield chunk
                chunk = []
    yield chunk


def _named(listing: Listing, record: Record) -> Record:
    """Return a record with a short name: a file's within its folder, pixels' without their source's."""
    if listing.tree and isinstance(record.data, Path) and record.data.is_relative_to(listing.tree.root):
        return Record(str(record.data.relative_to(listing.tree.root)), record.data, record.box)
    return Record(record.name.removeprefix(f"{listing.name} "), record.data, record.box)


def _look_at_all(chunk: list[Record | tuple[str, Unread]]) -> list[tuple[str, Look | Unread]]:
    return [(r.name, look_at(r)) if isinstance(r, Record) else r for r in chunk]


def patterns(grey: ByteArray) -> FloatArray:
    """Return shrunk images ``(N, 16, 16)`` without brightness and contrast, of mean 0 and length 1, ``(N, 256)``."""
    values = grey.reshape(-1, SIDE * SIDE).astype(np.float32)
    values -= values.mean(1, keepdims=True)
    values /= np.linalg.norm(values, axis=1, keepdims=True) + 1e-6
    return values
