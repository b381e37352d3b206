"""Parquet files with a column of images and one of labels, as the Hugging Face hub lays them out. By pyarrow.

The images are bytes, or structures of ``bytes`` and ``path``; labels are whole numbers, whose classes the file's
metadata under ``huggingface`` may name, texts, or lists of such. One file, or a folder of shards such as
``train-00000-of-00002.parquet``, whose names say the split.
"""

from __future__ import annotations

import bisect
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from striate.data.decode import is_regular
from striate.data.source import named_path
from striate.data.sources.columns import columns_of
from striate.data.sources.dividing import SPLIT_NAMES, split_called
from striate.data.sources.encoded import EncodedSource, optional, taken_labels
from striate.data.sources.options import split_options, with_options
from striate.data.wording import quoted
from striate.errors import DataError, listed

__all__ = ["parquet"]

_ROLES = {"image": ("image", "img", "images", "picture"), "label": ("label", "labels", "class", "target")}
_MAX_GROUP = 2**30
_MAX_ROWS = 2**27
_LABELS_AT_ONCE = 64


def parquet(location: Path | str) -> EncodedSource:
    """Read images and labels from a file, which is divided by content, or from a folder of shards.

    ``?image=img&label=fine_label`` says which column is what. Row groups are read as they are needed, one at a time.

    Raises:
        DataError: naming the file that is damaged, or the column that is missing or of another type; if pyarrow is
            not installed.
    """
    place, options = split_options("parquet", str(location), _ROLES)
    path = named_path(place)
    pq = optional("pyarrow.parquet", "parquet", f"parquet:{path}")
    shards = [_Shard(pq, file, split, options) for file, split in _files(path)]
    kinds = {(shard.label_type, tuple(shard.names or ())) for shard in shards}
    if len(kinds) > 1:
        raise DataError(f"{path}: the labels of its files differ in type or classes; keep files of one set.")
    starts = list(itertools.accumulate((len(shard.labels) for shard in shards), initial=0))
    said = [label for shard in shards for label in shard.labels]
    labels, many, class_names = taken_labels(str(path), said, shards[0].names)
    parts: dict[str, list[int]] = {}
    for shard, start in zip(shards, starts, strict=False):
        parts.setdefault(shard.split, []).extend(range(start, start + len(shard.labels)))

    def fetch(row: int) -> bytes:
        number = bisect.bisect_right(starts, row) - 1
        return shards[number].image(row - starts[number])

    name = with_options(f"parquet:{path.resolve()}", options)
    parts = {split: rows for split, rows in parts.items() if rows}
    return EncodedSource(name, str(path), fetch, labels, many, parts, class_names)


def _files(path: Path) -> list[tuple[Path, str]]:
    """Return the files and the split of each, ``""`` where none is named."""
    if not path.exists():
        raise DataError(f"parquet:{path}: no such file or folder.")
    if not path.is_dir():
        if not is_regular(path):
            raise DataError(f"parquet:{path}: not a regular file.")
        return [(path, "")]
    found = sorted(path.glob("*.parquet")) or sorted(path.glob("data/*.parquet"))
    files = [
        file for file in found if not file.is_dir()
    ]  # a link to nothing is no reason to do without a file
    if not files:
        raise DataError(f"parquet:{path}: holds no files that end in .parquet, nor does a folder data in it.")
    splits = [_split_of(file) for file in files]
    if "" in splits and any(splits):
        unnamed = [file.name for file, split in zip(files, splits, strict=True) if not split]
        raise DataError(
            f"parquet:{path}: the names of {listed(unnamed)} say no split and others do; name them as "
            "train-00000-of-00001.parquet, or remove them."
        )
    return list(zip(files, splits, strict=True))


def _split_of(file: Path) -> str:
    found = {split for part in re.split(r"[-_.]", file.stem) if (split := split_called(part))}
    if len(found) > 1:
        raise DataError(f"{file}: its name says {listed(sorted(found))}; keep one of {listed(SPLIT_NAMES)}.")
    return next(iter(found), "")


class _Shard:
    """One file: its labels, read now, and its images, one row group held at a time."""

    def __init__(self, pq: Any, path: Path, split: str, options: dict[str, str]) -> None:
        self._path = path
        self.split = split
        try:
            if not is_regular(path):
                raise DataError(f"{path}: not a regular file.")
            with path.open("rb"):  # an error of the system is worded as everywhere
                pass
            self._file = pq.ParquetFile(path)
            schema, metadata = self._file.schema_arrow, self._file.metadata
        except DataError:
            raise
        except OSError as error:
            if error.strerror is None:
                raise DataError(f"{path}: not a parquet file, or damaged ({quoted(error)}).") from None
            raise DataError(f"{path}: cannot be read: {error.strerror}.") from None
        except Exception as error:  # of pyarrow, for a damaged file
            raise DataError(f"{path}: not a parquet file, or damaged ({quoted(error)}).") from None
        columns = columns_of(str(path), schema.names, _ROLES, options, _ROLES)
        self._image, label = columns["image"], columns["label"]
        kind = schema.field(self._image).type
        fields = [kind.field(i) for i in range(kind.num_fields)] if str(kind).startswith("struct<") else []
        self._nested = any(field.name == "bytes" and "binary" in str(field.type) for field in fields)
        if not self._nested and "binary" not in str(kind).partition("[")[0].partition("<")[0]:
            raise DataError(
                f"{path}: the column {self._image!r} is {str(kind)[:80]}; it must hold the bytes of image files, or "
                "structures of bytes and path. Save it with the images embedded."
            )
        self.label_type = str(schema.field(label).type)
        self.names = _class_names(schema.metadata or {}, label)
        self._starts = [0]
        for i in range(metadata.num_row_groups):
            group = metadata.row_group(i)
            size = (
                group.total_byte_size
            )  # of all columns: to ask for one of them ends the process if a file lies
            if size > _MAX_GROUP:
                raise DataError(
                    f"{path}: a row group holds {size:,} bytes of images; at most {_MAX_GROUP:,} are read at a time. "
                    "Write the file again with smaller ones: row_group_size=1000."
                )
            self._starts.append(self._starts[-1] + group.num_rows)
        if self._starts[-1] > _MAX_ROWS:
            raise DataError(f"{path}: says it has {self._starts[-1]:,} rows; at most {_MAX_ROWS:,} are read.")
        self._held: tuple[int, list[Any]] | None = None
        groups = range(metadata.num_row_groups)
        parts = self._read(groups, label, _LABELS_AT_ONCE)
        self.labels: Sequence[Any] = [value for part in parts for value in part.to_pylist()]
        if len(self.labels) != self._starts[-1]:
            raise DataError(f"{path}: says it has {self._starts[-1]:,} rows and holds {len(self.labels):,}.")

    def _read(self, groups: Sequence[int], column: str, rows: int) -> Iterator[Any]:
        """Yield the values of a column, as many ``rows`` at a time.

        A file may unpack to any size, whatever it says: one value, stored once, may be that of a million rows.
        """
        size = 0
        try:
            for batch in self._file.iter_batches(rows, list(groups), [column], use_threads=False):
                size += batch.nbytes
                if size > _MAX_GROUP:
                    raise DataError(
                        f"{self._path}: its column {column[:80]!r} unpacks to more than {_MAX_GROUP:,} bytes at a "
                        "time. Write the file again with smaller row groups: row_group_size=1000."
                    )
                yield batch.column(0)
        except DataError:
            raise
        except Exception as error:  # of pyarrow, for a damaged file
            raise DataError(f"{self._path}: damaged ({quoted(error)}).") from None

    def image(self, row: int) -> bytes:
        """Return the bytes of one image."""
        group = bisect.bisect_right(self._starts, row) - 1
        if self._held is None or self._held[0] != group:
            self._held = None  # or two groups would be in memory
            self._held = group, [value for part in self._read([group], self._image, 1) for value in part]
        where = f"{self._path} row {row}"
        try:
            value = self._held[1][row - self._starts[group]].as_py()
        except Exception as error:  # of pyarrow, for a damaged file
            raise DataError(f"{where}: damaged ({quoted(error)}).") from None
        data = value.get("bytes") if self._nested and isinstance(value, dict) else value
        if not isinstance(data, bytes):
            raise DataError(
                f"{where}: holds no bytes of an image, perhaps a path alone; save the file with the images embedded."
            )
        return data


def _class_names(metadata: dict[bytes, bytes], column: str) -> list[str] | None:
    """Return the classes that the ``datasets`` package noted for a column, or for the items of its lists."""
    try:
        feature = json.loads(metadata[b"huggingface"])["info"]["features"][column]
        if isinstance(feature, list):
            feature = feature[0]
        names = feature.get("feature", feature)["names"]
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, RecursionError):
        return None
    return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else None
