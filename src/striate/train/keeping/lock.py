"""One process at a time trains in a run folder."""

from __future__ import annotations

import os
from pathlib import Path

from filelock import FileLock, Timeout

from striate.errors import RunError

__all__ = ["lock"]

_LOCKS = Path("/proc/locks")  # of Linux


def lock(folder: Path) -> FileLock:
    """Return a lock on ``folder`` that is held until it is released, or its process ends in whatever way.

    Raises:
        RunError: if another process has it, or nothing can be written there.
    """
    held = FileLock(folder / "lock", thread_local=False)  # a generator may be drained by any thread
    try:
        held.acquire(timeout=0)
    except Timeout:
        number = _holder(folder / "lock")
        if number == os.getpid():
            raise RunError(
                f"{folder}: this process is training in it; take its events to the end, or close them, first."
            ) from None
        who = "another process" if number is None else f"another process, number {number},"
        raise RunError(f"{folder}: {who} is training in it; wait until it ends, or end it first.") from None
    except OSError as error:
        raise RunError(f"{folder}: cannot be written: {error.strerror or error}.") from None
    return held


def _holder(path: Path) -> int | None:
    """Return the number of the process that has a lock on ``path``, where the system tells."""
    try:
        about = path.stat()
        wanted = f"{os.major(about.st_dev):02x}:{os.minor(about.st_dev):02x}:{about.st_ino}"
        for line in _LOCKS.read_text().splitlines():
            _, _, _, _, process, file, *_ = line.split()
            if file == wanted and int(process) > 0:
                return int(process)
    except (OSError, ValueError):
        return None
    return None
