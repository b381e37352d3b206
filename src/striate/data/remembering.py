"""What took long to find out about data and is short to say, kept in the cache: JSON files, each named by a hash.

A file is written whole or not at all, checked when it is read, and found out anew if it is damaged. Without a cache, or
where it cannot be written, nothing is kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from striate.data.pack.cache import cache_folder

__all__ = ["forget", "forget_all", "held", "remember", "remembered", "trim"]

_FOLDER = "known"
_NAME = re.compile(r"[0-9a-f]{32}\.json|\.[0-9a-f]{32}\.json\.[0-9a-f]{8}\.part")
_MAX_FILE = 2**29
_MAX_FILES = 2**30  # bytes of all together; the longest unused go first

_Model = TypeVar("_Model", bound=BaseModel)


def remembered(key: Sequence[Any], model: type[_Model]) -> _Model | None:
    """Return what was kept under ``key``, or None."""
    path = _path(key)
    try:
        if path is None or path.stat().st_size > _MAX_FILE:
            return None
        value = model.model_validate_json(path.read_bytes())
        os.utime(path)
    except (OSError, ValidationError):
        return None
    return value


def remember(key: Sequence[Any], value: BaseModel) -> None:
    """Keep ``value`` under ``key``, which JSON can write: all that it depends on."""
    path = _path(key)
    if path is None:
        return
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(value.model_dump_json().encode())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def forget(key: Sequence[Any]) -> None:
    """Keep nothing under ``key``."""
    path = _path(key)
    if path is not None:
        with contextlib.suppress(OSError):
            path.unlink()


def trim() -> None:
    """Remove what has not been used for longest, until the rest is within its bound."""
    with contextlib.suppress(OSError):
        files = [(path.stat(), path) for path in _files()]
        size = sum(status.st_size for status, _ in files)
        for status, path in sorted(files, key=lambda file: file[0].st_mtime):
            if size <= _MAX_FILES:
                return
            path.unlink()
            size -= status.st_size


def held() -> tuple[int, int]:
    """Return how many files are kept, and their bytes."""
    sizes = [path.stat().st_size for path in _files()]
    return len(sizes), sum(sizes)


def forget_all() -> tuple[int, int]:
    """Keep nothing; return how many files there were, and their bytes.

    Raises:
        OSError: if one cannot be removed.
    """
    count = size = 0
    for path in _files():
        with contextlib.suppress(FileNotFoundError):  # which another process has just removed
            of_one = path.stat().st_size
            path.unlink()
            count, size = count + 1, size + of_one
    return count, size


def _files() -> list[Path]:
    """Return the files that are named as these are, also of writers that were killed, whatever else lies there."""
    folder = cache_folder()
    if folder is None or not (folder / _FOLDER).is_dir():
        return []
    return [path for path in (folder / _FOLDER).iterdir() if _NAME.fullmatch(path.name)]


def _path(key: Sequence[Any]) -> Path | None:
    folder = cache_folder()
    if folder is None:
        return None
    return folder / _FOLDER / f"{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:32]}.json"
