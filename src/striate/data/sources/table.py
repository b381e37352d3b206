"""Tables of image files: CSV, and JSON lines with one object each.

Columns, by their usual names in letters large or small: the path, relative to the table's folder; the label; perhaps
the split; perhaps ``x``, ``y``, ``width`` and ``height`` of the part that is the image. Several labels of one image
stand in one cell as ``cat|dog`` or as a list of JSON; in such a table an empty cell means none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from striate.data.decode import Record
from striate.data.file_content import file_digests
from striate.data.labels import check_class_names, several, single
from striate.data.source import ByteArray, Source, named_path
from striate.data.sources.dividing import completed
from striate.data.sources.options import split_options, with_options
from striate.data.sources.rows import OPTIONS, Cells, Row, Rows, csv_cells, jsonl_cells, read_rows
from striate.data.sources.table_faults import check_files, check_fractions, check_labeled, check_number
from striate.errors import DataError

__all__ = ["TableSource", "csv_table", "jsonl_table"]

_FIX = "say train, val and test in a column split"


class TableSource(Source):
    """Image files that a table lists. One that cannot be read is refused when its image is asked for.

    Without a column of splits the files are divided by the hash of their content, as those of a folder are; without
    rows of ``val`` those of ``train`` are. Equal files with several boxes go to one split.
    """

    def __init__(self, name: str, table: str, listed: Rows) -> None:
        rows = listed.rows
        if not rows:
            raise DataError(f"{table}: lists no images.")
        self.name = name
        many = any(row.several for row in rows)
        if not many:
            check_labeled(rows)
            check_fractions(table, listed)
        _check_repeated(rows)
        self.class_names = check_class_names(table, sorted({label for row in rows for label in row.labels}))
        check_files(name, Path(table), rows)
        index = {label: i for i, label in enumerate(self.class_names)}
        labels = [[index[label] for label in row.labels] for row in rows]
        digests = file_digests(row.path for row in rows)
        given: dict[str, list[int]] = {}
        for i, row in enumerate(rows):
            given.setdefault(row.split or "", []).append(i)
        contents = [digests[row.path] for row in rows]
        try:
            parts = completed(table, given, contents, labels, self.class_names, fix=_FIX)
        except DataError:
            check_number(table, listed, len(index))
            raise
        self._digests = digests
        self._rows = {split: [rows[i] for i in part] for split, part in parts.items()}
        chosen = {split: [labels[i] for i in part] for split, part in parts.items()}
        self.targets = {
            split: several(part, len(index)) if many else single(part) for split, part in chosen.items()
        }
        total = hashlib.sha256(repr(self.class_names).encode())
        for split in sorted(parts):
            lines = [f"{digests[rows[i].path].hex()}{rows[i].box}{sorted(labels[i])}" for i in parts[split]]
            total.update(
                split.encode() + "".join(sorted(lines)).encode()
            )  # the order and the names do not matter
        self.fingerprint = total.hexdigest()

    @property
    def shape(self) -> tuple[int, int, int] | None:
        """None: files may be of any size."""
        return None

    def record(self, split: str, index: int) -> Record:
        """Return the file of one image, and its box."""
        place = self.checked_index(split, index)
        row = self._rows[split][place]
        return Record(str(row.path), row.path, row.box, self._digests[row.path])

    def array(self, split: str) -> ByteArray | None:
        """None: files are decoded one by one."""
        return None


def csv_table(location: Path | str) -> TableSource:
    """Read a table of cells between commas, semicolons or tabs, in UTF-8, its first line naming the columns.

    ``FILE?path=photo&label=kind&split=fold`` says which column is what, for any of path, label, split, x, y, width and
    height; ``FILE?folder=images&suffix=.jpg`` puts ``images/`` before every path and ``.jpg`` after it.

    Raises:
        DataError: naming the line, or the column that is missing; if hardly any of the files is there.
    """
    return _open("csv", location, csv_cells)


def jsonl_table(location: Path | str) -> TableSource:
    """Read a table of JSON objects, one a line; else as `csv_table`.

    Raises:
        DataError: as `csv_table`.
    """
    return _open("jsonl", location, jsonl_cells)


def _open(kind: str, location: Path | str, cells: Callable[[str, str], Iterator[Cells]]) -> TableSource:
    place, options = split_options(kind, str(location), OPTIONS)
    path = named_path(place)
    path = path.parent.resolve() / path.name  # a link to a table is a table beside the link
    return TableSource(with_options(f"{kind}:{path}", options), str(path), read_rows(path, cells, options))


def _check_repeated(rows: list[Row]) -> None:
    seen: dict[tuple[Path, Any], Row] = {}
    for row in rows:
        first = seen.setdefault((row.path, row.box), row)
        if first is not row:
            same = (first.labels, first.split) == (row.labels, row.split)
            fix = (
                "remove one" if same else "keep one; several labels of an image stand in one cell, as cat|dog"
            )
            raise DataError(
                f"{row.where}: lists {row.path.name} again, as {first.where.split()[-1]} did; {fix}."
            )
