"""Data sets of the Hugging Face hub, and folders that its ``datasets`` package wrote or can read. By that package."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from striate.data.sources.columns import columns_of
from striate.data.sources.dividing import split_called
from striate.data.sources.encoded import EncodedSource, optional, taken_labels
from striate.data.sources.options import split_options, with_options
from striate.errors import DataError, listed

__all__ = ["hub"]

_ROLES = {"image": ("image", "img", "images", "picture"), "label": ("label", "labels", "class", "target")}
_SAVED = ("dataset_dict.json", "dataset_info.json")


def hub(location: str) -> EncodedSource:
    """Read a data set by its name on the hub, or a folder of one.

    ``?image=img&label=fine_label&config=NAME`` says which column is what, and which configuration is meant. Splits
    that are neither train, val nor test are left out.

    Raises:
        DataError: if it cannot be had, or has no column of images or of labels; if ``datasets`` is not installed.
    """
    place, options = split_options("hf", location, [*_ROLES, "config"])
    where = f"hf:{place}"
    datasets = optional("datasets", "hf", where)
    folder = Path(place)
    local = folder.is_dir()
    try:
        if local and any((folder / name).is_file() for name in _SAVED):
            loaded = datasets.load_from_disk(str(folder.resolve()))
        else:
            loaded = datasets.load_dataset(str(folder.resolve()) if local else place, options.get("config"))
    except Exception as error:  # of the network, the hub, or the data
        first = next(iter(str(error).splitlines()), "")[:300]
        raise DataError(
            f"{where}: cannot be had ({type(error).__name__}: {first}). Without a network only data sets that were "
            "fetched before, and folders, can be read."
        ) from None
    found = loaded if isinstance(loaded, Mapping) else {"": loaded}
    known = ((split_called(str(split)) if split else "", table) for split, table in found.items())
    tables = {split: table for split, table in known if split is not None}
    if not tables:
        raise DataError(f"{where}: has the splits {listed(found)}; one must be train, val or test.")
    name = with_options(f"hf:{folder.resolve() if local else place}", options)
    return _source(datasets, name, where, tables, options)


def _source(
    datasets: Any, name: str, where: str, tables: Mapping[str, Any], options: Mapping[str, str]
) -> EncodedSource:
    said: list[Any] = []
    parts: dict[str, list[int]] = {}
    rows: list[tuple[Any, int]] = []
    names = None
    for split, table in tables.items():
        columns = columns_of(where, table.column_names, _ROLES, options, _ROLES)
        image, label = columns["image"], columns["label"]
        if not isinstance(table.features[image], datasets.Image):
            raise DataError(
                f"{where}: the column {image!r} is no column of images, but {table.features[image]}."
            )
        names = names or _class_names(table.features[label])
        images = table.cast_column(image, datasets.Image(decode=False)).select_columns([image])
        parts[split] = list(range(len(said), len(said) + len(table)))
        rows += [(images, i) for i in range(len(table))]
        said += table.select_columns([label]).with_format(None)[label][:]

    def fetch(row: int) -> bytes | Path:
        images, i = rows[row]
        (value,) = images[i].values()
        if isinstance(value, dict) and isinstance(value.get("bytes"), bytes):
            return bytes(value["bytes"])
        if isinstance(value, dict) and isinstance(value.get("path"), str):
            return Path(value["path"])
        raise DataError(f"{where} row {row}: holds no image.")

    labels, many, class_names = taken_labels(where, said, names)
    return EncodedSource(name, where, fetch, labels, many, {s: p for s, p in parts.items() if p}, class_names)


def _class_names(feature: Any) -> list[str] | None:
    names = getattr(getattr(feature, "feature", feature), "names", None)
    return list(names) if names else None
