"""`PackSource` reads a pack: memory-mapped, zero-copy, at random. It knows nothing of how one is written."""

from __future__ import annotations

import hashlib
import mmap
import os
import sys
import zlib
from pathlib import Path

import numpy as np

from striate.data.decode import Record, is_regular
from striate.data.pack.format import PREFIX_SIZE, Header, Section, images_per_block, read_header, read_prefix
from striate.data.source import ByteArray, IntArray, Source, Targets, named_path
from striate.errors import DataError, listed

__all__ = ["PackSource"]

_CHECKED_AT_ONCE = 2**30  # bytes of a split, which take about 0.2 s
_MAP_NORESERVE = 0x4000 if sys.platform == "linux" else 0  # Python names it from 3.13 on


class PackSource(Source):
    """The images of a pack. What cannot be believed is refused: the header when it is opened; a block of images, and a
    file that was cut short since, when one of it is asked for; `array` checks all blocks of a split of up to 1 GiB,
    once, and `verify` those of any.

    Args:
        path: The file.

    Attributes:
        header: What the pack says of itself.

    Raises:
        DataError: if the file cannot be read, is not a pack, or is damaged.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = named_path(path)
        try:
            self._map, self.header = _opened(self.path)
            self._bytes = np.frombuffer(self._map, np.uint8)
            self.targets: dict[str, Targets] = {name: self._targets(name) for name in self.header.splits}
        except FileNotFoundError:
            raise DataError(f"{path}: no such file.") from None
        except DataError as error:
            raise DataError(f"{path}: {error}") from None
        except (OSError, ValueError) as error:
            raise DataError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}.") from None
        self.name = f"pack:{self.path.resolve()}"
        self.class_names = self.header.class_names
        self.fingerprint = self._fingerprint()
        self.in_place = frozenset(self.header.splits)
        self._checked = {name: np.zeros(len(self._checksums(name)), bool) for name in self.header.splits}
        self._ends: dict[str, IntArray] = {}

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(C, H, W)``."""
        return self.header.shape

    def record(self, split: str, index: int) -> Record:
        """Return the pixels of one image, under the name that it had where it was packed from.

        Raises:
            DataError: if its block, or the list of names, is damaged, or the file was cut short.
        """
        row = self.checked_index(split, index)
        self._check_blocks(split, [row // self._per_block])
        return Record(self._name(split, row), self._images(split)[row])

    def array(self, split: str) -> ByteArray:
        """Return the images as they lie in the file; what is written to them reaches no file.

        Raises:
            DataError: if a block of a split of up to 1 GiB is damaged, of a larger one `verify` tells; or if the file
                was cut short.
        """
        self.check_split(split)
        images = self._images(split)
        if images.nbytes <= _CHECKED_AT_ONCE:
            self._check_blocks(split, range(len(self._checked[split])))
        return images

    def verify(self) -> None:
        """Read everything again.

        Raises:
            DataError: naming the images whose blocks are damaged; or if the file was cut short.
        """
        for split, layout in self.header.splits.items():
            self._checked[split][:] = False
            self._check_blocks(split, range(len(self._checked[split])))
            for index in range(layout.count):
                self._name(split, index)

    @property
    def _per_block(self) -> int:
        return images_per_block(self.header.shape)

    def _images(self, split: str) -> ByteArray:
        if self._map.size() < len(self._map):  # to read beyond the end of the file ends the process
            raise DataError(
                f"{self.path}: has been cut short since it was opened; restore it and start again."
            )
        layout = self.header.splits[split]
        return self._section(layout.images).reshape(layout.count, *self.header.shape)

    def _checksums(self, split: str) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
        return self._section(self.header.splits[split].checksums).view("<u4")

    def _section(self, section: Section) -> ByteArray:
        return self._bytes[section.offset : section.offset + section.length]

    def _sound(self, section: Section, what: str) -> ByteArray:
        values = self._section(section)
        if zlib.crc32(values.data) != section.crc:
            raise DataError(f"its {what} are damaged. Pack again.")
        return values

    def _targets(self, split: str) -> Targets:
        layout, classes = self.header.splits[split], len(self.header.class_names)
        self._sound(layout.checksums, f"checksums of {split!r}")
        values = self._sound(layout.targets, f"targets of {split!r}")
        if layout.multi_label:
            targets: Targets = values.reshape(layout.count, classes).copy()
            limit = 2
        else:
            targets = values.view("<i8").astype(np.int64)
            limit = classes
        if targets.size and not 0 <= targets.min() <= targets.max() < limit:
            raise DataError(f"its targets of {split!r} are damaged. Pack again.")
        return targets

    def _name(self, split: str, index: int) -> str:
        layout = self.header.splits[split]
        if split not in self._ends:
            try:
                ends = self._sound(layout.name_ends, f"names of {split!r}").view("<i8")
                self._sound(layout.names, f"names of {split!r}")
                bounds = np.concatenate([[0], ends, [layout.names.length]]).astype(np.int64)
                if (np.diff(bounds) < 0).any():
                    raise DataError(f"its names of {split!r} are damaged. Pack again.")
            except DataError as error:
                raise DataError(f"{self.path}: {error}") from None
            self._ends[split] = bounds[:-1]
        start, end = self._ends[split][[index, index + 1]]
        return self._section(layout.names)[start:end].tobytes().decode(errors="surrogateescape")

    def _check_blocks(self, split: str, blocks: range | list[int]) -> None:
        checked, sums = self._checked[split], self._checksums(split)
        images, per_block = self._images(split), self._per_block
        damaged = []
        for block in blocks:
            if checked[block]:
                continue
            start = block * per_block
            if zlib.crc32(images[start : start + per_block].data) == sums[block]:
                checked[block] = True
            else:
                damaged.append(f"{start} to {min(start + per_block, len(images)) - 1}")
        if damaged:
            raise DataError(
                f"{self.path}: damaged: the checksums of images {listed(damaged)} of {split!r} do not agree. "
                "Pack again."
            )

    def _fingerprint(self) -> str:
        header = self.header
        total = hashlib.sha256(repr((header.class_names, header.shape)).encode())
        for name in sorted(header.splits):
            split = header.splits[name]
            total.update(f"{name}/{split.count}/{split.targets.crc}/".encode())
            total.update(self._section(split.checksums).data)
        return total.hexdigest()


def _opened(path: Path) -> tuple[mmap.mmap, Header]:
    """Map ``path`` into memory and return that and its header."""
    if path.exists() and not is_regular(path):
        raise DataError("not a file.")
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        crc, offset, length = read_prefix(file.read(PREFIX_SIZE), size)
        mapped = _mapped(file.fileno())
    text = mapped[offset : offset + length]
    if zlib.crc32(text) != crc:
        raise DataError("its header is damaged (its checksum does not agree). Pack again.")
    return mapped, read_header(text, offset)


def _mapped(descriptor: int) -> mmap.mmap:
    """Map a file so that it may be written to in memory only, which torch wants of an array.

    Without NORESERVE, Linux refuses to map a file larger than its memory so.
    """
    if hasattr(mmap, "MAP_PRIVATE"):
        flags = mmap.MAP_PRIVATE | _MAP_NORESERVE
        return mmap.mmap(descriptor, 0, flags=flags, prot=mmap.PROT_READ | mmap.PROT_WRITE)
    return mmap.mmap(descriptor, 0, access=mmap.ACCESS_COPY)
