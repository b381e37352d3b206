"""The record that a fetch leaves in its folder: every file with its size and SHA-256, and whether all still are so."""

from __future__ import annotations

import json
from pathlib import Path

from striate.data.fetch.catalog import DataSet
from striate.data.fetch.transfer import digest_of
from striate.errors import DataError, listed

__all__ = ["RECORD", "check", "write"]

RECORD = "striate-fetch.json"
_SCHEMA = 1


def write(dataset: DataSet, root: Path) -> None:
    """Record what is in ``root``."""
    files = {
        path.relative_to(root).as_posix(): [path.stat().st_size, digest_of(path)]
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name != RECORD
    }
    data = {
        "schema": _SCHEMA,
        "name": dataset.name,
        "title": dataset.title,
        "licence": dataset.licence,
        "homepage": dataset.homepage,
        "fetched": {file.name: file.sha256 for file in dataset.files},
        "files": files,
    }
    (root / RECORD).write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def check(dataset: DataSet, folder: Path) -> int:
    """Return how many files ``folder`` holds of ``dataset``, after reading each.

    Raises:
        DataError: naming those that are missing or changed, or saying that the folder is another's.
    """
    known = _known(dataset, folder)
    missing = [name for name in known if not (folder / name).is_file()]
    changed = [name for name in known if name not in missing and not _is_true(folder / name, *known[name])]
    faults = [
        f"{listed(names, 3)} {what}" for names, what in ((missing, "missing"), (changed, "changed")) if names
    ]
    if faults:
        raise DataError(
            f"{folder}: {' and '.join(faults)} since it was fetched. Move the folder away and fetch again."
        )
    return len(known)


def _is_true(path: Path, size: int, sha256: str) -> bool:
    return path.stat().st_size == size and digest_of(path) == sha256


def _known(dataset: DataSet, folder: Path) -> dict[str, tuple[int, str]]:
    try:
        data = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        files = {str(name): (int(size), str(digest)) for name, (size, digest) in data["files"].items()}
        if data["name"] != dataset.name or data["schema"] != _SCHEMA:
            raise DataError(f"{folder}: its {RECORD} is of {data['name']!r}, not of {dataset.name}.")
        if data["fetched"] != {file.name: file.sha256 for file in dataset.files}:
            raise DataError(
                f"{folder}: holds another version of {dataset.name}. Move the folder away and fetch again."
            )
        return files
    except FileNotFoundError:
        if all(file.unpack is None for file in dataset.files):  # put there by hand
            return {file.name: (file.size, file.sha256) for file in dataset.files}
        raise DataError(
            f"{folder}: was not made by striate data fetch (it has no {RECORD}). "
            "Move it away, or name another folder with --to DIR."
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{folder / RECORD}: is damaged ({error}). Move the folder away and fetch again."
        ) from None
