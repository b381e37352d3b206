"""`open_source` finds a source by its name; `KINDS` says which kinds there are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from striate.data.pack.reader import PackSource
from striate.data.remote import is_remote
from striate.data.source import Source
from striate.data.sources.bagging import bag
from striate.data.sources.cifar import cifar10, cifar100
from striate.data.sources.clutter import is_passed_over
from striate.data.sources.digits import digits
from striate.data.sources.dividing import split_called
from striate.data.sources.folder import FolderSource
from striate.data.sources.folding import fold
from striate.data.sources.hub import hub
from striate.data.sources.idx import idx
from striate.data.sources.mirrored import open_remote
from striate.data.sources.npz import npy, npz
from striate.data.sources.parquet import parquet
from striate.data.sources.rows import OPTIONS
from striate.data.sources.shards import wds
from striate.data.sources.stl10 import stl10
from striate.data.sources.svhn import svhn
from striate.data.sources.table import csv_table, jsonl_table
from striate.errors import DataError, bad_argument, did_you_mean, unknown_name

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
        "csv": Kind(csv_table, "FILE", (".csv", ".tsv"), OPTIONS),
        "jsonl": Kind(jsonl_table, "FILE", (".jsonl", ".ndjson"), OPTIONS),
        "parquet": Kind(parquet, "FILE", (".parquet",), ("image", "label"), r"(data/)?[^/]+\.parquet"),
        "hf": Kind(hub, "NAME"),
        "wds": Kind(wds, "URL", (".tar",)),
        "pack": Kind(PackSource, "FILE", (".pack",)),
        "fold": Kind(fold, "FOLD"),
        "bag": Kind(bag, "BAG"),
    }
)
"""What opens ``kind:location``."""

_WHAT = {
    "DIR": "folder",
    "FILE": "file",
    "NAME": "data set",
    "URL": "file, folder or URL",
    "FOLD": "fold",
    "BAG": "bag",
}


def open_source(name: str | Path) -> Source:
    """Return the source called ``name``: ``digits``, a folder, a file or ``kind:location``, as `KINDS` lists them.

    Folders and files may be on another machine: ``s3://bucket/flowers``, ``csv:https://host/list.csv``.

    Raises:
        DataError: if there is none such, or it cannot be read; the message says what is known.
    """
    kinds = ", ".join(f"{name}:{kind.location}" for name, kind in KINDS.items())
    if isinstance(name, Path):
        return _by_path(name)
    if not isinstance(name, str):
        raise DataError(bad_argument("data", name, "a name (str), or the Path of a folder or a file"))
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
        return _opened(_by_suffix(name.partition("?")[0]) or "folder", name)
    if Path(name).exists():
        return _by_path(Path(name))
    file = name.rpartition("?")[0]
    if file and (suffixed := _by_suffix(file)) and Path(file).exists():
        return _opened(suffixed, name)
    if colon and "/" not in kind and "\\" not in kind and len(kind) > 1:
        raise DataError(unknown_name("kind of data", kind, KINDS))
    if "/" in name or "\\" in name or _by_suffix(file or name):
        raise DataError(f"no data called {name!r}: no such file or folder.")
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


def _by_suffix(name: str) -> str | None:
    """Return the kind of a file by the end of its name."""
    return next((kind for kind, what in KINDS.items() if name.lower().endswith(what.suffixes)), None)


def _by_path(path: Path) -> Source:
    """Open a folder by what is in it, or a file by its suffix."""
    if path.is_file():
        if (kind := _by_suffix(path.name)) is not None:
            return KINDS[kind].open(str(path))
        suffixes = ", ".join(suffix for kind in KINDS.values() for suffix in kind.suffixes)
        raise DataError(
            f"{path}: not a folder, and its name does not end as a file of data does ({suffixes}); rename it, or write "
            "kind:FILE."
        )
    return KINDS[_by_content(path)].open(str(path))


def _by_content(folder: Path) -> str:
    """Return the kind of a folder: that of its shards, if there are no class folders, else of images."""
    try:
        found = [entry for entry in folder.iterdir() if not is_passed_over(entry.name)]
        inner = [entry for entry in found if entry.is_dir()]
        if any(entry.name != "data" and split_called(entry.name) is None for entry in inner):
            return "folder"
        below = [entry for each in inner for entry in each.iterdir() if not is_passed_over(entry.name)]
        suffixes = {entry.suffix.lower() for entry in found + below}
        shards = [kind for kind in ("parquet", "wds") if suffixes & {*KINDS[kind].suffixes}]
        return shards[0] if len(shards) == 1 and not any(entry.is_dir() for entry in below) else "folder"
    except OSError:  # which opening it as images puts into words
        return "folder"
