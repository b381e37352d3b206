"""Image folders: ``root/{train,val,test}/<class>/…``, or ``root/<class>/…`` divided by content.

Class names are folder names, sorted, the same for every split. A folder without splits is divided by the
hash of each file's content, so that adding or renaming files moves no other file to another split.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from striate.data.decode import Record
from striate.data.file_content import file_digests
from striate.data.labels import check_class_names
from striate.data.source import ByteArray, Source, named_path
from striate.data.sources.clutter import is_passed_over
from striate.data.sources.dividing import SPLIT_NAMES, TEST_PERCENT, VAL_PERCENT, by_content
from striate.errors import DataError, listed

__all__ = ["FolderSource", "files_below"]

_TABLES = ("csv", "jsonl")


class FolderSource(Source):
    """Image files in one folder per class. One that cannot be read is refused when its image is asked for.

    Args:
        root: The folder.

    Raises:
        DataError: if it is missing or empty, holds no class folders, or a class is empty in one split.
    """

    def __init__(self, root: Path | str) -> None:
        root = named_path(root)
        if not root.exists():
            raise DataError(f"{root}: no such folder.")
        if not root.is_dir():
            raise DataError(f"{root}: not a folder.")
        self.name = f"folder:{root.resolve()}"  # a run may be measured from another folder
        splits = _split_folders(root)
        found = {s: _classes(folder) for s, folder in splits.items()} if splits else {"": _classes(root)}
        self.class_names = tuple(sorted({name for classes in found.values() for name in classes}))
        if not self.class_names:
            raise DataError(
                f"{root}: holds no class folders; put images in {root}/<class>/ or {root}/train/<class>/."
                f"{_table_meant(root)}"
            )
        if len(self.class_names) == 1 and (meant := _table_meant(root)):
            raise DataError(f"{root}: holds one class folder, {self.class_names[0]!r}, and a table.{meant}")
        check_class_names(str(root), self.class_names)
        _check_every_class(root, found, self.class_names)
        if splits:
            self._files = {
                split: [(f, i) for i, c in enumerate(self.class_names) for f in classes[c]]
                for split, classes in found.items()
            }
            self._digests = file_digests(f for files in self._files.values() for f, _ in files)
            if "val" not in self._files and "train" in self._files:
                self._files |= _divided(self._files["train"], self._digests, test=0)
        else:
            files = [(f, i) for i, c in enumerate(self.class_names) for f in found[""][c]]
            self._digests = file_digests(f for f, _ in files)
            self._files = _divided(files, self._digests, test=TEST_PERCENT)
        self.targets = {s: np.array([t for _, t in files], np.int64) for s, files in self._files.items()}
        self.fingerprint = self._fingerprint()

    def _fingerprint(self) -> str:
        total = hashlib.sha256(repr(self.class_names).encode())
        for split in sorted(self._files):
            of_class = defaultdict(list)
            for file, target in self._files[split]:
                of_class[target].append(self._digests[file])
            for target in sorted(of_class):
                for digest in sorted(of_class[target]):  # so that the names of files do not matter
                    total.update(f"{split}/{target}/".encode() + digest)
        return total.hexdigest()

    @property
    def shape(self) -> tuple[int, int, int] | None:
        """None: files may be of any size."""
        return None

    def record(self, split: str, index: int) -> Record:
        """Return the file of one image."""
        place = self.checked_index(split, index)
        path = self._files[split][place][0]
        return Record(str(path), path, digest=self._digests[path])

    def array(self, split: str) -> ByteArray | None:
        """None: files are decoded one by one."""
        return None


def _split_folders(root: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for split, names in SPLIT_NAMES.items():
        folders = [root / name for name in names if (root / name).is_dir()]
        if len(folders) > 1:
            raise DataError(f"{root}: has {listed(f.name for f in folders)}, which mean one split; keep one.")
        if folders:
            found[split] = folders[0]
    if found and "train" not in found:
        raise DataError(f"{root}: has {listed(found)} and no train folder; add {root}/train/<class>/.")
    return found


def _classes(folder: Path) -> dict[str, list[Path]]:
    """Return the files of each class folder, sorted; what `is_passed_over` and links back up do not count."""
    try:
        entries = sorted(e for e in folder.iterdir() if not is_passed_over(e.name))
        classes = (e for e in entries if e.is_dir() and not folder.resolve().is_relative_to(e.resolve()))
        return {e.name: sorted(files_below(e, _fail)) for e in classes}
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be read: {error.strerror}.") from None


def _table_meant(root: Path) -> str:
    """Return what to say of the first table in a folder that is none of classes."""
    tables = [file for kind in _TABLES for file in root.glob(f"*.{kind}") if file.is_file()]
    if not tables:
        return ""
    first = min(tables, key=lambda file: ("train" not in file.name, file))
    return f" To train on the table in it, name that: {first.suffix[1:]}:{first}."


def _fail(error: OSError) -> None:
    raise error


def files_below(folder: Path, failed: Callable[[OSError], None]) -> Iterator[Path]:
    """Yield the files below a folder, without those `is_passed_over`; ``failed`` is told of what cannot be read.

    Links to folders are not followed: they may lead back up. Links to files are.
    """
    waiting = [str(folder)]
    while waiting:  # and no recursion, of which folders of one letter each would exhaust the stack
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if is_passed_over(entry.name):
                        continue
                    if not _is_folder(entry):
                        yield Path(entry.path)
                    elif not entry.is_symlink():
                        waiting.append(entry.path)
        except OSError as error:
            failed(error)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _check_every_class(root: Path, found: dict[str, dict[str, list[Path]]], names: tuple[str, ...]) -> None:
    for split, classes in found.items():
        empty = [name for name in names if not classes.get(name)]
        if empty:
            where = f"in the split {split!r}" if split else f"in {root}"
            raise DataError(
                f"{root}: no files {where} for the class{'es' if len(empty) > 1 else ''} {listed(empty)}. "
                "Add images, or remove the class from every split."
            )


def _divided(
    files: list[tuple[Path, int]], digests: Mapping[Path, bytes], *, test: int
) -> dict[str, list[tuple[Path, int]]]:
    fix = "make train, val and test folders" if test else "make a val folder beside train"
    contents, labels = [digests[f] for f, _ in files], [(t,) for _, t in files]
    shares = by_content(contents, labels, val=VAL_PERCENT, test=test, fix=fix)
    return {split: [files[i] for i in part] for split, part in shares.items()}
