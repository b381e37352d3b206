"""`open_source` finds a source by its name; `KINDS` says which kinds there are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from striate.data.pack.reader import PackSource
from striate.data.remote import is_remote
from striate.data.source import Source
from striate.data.sources.cifar import cifar10, cifar100
from striate.data.sources.digits import digits
from striate.data.sources.folder import FolderSource
from striate.data.sources.hub import hub
from striate.data.sources.idx import idx
from striate.data.sources.mirrored import open_remote
from striate.data.sources.npz import npy, npz
from striate.data.sources.parquet import parquet
from striate.data.sources.rows import ROLES
from striate.data.sources.shards import wds
from striate.data.sources.stl10 import stl10
from striate.data.sources.svhn import svhn
from striate.data.sources.table import csv_table, jsonl_table
from striate.errors import DataError, did_you_mean, unknown_name

__all__ = ["KINDS", "Kind", "open_source"]


class Kind(NamedTuple):
    """A kind of source.

    Attributes:
        open: Opens the location after the colon.
        location: What that is: a ``DIR`` or a ``FILE``, remote ones being copied here first; else a word of its own.
        suffixes: Ends of the names of files that need no kind.
        options: What may follow the location: ``?name=value``.
        files: A pattern of the paths that the kind reads in a folder; of remote ones no others are copied.
    """

    open: Callable[[str], Source]
    location: str
    suffixes: tuple[str, ...] = ()
    options: Collection[str] = ()
    files: str = ""


_IMAGE_FILES = r"(?i:.+/[^/]+\.(avif|bmp|gif|jfif|jp2|jpe|jpe?g|pbm|pgm|png|pnm|ppm|tga|tiff?|webp))"
_CIFAR_FILES = (
    r"(cifar-10+-[a-z-]+/)?(data_batch_\d|test_batch|train|test|(batches\.)?meta|\w+_names)(\.bin|\.txt)?"
)

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "idx": Kind(idx, "DIR", files=r"[^/]+-ubyte(\.gz)?"),
        "folder": Kind(FolderSource, "DIR", files=_IMAGE_FILES),
        "cifar10": Kind(cifar10, "DIR", files=_CIFAR_FILES),
        "cifar100": Kind(cifar100, "DIR", files=_CIFAR_FILES),
        "svhn": Kind(svhn, "DIR", options=("extra",), files=r"(train|test|extra)_32x32\.mat"),
        "stl10": Kind(stl10, "DIR", files=r"(stl10_binary/)?((train|test)_[Xy]\.bin|class_names\.txt)"),
        "npz": Kind(npz, "FILE", (".npz",), ("layout",)),
        "npy": Kind(npy, "DIR", options=("layout",), files=r"[^/]+\.npy"),
        "csv": Kind(csv_table, "FILE", (".csv", ".tsv"), ROLES),
        "jsonl": Kind(jsonl_table, "FILE", (".jsonl", ".ndjson"), ROLES),
        "parquet": Kind(parquet, "FILE", (".parquet",), ("image", "label"), r"(data/)?[^/]+\.parquet"),
        "hf": Kind(hub, "NAME"),
        "wds": Kind(wds, "URL", (".tar",)),
        "pack": Kind(PackSource, "FILE", (".pack",)),
    }
)
"""What opens ``kind:location``."""

_WHAT = {"DIR": "folder", "FILE": "file", "NAME": "data set", "URL": "file, folder or URL"}


def open_source(name: str | Path) -> Source:
    """Return the source called ``name``: ``digits``, a folder, a file or ``kind:location``, as `KINDS` lists them.

    Folders and files may be on another machine: ``s3://bucket/flowers``, ``csv:https://host/list.csv``.

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
        return _opened(kind, location)
    if name == "digits":
        return digits()
    if is_remote(name):
        path = name.partition("?")[0].lower()
        return _opened(next((k for k, v in KINDS.items() if path.endswith(v.suffixes)), "folder"), name)
    if Path(name).exists():
        return _by_path(Path(name))
    if colon and "/" not in kind and "\\" not in kind and len(kind) > 1:
        raise DataError(unknown_name("kind of data", kind, KINDS))
    raise DataError(
        f"no data called {name!r}: neither a known set (digits), nor a folder, nor a file, nor kind:location "
        f"({kinds}).{did_you_mean(name, ['digits'])}"
    )


def _opened(kind: str, location: str) -> Source:
    """Open a location, copied here first if it is on another machine and its kind does not see to that."""
    if KINDS[kind].location in ("DIR", "FILE") and is_remote(location):
        if not location.startswith("file://"):
            return open_remote(kind, KINDS[kind], location)
        location = location.removeprefix("file://")
    return KINDS[kind].open(location)


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
