"""Tables of image files, CSV and JSON lines, as rows: which column is what, and what each cell says.

It knows no image: whether a file is there, and what splits and classes come to, is for `TableSource`.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from striate.data.decode import is_regular
from striate.data.labels import check_text
from striate.data.sources.columns import columns_of, shown
from striate.data.sources.dividing import split_called
from striate.data.sources.shards_index import IMAGES
from striate.data.wording import quoted
from striate.errors import DataError

__all__ = ["OPTIONS", "ROLES", "Cells", "Row", "Rows", "csv_cells", "jsonl_cells", "read_rows"]

ROLES = {
    "path": ("path", "file", "filename", "file_name", "filepath", "image"),
    "label": ("label", "labels", "class", "target"),
    "split": ("split", "set", "subset"),
    "x": ("x",),
    "y": ("y",),
    "width": ("width", "w"),
    "height": ("height", "h"),
}
"""What a column may be, and the names it then usually has."""

OPTIONS = (*ROLES, "folder", "suffix")
"""What may follow the name of a table: the column of each role, and what stands before and after every path."""

_BOX = ("x", "y", "width", "height")
_MAX_BYTES = 2**30
_DELIMITERS = ",;\t"
_MAX_SIDE = 2**31


Cells = tuple[int, Mapping[str, Any]]
"""The number of a line, and its cells by column."""


@dataclass(frozen=True, slots=True)
class Row:
    """One image: where it is, ``where`` the table says so, and what it says.

    Attributes:
        labels: One, or several if the table says so.
        split: None if the table has no column of splits.
    """

    where: str
    path: Path
    box: tuple[int, int, int, int] | None
    labels: tuple[str, ...]
    several: bool
    split: str | None


class Rows(NamedTuple):
    """The rows of a table.

    Attributes:
        label: The column that labels stand in; empty if there are no rows.
    """

    rows: list[Row]
    label: str


def read_rows(path: Path, cells: Callable[[str, str], Iterator[Cells]], options: Mapping[str, str]) -> Rows:
    """Return the rows of a table.

    Args:
        path: The table.
        cells: What takes its text apart, `csv_cells` or `jsonl_cells`.
        options: For each role the column that the user says has it; the ``folder`` that paths count from, itself
            counted from the table's; the ``suffix`` that they lack.

    Raises:
        DataError: naming the first line that is wrong and how many others are, or the column that is missing.
    """
    lines = list(cells(str(path), _content(path)))
    columns = dict.fromkeys(column for _, row in lines for column in row)
    said = {role: column for role, column in options.items() if role in ROLES}
    roles = _roles(str(path), columns, said) if lines else {}
    paths = _Paths(path, options)
    rows, first, wrong = [], None, 0
    for number, row in lines:
        try:
            rows.append(_row(f"{path} line {number}", row, roles, paths))
        except DataError as error:
            first, wrong = first or str(error), wrong + 1
    if first is not None:
        raise DataError(first if wrong == 1 else f"{first} In all, {wrong:,} lines are wrong.")
    return Rows(rows, roles.get("label", ""))


def _content(path: Path) -> str:
    try:
        if not path.exists():
            raise DataError(f"{path}: no such file.")
        if not is_regular(path):
            raise DataError(f"{path}: not a regular file.")
        size = path.stat().st_size
        if size > _MAX_BYTES:
            raise DataError(f"{path}: {size:,} bytes; tables of at most {_MAX_BYTES:,} are read.")
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not in UTF-8 (byte {error.start:,}); save it so.") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}.") from None


def csv_cells(where: str, text: str) -> Iterator[Cells]:
    """Take CSV apart: cells between commas, semicolons or tabs, the first line naming the columns."""
    first = text.lstrip("\r\n").partition("\n")[0]
    # The header decides: a label may hold commas, a column's name hardly.
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    try:
        for cells in reader:
            if not any(cells):
                continue
            if header is None:
                header = [cell.strip() for cell in cells]
                _check_header(where, header)
            elif len(cells) != len(header):
                raise DataError(
                    f"{where} line {reader.line_num}: {len(cells)} cells for {len(header)} columns; put a cell that "
                    f"holds {delimiter!r} between double quotes."
                )
            else:
                yield reader.line_num, dict(zip(header, cells, strict=True))
    except csv.Error as error:
        raise DataError(f"{where} line {reader.line_num}: not a line of CSV ({quoted(error)}).") from None


def _check_header(where: str, header: list[str]) -> None:
    data = next((cell for cell in header if _is_image(where, cell)), None)
    if data is not None and not any(cell.lower() in names for cell in header for names in ROLES.values()):
        raise DataError(
            f"{where}: has no header line, for the first holds {quoted(repr(data))}; add one: path,label."
        )
    for name in header:
        if name:  # a column of row numbers often has none
            check_text(where, "column name", name)
    twice = [name for name in dict.fromkeys(header) if name and header.count(name) > 1]
    if twice:
        raise DataError(f"{where}: two columns are called {twice[0]!r}; rename one.")


def _is_image(where: str, cell: str) -> bool:
    """Return whether a cell names an image: by its ending, or since there is such a file."""
    if cell.lower().endswith(tuple(f".{ending}" for ending in IMAGES)):
        return True
    try:
        return (Path(where).parent / cell).is_file()
    except OSError:  # a name that is too long
        return False


def jsonl_cells(where: str, text: str) -> Iterator[Cells]:
    """Take JSON lines apart: one object a line."""
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{where} line {number}: not JSON ({quoted(error)}).") from None
        if not isinstance(row, dict):
            raise DataError(f'{where} line {number}: not an object of JSON, {{"path": …, "label": …}}.')
        yield number, row


def _roles(where: str, columns: Iterable[str], options: Mapping[str, str]) -> dict[str, str]:
    """Return for each role the column that has it."""
    roles = columns_of(where, [c for c in columns if c], ROLES, options, ("path", "label"))
    # Width and height alone often tell the size of the whole image.
    if not {"x", "y"} & roles.keys():
        return {role: column for role, column in roles.items() if role not in _BOX}
    lacking = [role for role in _BOX if role not in roles]
    if lacking:
        raise DataError(
            f"{where}: has {shown(roles[r] for r in ('x', 'y') if r in roles)} and no {' nor '.join(lacking)}; a box "
            f"needs {', '.join(_BOX)}. Say which they are by ?{lacking[0]}=COLUMN after the name, or rename the others."
        )
    return roles


class _Paths:
    """What the paths of a table mean: files below its folder; ``..`` is resolved before any link is followed."""

    def __init__(self, table: Path, options: Mapping[str, str]) -> None:
        self._folder = table.parent
        self._start = self._folder
        self._start = self._below(str(table), "folder", options.get("folder", "."))
        self._suffix = options.get("suffix", "")

    def of(self, where: str, said: Any) -> Path:
        """Return the file that a cell names."""
        if not isinstance(said, str):
            raise DataError(f"{where}: the path {_value(said)} is no text.")
        check_text(where, "path", said)
        return self._below(where, "path", said.strip() + self._suffix)

    def _below(self, where: str, what: str, said: str) -> Path:
        check_text(where, what, said)
        path = Path(os.path.normpath(self._start / said))
        if not path.is_relative_to(self._folder):
            raise DataError(
                f"{where}: the {what} {_value(said)} leads out of the table's folder, {self._folder}. Move the table "
                "to a folder above its images, and write paths from there."
            )
        return path


def _row(where: str, row: Mapping[str, Any], roles: Mapping[str, str], paths: _Paths) -> Row:
    labels, many = _labels(where, row.get(roles["label"]))
    split = None
    if "split" in roles:
        said = row.get(roles["split"])
        split = split_called(said) if isinstance(said, str) else None
        if split is None:
            raise DataError(f"{where}: the split {_value(said)} is none of train, val and test.")
    box = _box(where, [row.get(roles[side]) for side in _BOX]) if "x" in roles else None
    return Row(where, paths.of(where, row.get(roles["path"])), box, labels, many, split)


def _value(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:80] + "…"


def _labels(where: str, said: Any) -> tuple[tuple[str, ...], bool]:
    """Return the labels of one cell, and whether it says that there may be several."""
    if isinstance(said, str) and said.lstrip().startswith("["):
        try:
            said = json.loads(said)
        except (ValueError, RecursionError):
            raise DataError(
                f"{where}: the label {_value(said)} begins as a list of JSON and is none."
            ) from None
    many = isinstance(said, list) or (isinstance(said, str) and "|" in said)
    parts = said if isinstance(said, list) else said.split("|") if isinstance(said, str) else [said]
    labels = []
    for part in parts:
        if isinstance(part, bool) or not isinstance(part, str | int | None):
            raise DataError(f"{where}: the label {_value(part)} is neither text nor a whole number.")
        text = "" if part is None else str(part).strip()
        if many:
            check_text(where, "label", text)
        if text:
            check_text(where, "label", text)
            labels.append(text)
    if len(set(labels)) < len(labels):
        raise DataError(f"{where}: the label {_value(said)} says one class twice.")
    return tuple(labels), many


def _box(where: str, said: list[Any]) -> tuple[int, int, int, int] | None:
    if all(value is None or value == "" for value in said):
        return None
    sides = []
    for name, value in zip(_BOX, said, strict=True):
        try:
            number = (
                float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
            )
        except (ValueError, OverflowError):
            number = None
        if number is None or not (int(name in _BOX[2:]) <= number < _MAX_SIDE and number == int(number)):
            least = "1" if name in _BOX[2:] else "0"
            raise DataError(
                f"{where}: {name} is {_value(value)}; a box needs whole pixels from {least}, or all four cells empty."
            )
        sides.append(int(number))
    left, top, width, height = sides
    return left, top, width, height
