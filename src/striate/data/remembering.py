"""What took long to find out about data and is short to say, kept in the cache: JSON files, each named by a hash.

A file is written whole or not at all, checked when it is read, and found out anew if it is damaged. Without a cache, or
where it cannot be written, nothing is kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from striate.data.pack.cache import cache_folder

__all__ = ["forget", "remember", "remembered", "trim"]

_FOLDER = "known"
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
            part.write_text(value.model_dump_json())
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
    folder = cache_folder()
    if folder is None:
        return
    with contextlib.suppress(OSError):
        files = [(path.stat(), path) for path in (folder / _FOLDER).iterdir()]
        held = sum(status.st_size for status, _ in files)
        for status, path in sorted(files, key=lambda file: file[0].st_mtime):
            if held <= _MAX_FILES:
                return
            path.unlink()
            held -= status.st_size


def _path(key: Sequence[Any]) -> Path | None:
    folder = cache_folder()
    if folder is None:
        return None
    return folder / _FOLDER / f"{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:32]}.json"
