"""Files read whole, and the SHA-256 of many.

With as few calls of the system as can be: each lets other threads go first, which costs more than the call where
threads decode images.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from striate.data.cores import cores
from striate.errors import DataError

__all__ = ["FileDigest", "FileState", "file_content", "file_digests"]

FileState = tuple[int, int, int, int]
"""Number, size, and the times in nanoseconds when content and number were last changed: other content, other state."""

_FEW = 64  # files, for which no threads are started
_AT_ONCE = 2**20  # bytes
_JUST_BEFORE = 2_000_000_000  # nanoseconds, as finely as any file system tells time
# To open a named pipe may wait for ever.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class FileDigest(bytes):
    """The SHA-256 of a file.

    Attributes:
        state: Of the file when it was read; None if it had been changed just before, so that a change right afterwards
            might leave the same times.
    """

    state: FileState | None = None


def file_content(file: Path, most: int) -> tuple[bytes | None, FileState]:
    """Return what a file holds, or None if that is more than ``most`` bytes, and its state before it was read.

    Raises:
        OSError: if it cannot be read.
        DataError: without its name, if it is a pipe or a device.
    """
    handle = os.open(file, _FLAGS)
    try:
        state = _state(handle)
        size = state[1]
        if size > most:
            return None, state
        content = os.read(handle, size + 1)
        return content if len(content) >= size else content + b"".join(_parts(handle)), state
    finally:
        os.close(handle)


def file_digests(files: Iterable[Path]) -> dict[Path, FileDigest]:
    """Return the digest of the content of each file; of one that cannot be read, of its name."""
    wanted = list(dict.fromkeys(files))
    if len(wanted) <= _FEW or cores() == 1:
        return dict(_digests(wanted))
    parts = [wanted[start : start + _FEW] for start in range(0, len(wanted), _FEW)]
    with ThreadPoolExecutor(cores()) as pool:
        return {file: digest for part in pool.map(_digests, parts) for file, digest in part}


def _digests(files: list[Path]) -> list[tuple[Path, FileDigest]]:
    return [(file, _digest(file)) for file in files]


def _digest(file: Path) -> FileDigest:
    now = time.time_ns()
    try:
        content, state = file_content(file, _AT_ONCE)
        total = hashlib.sha256(content or b"")
        if content is None:
            with file.open("rb") as opened:
                for part in _parts(opened.fileno()):
                    total.update(part)
    except (OSError, DataError):
        return FileDigest(hashlib.sha256(b"unreadable/" + os.fsencode(file.name)).digest())
    digest = FileDigest(total.digest())
    digest.state = state if max(state[2:]) < now - _JUST_BEFORE else None
    return digest


def _state(handle: int) -> FileState:
    status = os.fstat(handle)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise DataError("not a regular file.")
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _parts(handle: int) -> Iterator[bytes]:
    while part := os.read(handle, _AT_ONCE):
        yield part
