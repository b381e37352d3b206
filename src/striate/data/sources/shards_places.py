"""Where shards lie and how their bytes are read: here, or on another machine by fsspec. Knows nothing of tar files."""

from __future__ import annotations

import os
import re
import threading
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from striate.data.decode import is_regular
from striate.data.fetch.web import Trouble
from striate.data.remote import Place, entry_at, filesystem, is_remote, tree
from striate.data.remote.trouble import asked
from striate.errors import DataError

__all__ = ["SHARDS", "Shard", "below", "last_name", "shard_at", "text_beside", "told"]

_MAX_TEXT = 4 * 2**20  # bytes of a list of classes
_AHEAD = 4 * 2**20  # bytes that one request to another machine asks for beyond what is needed now

SHARDS = re.compile(r"(?i:([^/]+/)?[^/]+\.tar)")
"""The paths of shards in a folder, and in the folders in it."""


class Shard(ABC):
    """One file of bytes. Several threads may read it at once. Abstract.

    Attributes:
        name: Where it lies, as it is told.
        key: What no other place has.
        size: In bytes.
        version: What is another as soon as the content is; empty where that cannot be told.
    """

    name: str
    key: str
    size: int
    version: str

    @abstractmethod
    def read(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes from ``offset`` on.

        Raises:
            DataError: if they cannot be read, or there are fewer.
        """

    @abstractmethod
    def check_parts(self) -> None:
        """Check that parts of the file can be read.

        Raises:
            DataError: if it can only be read from its start.
        """

    @abstractmethod
    def release(self) -> None:
        """Forget what was read ahead; it is read anew when it is wanted."""

    def _whole(self, data: bytes, offset: int, length: int) -> bytes:
        if len(data) != length:
            raise DataError(
                f"{self.name}: ends at {offset + len(data):,} bytes where {offset + length:,} were to be read; it was "
                "cut short or has changed. Bring it whole and open it again."
            )
        return data


class _LocalShard(Shard):
    def __init__(self, path: Path) -> None:
        self.name = self.key = str(path)
        self._path = path
        try:
            if not is_regular(path):
                raise DataError(f"{path}: not a regular file.")
            status = path.stat()
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror or error}.") from None
        self.size = status.st_size
        self.version = str(status.st_mtime_ns)

    def read(self, offset: int, length: int) -> bytes:
        try:
            with self._path.open("rb", buffering=0) as file:
                file.seek(offset)
                data = file.read(length)
                while 0 < len(data) < length and (more := file.read(length - len(data))):
                    data += more
        except OSError as error:
            raise DataError(f"{self.name}: cannot be read: {error.strerror or error}.") from None
        return self._whole(data, offset, length)

    def check_parts(self) -> None:
        """Every file can be read from any place."""

    def release(self) -> None:
        """Nothing is read ahead: the system does that."""


class _RemoteShard(Shard):
    def __init__(self, location: str) -> None:
        self._place = Place(location)
        self.name, self.key = self._place.name, self._place.digest
        with _explained(self._place):
            entry = entry_at(self._place)
        if entry is None:
            raise DataError(f"{self.name}: is a folder; name the shards in it, as by *.tar.")
        if entry.size is None:
            raise DataError(f"{self.name}: its server does not say how long it is. Download it.")
        self.size, self.version = entry.size, entry.version
        self._system, self._path = filesystem(location)
        self._file: Any = None
        self._lock = threading.Lock()

    def read(self, offset: int, length: int) -> bytes:
        with self._lock, _explained(self._place):
            data = asked(lambda: self._fetched(offset, length), self._place)
        return self._whole(data, offset, length)

    def check_parts(self) -> None:
        if self.size > 1:
            with _explained(self._place):
                asked(self._second_byte, self._place)

    def release(self) -> None:
        with self._lock:
            self._file = None

    def _second_byte(self) -> None:
        with self._system.open(self._path, "rb", block_size=1, cache_type="none") as file:
            file.seek(1)
            file.read(1)

    def _fetched(self, offset: int, length: int) -> bytes:
        if self._file is None:
            self._file = self._system.open(self._path, "rb", block_size=_AHEAD, cache_type="readahead")
        try:
            self._file.seek(offset)
            return bytes(self._file.read(length))
        except BaseException:
            self._file = None  # what it keeps may be half an answer
            raise


@contextmanager
def _explained(place: Place) -> Iterator[None]:
    try:
        yield
    except Trouble as trouble:
        later = " Do the same again later." if trouble.passing else ""
        raise DataError(f"{place.name}: cannot be read: {trouble}.{later}") from None


def told(location: str) -> str:
    """Return a location as messages tell it."""
    return Place(location).name if is_remote(location) else location


def shard_at(location: str) -> Shard:
    """Return the shard at ``location``.

    Raises:
        DataError: if there is no file that can be read.
    """
    return _RemoteShard(location) if is_remote(location) else _LocalShard(Path(location))


def below(folder: str) -> dict[str, list[str]]:
    """Return the tar files in a folder, under ``""``, and those in the folders in it, under their names; all sorted.

    Raises:
        DataError: if it cannot be listed.
    """
    if is_remote(folder):
        place = Place(folder)
        with _explained(place):
            names = list(tree(place, SHARDS))
        locate: Callable[[str], str] = place.below
    else:
        root = Path(folder)
        try:
            names = [path.relative_to(root).as_posix() for path in root.iterdir() if not path.is_dir()]
            for inner in (path for path in root.iterdir() if path.is_dir()):
                names += [path.relative_to(root).as_posix() for path in inner.iterdir() if not path.is_dir()]
        except OSError as error:
            raise DataError(f"{folder}: cannot be listed: {error.strerror or error}.") from None
        locate = f"{folder.rstrip('/')}/{{}}".format
    found: dict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        if SHARDS.fullmatch(name) and not any(part.startswith(".") for part in name.split("/")):
            found[name.rpartition("/")[0]].append(locate(name))
    return dict(found)


def text_beside(folder: str, name: str) -> str | None:
    """Return the text of the file ``name`` in ``folder``, or None if there is none.

    Raises:
        DataError: if it cannot be read, is too large or not UTF-8.
    """
    if is_remote(folder):
        place = Place(Place(folder).below(name))
        location, there = place.location, _is_there(place)
    else:
        location = f"{folder.rstrip('/')}/{name}"
        there = os.path.lexists(location)  # a link that leads nowhere is told, not passed over
    if not there:
        return None
    file = shard_at(location)
    if file.size > _MAX_TEXT:
        raise DataError(f"{file.name}: has {file.size:,} bytes; a list of classes has at most {_MAX_TEXT:,}.")
    try:
        return file.read(0, file.size).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{file.name}: not UTF-8.") from None


def _is_there(place: Place) -> bool:
    with _explained(place):
        try:
            return entry_at(place) is not None
        except Trouble as trouble:
            if trouble.passing:
                raise
            return False  # stores that may not be listed tell of a missing file that it is forbidden


def last_name(location: str) -> str:
    """Return the last part of the path of a location."""
    path = location.partition("?")[0] if is_remote(location) else location
    return path.rstrip("/").rpartition("/")[2]
