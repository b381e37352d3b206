"""`PackWriter` writes a pack file: under another name until it is whole. It knows nothing of where images come from."""

from __future__ import annotations

import contextlib
import glob
import os
import secrets
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np

from striate.data.moments import Moments
from striate.data.pack.format import (
    PAGE,
    VERSION,
    Header,
    Section,
    SplitLayout,
    images_per_block,
    prefix_bytes,
)
from striate.data.pixels import ByteArray
from striate.data.source import IntArray, Targets
from striate.errors import DataError
from striate.spec.files import sync_folder

try:
    import fcntl
except ImportError:  # Windows: leftovers of killed packs stay until they are removed by hand
    fcntl = None  # type: ignore[assignment]

__all__ = ["PackWriter", "remove_leftovers"]

_JUST_MADE = 2.0  # seconds
_HURRIED_AT_ONCE = 8 * 2**20  # bytes


class PackWriter:
    """Writes a pack, split by split; a context that leaves nothing behind unless `finish` was called.

    Until then the file is ``.NAME.XXXX.part`` beside ``path`` and begins with zeros, which no reader takes for a pack.

    Args:
        path: The file to make.
        shape: ``(C, H, W)`` of every image.

    Raises:
        DataError: naming ``path``, if it cannot be written.
    """

    def __init__(self, path: Path, shape: tuple[int, int, int]) -> None:
        self.path = path
        self._shape = shape
        self._splits: dict[str, SplitLayout] = {}
        self._hurried = 0
        with self._told():
            remove_leftovers(path.parent, path.name)
            self._part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
            self._file: BinaryIO = self._part.open("xb")
            if fcntl is not None:
                fcntl.flock(self._file, fcntl.LOCK_EX)  # held as long as this process lives
            self._file.write(bytes(PAGE))

    def __enter__(self) -> PackWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):  # what could not be written cannot be flushed either
            self._file.close()
        with contextlib.suppress(OSError):
            self._part.unlink(missing_ok=True)

    def add_split(
        self, name: str, pieces: Iterable[ByteArray], labels: Callable[[], tuple[Targets, Sequence[str]]]
    ) -> int:
        """Write a split and return how many images it has.

        Args:
            name: Of the split.
            pieces: Images, uint8 ``(n, C, H, W)``, of any n.
            labels: Called after all pieces: returns the targets of all images and their names.
        """
        with self._told():
            offset = self._aligned(PAGE)
            checksums, count = self._write_images(pieces)
            images = Section(offset=offset, length=self._file.tell() - offset, crc=0)
            targets, names = labels()
            texts = [text.encode(errors="surrogateescape") for text in names]
            ends: IntArray = np.cumsum([len(text) for text in texts], dtype=np.int64)
            assert len(targets) == len(names) == count
            self._splits[name] = SplitLayout(
                count=count,
                multi_label=targets.ndim > 1,
                images=images,
                targets=self._section(
                    targets.astype("<i8" if targets.ndim == 1 else np.uint8).tobytes(), PAGE
                ),
                name_ends=self._section(ends.astype("<i8").tobytes(), 8),
                names=self._section(b"".join(texts), 1),
                checksums=self._section(np.array(checksums, "<u4").tobytes(), 8),
            )
        return count

    def finish(
        self,
        *,
        source: str,
        source_fingerprint: str,
        class_names: tuple[str, ...],
        moments: Moments | None,
        settings: dict[str, str | int | None],
        skipped: tuple[str, ...] = (),
    ) -> Header:
        """Write the header, make sure that all is on the disk, and give the file its name.

        ``moments`` are those of the images that are trained on; the header tells their mean and standard deviation.
        """
        header = Header(
            source=source.encode(errors="backslashreplace").decode(),
            source_fingerprint=source_fingerprint,
            class_names=tuple(name.encode(errors="backslashreplace").decode() for name in class_names),
            shape=self._shape,  # type: ignore[arg-type]  # channels are checked
            mean=moments.mean if moments else None,
            std=moments.std if moments else None,
            settings={"version": VERSION, **settings},
            skipped=tuple(text.encode(errors="backslashreplace").decode() for text in skipped),
            splits=self._splits,
        )
        text = header.model_dump_json().encode()
        with self._told():
            offset = self._aligned(8)
            self._file.write(text)
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.seek(0)
            self._file.write(prefix_bytes(crc=zlib.crc32(text), offset=offset, length=len(text)))
            self._file.flush()
            os.fsync(self._file.fileno())
            if fcntl is None:
                self._file.close()  # which Windows wants before; elsewhere the part is held until it has its name
            self._part.replace(self.path)
            with contextlib.suppress(OSError):  # where folders cannot be synced the name lasts without
                sync_folder(self.path.parent)
        return header

    def _write_images(self, pieces: Iterable[ByteArray]) -> tuple[list[int], int]:
        size = images_per_block(self._shape) * int(np.prod(self._shape))
        checksums: list[int] = []
        crc, filled, count = 0, 0, 0
        for piece in pieces:
            values = np.ascontiguousarray(piece).reshape(-1).data
            self._file.write(values)
            self._hurry()
            count += len(piece)
            while len(values):
                part = values[: size - filled]
                crc, filled, values = zlib.crc32(part, crc), filled + len(part), values[len(part) :]
                if filled == size:
                    checksums.append(crc)
                    crc, filled = 0, 0
        return [*checksums, crc] if filled else checksums, count

    def _hurry(self) -> None:
        """Have the disk begin with what was written, so that it is soon done at the end.

        POSIX has no word for that; but Linux, told that pages are not needed, begins to write those that differ from
        the disk, and keeps them.
        """
        end = self._file.tell()
        if end - self._hurried >= _HURRIED_AT_ONCE and hasattr(os, "posix_fadvise"):
            self._file.flush()
            with contextlib.suppress(OSError):
                os.posix_fadvise(
                    self._file.fileno(), self._hurried, end - self._hurried, os.POSIX_FADV_DONTNEED
                )
            self._hurried = end

    def _section(self, values: bytes, step: int) -> Section:
        offset = self._aligned(step)
        self._file.write(values)
        return Section(offset=offset, length=len(values), crc=zlib.crc32(values))

    def _aligned(self, step: int) -> int:
        """Fill up with zeros to a multiple of ``step`` and return where that is."""
        self._file.write(bytes(-self._file.tell() % step))
        return self._file.tell()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            # An error of a file that is read has its own name; what is written here has ours.
            raise DataError(f"{self.path}: cannot be written: {error.strerror or error}.") from None


def remove_leftovers(folder: Path, name: str = "*") -> None:
    """Remove what killed writers left in ``folder``: parts that no process holds any more."""
    if fcntl is None:
        return
    for part in folder.glob(f".{glob.escape(name) if name != '*' else name}.????????.part"):
        with contextlib.suppress(OSError), part.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if time.time() - part.stat().st_mtime > _JUST_MADE:  # else its writer may be about to hold it
                part.unlink()
