"""One process at a time trains in a run folder."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

from striate.errors import RunError

__all__ = ["lock"]


def lock(folder: Path) -> FileLock:
    """Return a lock on ``folder`` that is held until it is released, or its process ends in whatever way.

    Raises:
        RunError: if another process has it, or nothing can be written there.
    """
    held = FileLock(folder / "lock", thread_local=False)  # a generator may be drained by any thread
    try:
        held.acquire(timeout=0)
    except Timeout:
        raise RunError(
            f"{folder}: another process is training in it; wait until it ends, or end it first."
        ) from None
    except OSError as error:
        raise RunError(f"{folder}: cannot be written: {error.strerror or error}.") from None
    return held
