"""What lies in a remote folder: the files that are wanted, each with its size and version, their names checked.

A listing comes from another machine and may say anything: names that lead out, links, folders without end.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from striate.data.fetch.names import objection
from striate.data.fetch.web import Trouble
from striate.data.remote.places import Place, filesystem
from striate.data.remote.trouble import Absent, asked
from striate.data.remote.work import in_threads
from striate.errors import DataError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

__all__ = ["Entry", "entries", "entry_at", "tree"]

_MOST_FILES = 5_000_000
_MOST_FOLDERS = 200_000
_DEEPEST = 20
_FEW = 20  # of one folder: fewer are asked for one by one, more by listing it
_VERSIONS = (
    *("ETag", "etag", "md5Hash", "content_md5", "Content-MD5", "checksum", "sha256", "generation"),
    *("LastModified", "last_modified", "Last-Modified", "mtime", "modify", "modified", "updated", "created"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A remote file.

    Attributes:
        path: As its file system names it.
        size: Its bytes; None where that is not said.
        version: Its tag, checksum or time; empty where none is said.
    """

    path: str
    size: int | None
    version: str


def tree(place: Place, wanted: re.Pattern[str]) -> dict[str, Entry]:
    """Return the files below a remote folder whose path within it matches ``wanted``, by that path.

    Hidden files and folders and links do not count.

    Raises:
        Trouble: telling why it cannot be listed.
        DataError: if it is no folder, or has names that cannot be made here, or too many.
    """
    if place.query:
        raise DataError(f"{place.name}: is no folder; the address of a folder has no '?'.")
    system, root = filesystem(place.location)
    root = root.rstrip("/")
    system.invalidate_cache()
    found: dict[str, dict[str, Any]] = {}
    folders, seen = [""], 0
    for _ in range(_DEEPEST):
        below: list[str] = []
        for folder, infos in in_threads(system, lambda f: (f, _listed(system, root, f, place)), folders):
            for name, info in infos.items():
                path = f"{folder}/{name}" if folder else name
                if info.get("type") == "directory":
                    below.append(path)
                elif info.get("type") == "file" and not info.get("islink") and wanted.fullmatch(path):
                    found[path] = info
            if len(found) > _MOST_FILES or seen + len(below) > _MOST_FOLDERS:
                raise DataError(
                    f"{place.name}: has more than {_MOST_FILES:,} files or {_MOST_FOLDERS:,} folders; name a folder "
                    "within it."
                )
        _check_names(place, below)
        seen += len(below)
        folders = below
        if not folders:
            break
    else:
        raise DataError(f"{place.name}: has folders more than {_DEEPEST} deep; name a folder within it.")
    _check_names(place, found)
    return _with_sizes(system, place, found)


def entry_at(place: Place) -> Entry | None:
    """Return the remote file at ``place``; None if it is a folder.

    Raises:
        Trouble: telling why there is none.
    """
    system, path = filesystem(place.location)
    system.invalidate_cache()
    info = asked(lambda: system.info(path), place)
    return None if info.get("type") == "directory" else _entry(path, info)


def entries(place: Place, names: Iterable[str]) -> dict[str, Entry]:
    """Return those of the files ``names``, relative to the folder of the file ``place``, that are there.

    Raises:
        Trouble: telling why a place cannot be asked.
        DataError: if a name cannot be made here.
    """
    system, _ = filesystem(place.location)
    folders: dict[str, list[str]] = defaultdict(list)
    for name in names:
        folders[str(PurePosixPath(name).parent)].append(name)
    _check_names(place, [name for inside in folders.values() for name in inside])
    found: dict[str, dict[str, Any]] = {}
    single: list[str] = []
    for folder, inside in folders.items():
        if len(inside) <= _FEW or place.web:
            single += inside
            continue
        root = filesystem(place.beside("" if folder == "." else folder))[1].rstrip("/")
        try:
            infos = _listed(system, root, "", place)
        except Absent:
            continue
        for name in inside:
            info = infos.get(PurePosixPath(name).name)
            if info is not None and info.get("type") == "file" and not info.get("islink"):
                found[name] = info
    known = _with_sizes(system, place, found)
    each = in_threads(system, lambda name: (name, _entry_beside(place, name)), single)
    return known | {name: one for name, one in each if one is not None}


def _entry_beside(place: Place, name: str) -> Entry | None:
    system, path = filesystem(place.beside(name))
    try:
        info = asked(lambda: system.info(path), place)
    except Absent:
        return None
    return _entry(path, info) if info.get("type") == "file" and not info.get("islink") else None


def _listed(system: AbstractFileSystem, root: str, folder: str, place: Place) -> dict[str, dict[str, Any]]:
    """Return what lies directly in a folder, by name, without hidden things."""
    path = f"{root}/{quote(folder) if place.web else folder}".rstrip("/")
    infos = asked(lambda: system.ls(path, detail=True), place)
    found = {}
    for info in infos:
        full = str(info["name"])
        if full.rstrip("/") == path.rstrip("/"):
            if info.get("type") == "file" and full == path and not folder:
                raise DataError(f"{place.name}: is a file, not a folder.")
            continue  # some stores keep an object for the folder itself
        name = full.rstrip("/").removeprefix(f"{path}/")
        if place.web and set("?#") & set(name):
            continue  # a link that sorts the page
        name = unquote(name) if place.web else name
        if not name.startswith(".") or name.startswith(".."):  # the latter is refused, not left out
            found[name] = info
    return found


def _with_sizes(
    system: AbstractFileSystem, place: Place, found: Mapping[str, dict[str, Any]]
) -> dict[str, Entry]:
    """Return entries; a page of the web names files alone, and each is asked for its size."""

    def known(item: tuple[str, dict[str, Any]]) -> tuple[str, Entry]:
        name, info = item
        path = str(info["name"])
        if info.get("size") is None:
            try:
                info = asked(lambda: system.info(path), place)
            except Trouble as trouble:
                raise Trouble(f"{name!r}: {trouble}", passing=trouble.passing) from None
        return name, _entry(path, info)

    return dict(in_threads(system, known, found.items()))


def _entry(path: str, info: Mapping[str, Any]) -> Entry:
    size = info.get("size")
    key = next((key for key in _VERSIONS if info.get(key)), None)
    said = info[key] if key else ""
    version = str(said.timestamp() if hasattr(said, "timestamp") else said)[:200]
    return Entry(path, size if isinstance(size, int) and size >= 0 else None, version)


def _check_names(place: Place, names: Iterable[str]) -> None:
    """Refuse names that would leave their folder, cannot be made, or are one on some systems."""
    spelled: dict[str, str] = {}
    for name in names:
        parts = name.split("/")
        why = objection(name, anywhere=False) or ("has an empty part" if {"", "."} & set(parts) else None)
        if why:
            raise DataError(f"{place.name}: its file {name!r} {why}; rename it there, nothing is fetched.")
        same = unicodedata.normalize("NFC", name).casefold()
        other = spelled.setdefault(same, name)
        if other != name:
            raise DataError(
                f"{place.name}: {other!r} and {name!r} are one name on many disks; rename one there."
            )
    for name in spelled:
        above = name
        while above := above.rpartition("/")[0]:
            if above in spelled:
                raise DataError(f"{place.name}: {spelled[above]!r} is a file and a folder; rename one there.")
