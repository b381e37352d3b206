"""One remote file brought here: under another name until it is whole and on the disk, bounded, tried again."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsspec.callbacks import Callback

from striate.data.fetch.web import Trouble
from striate.data.remote.places import Place
from striate.data.remote.tree import Entry
from striate.data.remote.trouble import trouble_of
from striate.errors import DataError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

__all__ = ["Budget", "bring"]

_ATTEMPTS = 4
_PAUSE = 1.0  # seconds before the second attempt; doubled for each after it


class Budget:
    """How many bytes may still come of files whose size nobody said; shared by threads."""

    def __init__(self, most: int, refusal: DataError) -> None:
        self._left = most
        self._refusal = refusal
        self._lock = threading.Lock()
        self.stopped = False

    def stop(self) -> None:
        """Let what is being received end."""
        self.stopped = True

    def spend(self, count: int) -> None:
        """Take ``count`` bytes.

        Raises:
            DataError: if there are not as many.
        """
        with self._lock:
            self._left -= count
            if self._left < 0:
                raise self._refusal


class _Stopped(Exception):
    """Another file failed, or the user wants to stop."""


class _Grew(Exception):
    """More came than was announced."""


class _Bound(Callback):  # type: ignore[misc]
    """What fsspec tells of each piece that comes; it stops a file that does not end."""

    def __init__(self, size: int | None, budget: Budget, **more: Any) -> None:
        super().__init__(**more)
        self._most = size
        self._budget = budget
        self._come = 0

    def relative_update(self, inc: int = 1) -> None:
        self._come += inc
        if self._budget.stopped:
            raise _Stopped
        if self._most is None:
            self._budget.spend(inc)
        elif self._come > self._most:
            raise _Grew

    def absolute_update(self, value: int) -> None:
        self.relative_update(value - self._come)


def bring(
    system: AbstractFileSystem,
    entry: Entry,
    place: Place,
    name: str,
    part: Path,
    target: Path,
    budget: Budget,
) -> None:
    """Bring the file ``entry`` to ``target``, by way of ``part``.

    Args:
        system: Reads it.
        entry: The file.
        place: Where it is, for messages.
        name: Which file of the place it is, for messages.
        part: Where it is written first, on the same disk.
        target: Where it is put; its folder is made.
        budget: What may come if its size is not known.

    Raises:
        DataError: if it cannot be had, or changes meanwhile.
        OSError: if it cannot be written.
    """
    for attempt in range(_ATTEMPTS):
        try:
            size = _received(system, entry, place, part, budget)
            if entry.size not in (None, size):
                raise Trouble(f"it ended after {size:,} of {entry.size:,} bytes", passing=True)
            break
        except Trouble as trouble:
            if not trouble.passing or attempt == _ATTEMPTS - 1 or budget.stopped:
                raise DataError(
                    f"{place.name}: {name!r} cannot be fetched: {trouble}. What has come is kept; do the same again."
                ) from None
            time.sleep(_PAUSE * 2**attempt)
    target.parent.mkdir(parents=True, exist_ok=True)
    part.replace(target)


def _received(system: AbstractFileSystem, entry: Entry, place: Place, part: Path, budget: Budget) -> int:
    """Receive a file into ``part`` and return its size."""
    bound = _Bound(entry.size, budget)
    try:
        system.get_file(entry.path, str(part), callback=bound)
        bound.absolute_update(part.stat().st_size)  # SFTP tells nothing meanwhile
    except (DataError, _Stopped):
        raise
    except _Grew:
        raise Trouble(f"more than its {entry.size:,} bytes come; it changes", passing=False) from None
    except Exception as error:  # of any file system
        raise trouble_of(error, place) from None
    with part.open("r+b") as file:
        os.fsync(file.fileno())
        return file.seek(0, os.SEEK_END)
