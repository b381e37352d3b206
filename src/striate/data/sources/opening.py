"""`open_source` finds a source by its name; `KINDS` says which kinds there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from striate.data.pack.reader import PackSource
from striate.data.source import Source
from striate.data.sources.cifar import cifar10, cifar100
from striate.data.sources.digits import digits
from striate.data.sources.folder import FolderSource
from striate.data.sources.hub import hub
from striate.data.sources.idx import idx
from striate.data.sources.npz import npy, npz
from striate.data.sources.parquet import parquet
from striate.data.sources.table import csv_table, jsonl_table
from striate.errors import DataError, did_you_mean, unknown_name

__all__ = ["KINDS", "Kind", "open_source"]


class Kind(NamedTuple):
    """A kind of source: what opens the location after the colon, what that is, and which files need no kind."""

    open: Callable[[str], Source]
    location: str
    suffixes: tuple[str, ...] = ()


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "idx": Kind(idx, "DIR"),
        "folder": Kind(FolderSource, "DIR"),
        "cifar10": Kind(cifar10, "DIR"),
        "cifar100": Kind(cifar100, "DIR"),
        "npz": Kind(npz, "FILE", (".npz",)),
        "npy": Kind(npy, "DIR"),
        "csv": Kind(csv_table, "FILE", (".csv", ".tsv")),
        "jsonl": Kind(jsonl_table, "FILE", (".jsonl", ".ndjson")),
        "parquet": Kind(parquet, "FILE", (".parquet",)),
        "hf": Kind(hub, "NAME"),
        "pack": Kind(PackSource, "FILE", (".pack",)),
    }
)
"""What opens ``kind:location``."""

_WHAT = {"DIR": "folder", "FILE": "file", "NAME": "data set"}


def open_source(name: str | Path) -> Source:
    """Return the source called ``name``: ``digits``, a folder, a file or ``kind:location``, as `KINDS` lists them.

    Raises:
        DataError: if there is none such, or it cannot be read; the message says what is known.
    """
    kinds = ", ".join(f"{name}:{kind.location}" for name, kind in KINDS.items())
    if isinstance(name, Path):
        return _by_path(name)
    kind, colon, location = name.partition(":")
    if not name.strip():
        raise DataError(
            f"{name!r} names no data; write digits, a folder, a file, or kind:location ({kinds})."
        )
    if colon and kind in KINDS:
        wanted = KINDS[kind].location
        if not location.strip():
            raise DataError(f"{name!r} names no {_WHAT[wanted]}; write {kind}:{wanted}.")
        return KINDS[kind].open(location)
    if name == "digits":
        return digits()
    if Path(name).exists():
        return _by_path(Path(name))
    if colon and "/" not in kind and "\\" not in kind and len(kind) > 1:
        raise DataError(unknown_name("kind of data", kind, KINDS))
    raise DataError(
        f"no data called {name!r}: neither a known set (digits), nor a folder, nor a file, nor kind:location "
        f"({kinds}).{did_you_mean(name, ['digits'])}"
    )


def _by_path(path: Path) -> Source:
    """Open a folder, or a file by its suffix."""
    if path.is_file():
        for kind in KINDS.values():
            if path.name.lower().endswith(kind.suffixes):
                return kind.open(str(path))
        suffixes = ", ".join(suffix for kind in KINDS.values() for suffix in kind.suffixes)
        raise DataError(
            f"{path}: not a folder, and its name does not end as a file of data does ({suffixes}); rename it, or write "
            "kind:FILE."
        )
    return FolderSource(path)
