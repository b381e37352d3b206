"""Unpacking what came from elsewhere: tar, zip and gzip, into a new folder, never beyond it and never without bound.

Only plain files and folders with plain names are made, each once, with this process's own permissions. Anything else
in an archive (links, devices, absolute names, ``..``, control characters, holes) refuses it whole. The archive's digest
has been checked before; this is for the day on which a catalog errs. It knows nothing of data sets.
"""

from __future__ import annotations

import gzip
import io
import lzma
import stat
import tarfile
import zipfile
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from striate.data.fetch.catalog import Unpacking
from striate.data.fetch.names import objection, parts_of
from striate.data.wording import quoted
from striate.errors import DataError

__all__ = ["Bounds", "unpack"]

_CHUNK = 2**20
_ENCRYPTED = 0x1


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What an archive may become.

    Attributes:
        total: Bytes, of all its files together.
        members: Files and folders.
    """

    total: int
    members: int = 200_000


def unpack(
    archive: Path, how: Unpacking, into: Path, bounds: Bounds, tell: Callable[[int], None] = lambda _: None
) -> None:
    """Unpack ``archive`` into the folder ``into``; ``tell`` hears how many of its bytes have been read.

    What was made before a refusal is left for the caller, who throws ``into`` away.

    Raises:
        DataError: naming the member that is refused, the bound that is passed, or the damage.
        OSError: if it cannot be written.
    """
    try:
        with archive.open("rb") as file:
            _UNPACKERS[how](file, archive, _Maker(into, archive.name, bounds), lambda: tell(file.tell()))
    except _Unreadable as error:
        raise DataError(f"{archive.name}: the archive is damaged ({quoted(error)}).") from None
    except NotImplementedError as error:  # zipfile's: a compression that it does not know
        raise DataError(f"{archive.name}: the archive cannot be unpacked ({quoted(error)}).") from None


class _Unreadable(Exception):
    """An archive cannot be read on."""


@contextmanager
def _reading() -> Iterator[None]:
    """Tell what fails in reading, where a broken archive may raise anything, from what fails in writing."""
    try:
        yield
    except (DataError, NotImplementedError):
        raise
    except Exception as error:
        raise _Unreadable(error) from None


class _Maker:
    """Makes the files and folders of one archive, within its bounds."""

    def __init__(self, root: Path, archive: str, bounds: Bounds) -> None:
        self._root = root
        self._archive = archive
        self._bounds = bounds
        self._seen: set[str] = set()
        self._written = 0
        self._members = 0

    def refuse(self, name: str, why: str) -> DataError:
        """Return the error for a member called ``name``."""
        return DataError(f"{self._archive}: its member {name!r} {why}; nothing of it is kept.")

    def check_length(self, read: int) -> None:
        """Refuse an archive that grows beyond its bound."""
        if read > self._bounds.total:
            raise DataError(
                f"{self._archive}: unpacks to more than {self._bounds.total:,} bytes; nothing of it is kept."
            )

    def folder(self, name: str) -> None:
        """Make a folder; it may be named more than once."""
        self._make(name, self._place(name))

    def file(self, name: str, content: IO[bytes], tell: Callable[[], None]) -> None:
        """Make a file, and write its content until it ends or a bound is passed."""
        target = self._place(name)
        spelled = str(target).casefold()  # two names that are one on some systems
        if spelled in self._seen:
            raise self.refuse(name, "is there twice")
        self._seen.add(spelled)
        self._make(name, target.parent)
        try:
            out = target.open("xb")
        except FileExistsError:
            raise self.refuse(name, "is there twice") from None
        with out:
            while chunk := _chunk(content):
                self._written += len(chunk)
                self.check_length(self._written)
                out.write(chunk)
                tell()

    def _make(self, name: str, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise self.refuse(name, "takes a file for a folder") from None

    def _place(self, name: str) -> Path:
        self._members += 1
        if self._members > self._bounds.members:
            raise DataError(f"{self._archive}: has more than {self._bounds.members:,} members.")
        why = objection(name)
        if why:
            raise self.refuse(name, why)
        return self._root.joinpath(*parts_of(name))


def _chunk(content: IO[bytes]) -> bytes:
    with _reading():
        return content.read(_CHUNK)


def _untar(file: IO[bytes], archive: Path, maker: _Maker, tell: Callable[[], None]) -> None:
    # Headers are bounded too: a name may be as long as its header says.
    with _plain(file, archive) as plain, closing(_members(_Counted(plain, maker))) as members:
        for member, content in members:
            if member.isdir():
                maker.folder(member.name)
            elif not member.isreg() or member.issparse():
                raise maker.refuse(member.name, f"is {_TAR_KINDS.get(member.type, 'no plain file')}")
            else:
                assert content is not None
                with content:
                    maker.file(member.name, content, tell)


def _tar(file: _Counted) -> tarfile.TarFile:
    with _reading():
        return tarfile.open(fileobj=file, mode="r|")


def _members(file: _Counted) -> Generator[tuple[tarfile.TarInfo, IO[bytes] | None], None, None]:
    """Yield the members of a tar, and the content of each that is a file."""
    with _tar(file) as tar:
        while True:
            with _reading():
                member = tar.next()
                content = tar.extractfile(member) if member is not None and member.isreg() else None
            if member is None:
                return
            yield member, content


_TAR_KINDS = {
    tarfile.SYMTYPE: "a link",
    tarfile.LNKTYPE: "a link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
}


@contextmanager
def _plain(file: IO[bytes], archive: Path) -> Iterator[IO[bytes]]:
    """Return the tar within ``file``, whether it is compressed or not."""
    magic = file.read(6)
    file.seek(0)
    if magic.startswith(b"\x1f\x8b"):
        with gzip.GzipFile(fileobj=file, mode="rb") as plain:
            yield plain  # type: ignore[misc]
    elif magic.startswith(b"\xfd7zXZ\0"):
        with closing(lzma.LZMAFile(file)) as packed:
            yield packed
    else:
        yield file


class _Counted(io.RawIOBase):
    """What is read through it counts towards the bound of an archive."""

    def __init__(self, file: IO[bytes], maker: _Maker) -> None:
        self._file = file
        self._maker = maker
        self._read = 0

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(min(size, _CHUNK) if size >= 0 else _CHUNK)
        self._read += len(data)
        self._maker.check_length(self._read)
        return data


def _unzip(file: IO[bytes], archive: Path, maker: _Maker, tell: Callable[[], None]) -> None:
    with _reading():
        packed = zipfile.ZipFile(file)
    with packed:
        maker.check_length(
            sum(info.file_size for info in packed.infolist())
        )  # what it says; what comes is counted
        for info in packed.infolist():
            name = info.orig_filename  # zipfile's own is cut at a null character
            mode = stat.S_IFMT(info.external_attr >> 16)
            if info.flag_bits & _ENCRYPTED:
                raise maker.refuse(name, "is encrypted")
            if mode not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise maker.refuse(name, "is a link" if stat.S_ISLNK(mode) else "is no plain file")
            if name.endswith("/"):
                maker.folder(name)
            else:
                with _reading():
                    content = packed.open(info)
                with content:
                    maker.file(name, content, tell)


def _gunzip(file: IO[bytes], archive: Path, maker: _Maker, tell: Callable[[], None]) -> None:
    with gzip.GzipFile(fileobj=file, mode="rb") as content:
        maker.file(archive.name.removesuffix(".gz"), content, tell)  # type: ignore[arg-type]


_UNPACKERS: dict[Unpacking, Callable[[IO[bytes], Path, _Maker, Callable[[], None]], Any]] = {
    "tar": _untar,
    "zip": _unzip,
    "gz": _gunzip,
}
