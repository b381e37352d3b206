"""`open_source` finds a source by its name; `KINDS` says which kinds there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from striate.data.source import Source
from striate.data.sources.digits import digits
from striate.data.sources.folder import FolderSource
from striate.data.sources.idx import idx
from striate.errors import DataError, did_you_mean, unknown_name

__all__ = ["KINDS", "open_source"]

KINDS: Mapping[str, Callable[[Path], Source]] = MappingProxyType({"idx": idx, "folder": FolderSource})
"""What opens ``kind:location``."""


def open_source(name: str | Path) -> Source:
    """Return the source called ``name``: ``digits``, ``idx:DIR``, ``folder:DIR`` or a folder.

    Raises:
        DataError: if there is none such, or it cannot be read; the message says what is known.
    """
    if isinstance(name, Path):
        return FolderSource(name)
    kind, colon, location = name.partition(":")
    if not name.strip():
        raise DataError(
            f"{name!r} names no data; write digits, a folder, or kind:location "
            f"({', '.join(f'{k}:DIR' for k in KINDS)})."
        )
    if colon and kind in KINDS:
        if not location.strip():
            raise DataError(f"{name!r} names no folder; write {kind}:DIR.")
        return KINDS[kind](Path(location))
    if name == "digits":
        return digits()
    if Path(name).exists():
        return FolderSource(Path(name))
    if colon and "/" not in kind and "\\" not in kind and len(kind) > 1:
        raise DataError(unknown_name("kind of data", kind, KINDS))
    raise DataError(
        f"no data called {name!r}: neither a known set (digits), nor a folder, nor kind:location "
        f"({', '.join(f'{k}:DIR' for k in KINDS)}).{did_you_mean(name, ['digits'])}"
    )
