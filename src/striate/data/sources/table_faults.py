"""What is wrong with a table as a whole: files that are not there, labels that are none. `rows` tells bad lines."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from striate.data.sources.clutter import is_passed_over
from striate.data.sources.options import split_options, with_options
from striate.data.sources.rows import OPTIONS, Row, Rows
from striate.data.sources.shards_index import IMAGES
from striate.data.wording import quoted
from striate.errors import DataError

__all__ = ["check_files", "check_fractions", "check_labeled", "check_number"]

_PRESENT = 0.1  # of a table's files, from which on those that lack are told as damaged ones are
_SEARCHED = 20_000  # entries of folders
_MANY_ROWS = 20
_NUMBER = re.compile(r"[+-]?([0-9]+\.?|[0-9]*\.[0-9]+)([eE][+-]?[0-9]{1,3})?")


def check_files(name: str, table: Path, rows: Sequence[Row]) -> None:
    """Refuse a table of whose files hardly any is there, and say where one of like name lies below its folder.

    Args:
        name: The source's, with its options.
        table: The file.
        rows: Of the table; one or more.

    Raises:
        DataError: if less than a tenth is there.
    """
    enough = max(1, len(rows) * _PRESENT)
    missing, there = [], 0
    for row in rows:
        if not _is_there(row.path):
            missing.append(row.path)
        elif (there := there + 1) >= enough:
            return
    said = missing[0].relative_to(table.parent)
    found = _like(table.parent, said)
    raise DataError(
        f"{table}: {len(missing):,} of the {len(rows):,} files it lists are not there; paths count from its folder, "
        f"and the first tried is {missing[0]}. "
        + (_mended(name, said, found) if found else "Correct the paths, or move the table.")
    )


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a closed folder, say: reading the file puts that into words
        return True


def _like(folder: Path, said: Path) -> Path | None:
    """Return a file below ``folder`` that is called as ``said``, perhaps with an ending more, relative to it."""
    wanted = {said.name, *(f"{said.name}.{e}" for ending in IMAGES for e in (ending, ending.upper()))}
    for entry in itertools.islice(_below(folder), _SEARCHED):
        if entry.name in wanted and entry.is_file(follow_symlinks=False):
            return Path(entry.path).relative_to(folder)
    return None


def _below(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield what lies below a folder, nearest first; links to folders are not followed."""
    waiting = [str(folder)]
    for inner in waiting:
        try:
            with os.scandir(inner) as entries:
                for entry in entries:
                    if is_passed_over(entry.name):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    yield entry
        except OSError:  # what cannot be searched is no place to name
            continue


def _mended(name: str, said: Path, found: Path) -> str:
    """Say how a table that says one path comes to another, or by what name it is opened so."""
    write = f"There is {quoted(found.as_posix())}: write paths so"
    suffix = found.name.removeprefix(said.name)
    before, matches, after = found.as_posix().rpartition(said.as_posix() + suffix)
    if not matches or after or (before and not before.endswith("/")):
        return f"{write}."
    place, options = split_options("", name, OPTIONS)
    folder = (before + options.get("folder", "")).rstrip("/")
    more = {"folder": folder, "suffix": options.get("suffix", "") + suffix}
    mended = with_options(place, options | {option: value for option, value in more.items() if value})
    return f'{write}, or name the table "{mended}".'


def check_labeled(rows: Sequence[Row]) -> None:
    """Refuse rows without a label.

    Raises:
        DataError: naming the first, and how many there are.
    """
    bare = [row for row in rows if not row.labels]
    if len(bare) > 1:
        raise DataError(
            f"{bare[0].where}: its label is empty, as are {len(bare) - 1:,} more; fill them in, or remove the rows."
        )
    if bare:
        raise DataError(f"{bare[0].where}: its label is empty; fill it in, or remove the row.")


def check_fractions(table: str, listed: Rows) -> None:
    """Refuse labels that are all numbers, some of them with fractions: what is measured is no class.

    Raises:
        DataError: naming the column.
    """
    labels = [label for row in listed.rows for label in row.labels]
    if not all(map(_NUMBER.fullmatch, labels)):
        return
    broken = next((label for label in labels if not float(label).is_integer()), None)
    if broken is not None:
        raise DataError(
            f"{table}: the labels in its column {quoted(repr(listed.label))} are numbers with fractions, such as "
            f"{quoted(broken)}; they must be names or whole numbers. Write those, or name another column by "
            "?label=COLUMN after the name."
        )


def check_number(table: str, listed: Rows, classes: int) -> None:
    """Refuse labels most of which are different from each other.

    Raises:
        DataError: naming the column.
    """
    images = len(listed.rows)
    if images > _MANY_ROWS and classes > images / 2:
        raise DataError(
            f"{table}: {classes:,} classes for {images:,} images; is {quoted(repr(listed.label))} the label? Name "
            "another column by ?label=COLUMN after the name, or give each class more images."
        )
