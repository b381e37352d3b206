"""What stands in a run's ``events.jsonl``: `read_events` all of it, `last_event` its end. It knows no kind of event."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from striate.errors import RunError

__all__ = ["last_event", "read_events"]

_MAX_BYTES = 2**31
_TAIL = 2**16
_MAX_LINE = 2**24  # bytes; that every layer was looked at takes some 250 for each


def read_events(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the events in the file at ``path``, each as its ``to_data`` gave it, with the ``time`` of its writing.

    A last line that was cut short, as a run leaves it that was killed, is passed over.

    Raises:
        RunError: if the file is missing, too large to be a log, or damaged.
    """
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            raise RunError(f"{path}: is no file, and so no event log.")
        if about.st_size > _MAX_BYTES:
            raise RunError(f"{path}: has more than {_MAX_BYTES:,} bytes, too many for an event log.")
        with path.open("rb") as lines:
            number = 0
            while line := lines.readline(_MAX_LINE):
                number += 1
                event = _event(line)
                if event is not None:
                    yield event
                elif line.endswith(b"\n") or lines.read(1):
                    raise RunError(f"{path}: line {number:,} is no event; the log is damaged.")
    except FileNotFoundError:
        raise RunError(f"{path}: no such event log; every run has one.") from None
    except OSError as error:
        raise RunError(f"{path}: the event log cannot be read: {error.strerror or error}.") from None


def last_event(path: Path) -> dict[str, Any] | None:
    """Return the last event in the file at ``path``; None if there is none, or it takes more than `_TAIL` bytes."""
    try:
        with path.open("rb") as lines:
            size = lines.seek(0, os.SEEK_END)
            lines.seek(max(0, size - _TAIL))
            tail = lines.read(_TAIL)
    except OSError:
        return None
    return _event(tail.rstrip(b"\n").rpartition(b"\n")[2])


def _event(line: bytes) -> dict[str, Any] | None:
    """Return the event that ``line`` holds, or None."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) and isinstance(event.get("event"), str) else None
