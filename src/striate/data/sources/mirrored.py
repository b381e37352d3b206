"""Sources at remote places: what each kind needs of a place is mirrored, and opened here under its remote name."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from striate.data.decode import Record
from striate.data.remote import Place, entries, entry_at, mirrored, tree
from striate.data.source import ByteArray, Source
from striate.data.sources.options import split_options, with_options
from striate.data.sources.rows import csv_cells, jsonl_cells, read_rows
from striate.errors import DataError

if TYPE_CHECKING:
    from striate.data.sources.opening import Kind

__all__ = ["MirroredSource", "open_remote"]

_TABLES = {"csv": csv_cells, "jsonl": jsonl_cells}


@dataclasses.dataclass(frozen=True)
class _Told:
    """Names of the copy in terms of the place."""

    folder: Path
    remote: str

    def text(self, text: str) -> str:
        return text.replace(str(self.folder), self.remote)

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        try:
            yield
        except DataError as error:
            raise type(error)(self.text(str(error))) from None


class MirroredSource(Source):
    """A source of another kind whose files were copied from a remote place; it is called by that.

    Args:
        name: What `open_source` finds it by.
        copy: The source that reads the copy.
        told: What the paths in its records' names are replaced by.
    """

    def __init__(self, name: str, copy: Source, told: _Told) -> None:
        self.name = name
        self.class_names = copy.class_names
        self.targets = copy.targets
        self.fingerprint = copy.fingerprint
        self.in_place = copy.in_place
        self._copy = copy
        self._told = told

    @property
    def shape(self) -> tuple[int, int, int] | None:
        """As of the copy."""
        return self._copy.shape

    def record(self, split: str, index: int) -> Record:
        """Return one image as the copy holds it, by its remote name."""
        with self._told.errors():
            record = self._copy.record(split, index)
        return dataclasses.replace(record, name=self._told.text(record.name))

    def array(self, split: str) -> ByteArray | None:
        """Return what the copy does."""
        with self._told.errors():
            return self._copy.array(split)


def open_remote(name: str, kind: Kind, location: str) -> Source:
    """Return the source of the kind called ``name`` at a remote ``location``.

    What the kind can use of it is copied to this machine, or brought up to date there.

    Raises:
        DataError: if the place cannot be reached, holds too much, or holds no such source.
    """
    location, options = _options(name, kind, location)
    place = Place(location)
    with mirrored(place, name) as mirror:
        found = None if kind.location == "DIR" or location.endswith("/") else entry_at(place)
        if found is None and not kind.files:
            raise DataError(f"{name}:{place.name}: is a folder; name a file.")
        told = _Told(mirror.folder, place.name.rstrip("/") if found is None else place.folder_name)
        mirror.file = "" if found is None else place.file_name
        wanted = tree(place, re.compile(kind.files)) if found is None else {mirror.file: found}
        if not wanted:
            raise DataError(
                f"{place.name}: holds no files that {name}: reads; name another folder, or another kind."
            )
        if name in _TABLES:
            mirror.bring(wanted)
            with told.errors():
                named = _named_files(name, mirror.folder / mirror.file, options)
            wanted = entries(place, [n for n in named if n != mirror.file]) | wanted
        mirror.keep_only(wanted)  # first: a file may have become a folder
        mirror.bring(wanted)
    with told.errors():
        copy = kind.open(with_options(str(mirror.folder / mirror.file), options))
    return MirroredSource(with_options(f"{name}:{place.name}", options), copy, told)


def _options(name: str, kind: Kind, location: str) -> tuple[str, dict[str, str]]:
    """Divide the options of a kind from a location, whose own query may have other names."""
    query = location.rpartition("?")[2]
    known = {part.partition("=")[0] for part in query.split("&")} & set(kind.options)
    return split_options(name, location, kind.options) if known else (location, {})


def _named_files(name: str, table: Path, options: Mapping[str, str]) -> list[str]:
    """Return the files that a table names, relative to its folder, each once."""
    rows = read_rows(table, _TABLES[name], options).rows
    paths = dict.fromkeys(row.path.relative_to(table.parent).as_posix() for row in rows)
    return [path for path in paths if path != "."]
