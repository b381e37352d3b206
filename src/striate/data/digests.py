"""SHA-256 of files, many at a time."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from striate.data.cores import cores

__all__ = ["file_digests"]

_FEW = 64  # files, for which no threads are started
_AT_ONCE = 2**20  # bytes
_NOT_WAITING = getattr(os, "O_NONBLOCK", 0) | getattr(
    os, "O_BINARY", 0
)  # to open a named pipe may wait for ever


def file_digests(files: Iterable[Path]) -> dict[Path, bytes]:
    """Return the digest of the content of each file; of one that cannot be read, of its name."""
    wanted = list(dict.fromkeys(files))
    if len(wanted) <= _FEW or cores() == 1:
        return dict(_digests(wanted))
    parts = [wanted[start : start + _FEW] for start in range(0, len(wanted), _FEW)]
    with ThreadPoolExecutor(cores()) as pool:
        return {file: digest for part in pool.map(_digests, parts) for file, digest in part}


def _digests(files: list[Path]) -> list[tuple[Path, bytes]]:
    return [(file, _digest(file)) for file in files]


def _digest(file: Path) -> bytes:
    try:
        handle = os.open(file, os.O_RDONLY | _NOT_WAITING)
        try:
            if stat.S_ISREG(os.fstat(handle).st_mode):
                total = hashlib.sha256()
                while part := os.read(handle, _AT_ONCE):
                    total.update(part)
                return total.digest()
        finally:
            os.close(handle)
    except OSError:
        pass
    return hashlib.sha256(b"unreadable/" + os.fsencode(file.name)).digest()
