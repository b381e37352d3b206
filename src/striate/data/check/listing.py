"""What there is to look at: splits, classes, records. Also of a folder that training would refuse. Decodes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from striate.data.decode import Record
from striate.data.source import IntArray, Source
from striate.data.sources import FolderSource, open_source
from striate.data.sources.clutter import is_passed_over
from striate.data.sources.dividing import SPLIT_NAMES
from striate.data.sources.folder import files_below
from striate.errors import DataError

__all__ = ["Listing", "Tree", "list_images"]

UNDIVIDED = "all"
"""What the one split of a folder is called that training could not divide."""

_NAME_FILES = ("classes.txt", "labels.txt", "class_names.txt", "names.txt")


@dataclass(frozen=True, slots=True)
class Tree:
    """A folder of images as it lies on disk.

    Attributes:
        root: The folder.
        files: For each split folder, as it is called, the files of each class folder. One of the name ``all`` if
            there are no split folders.
        strays: Files that belong to no class: training does not see them.
        closed: Folders that cannot be read.
        declared: The class names that a text file beside the folders lists, in its order; None without one.
    """

    root: Path
    files: Mapping[str, Mapping[str, tuple[Path, ...]]]
    strays: tuple[Path, ...]
    closed: tuple[Path, ...]
    declared: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Listing:
    """Every image of every split, by number.

    Attributes:
        name: The source's.
        class_names: The classes.
        targets: For each split a class for each image; -1 where images may have several.
        counts: For each split the number of images of each class.
        record: Returns an image of a split as it is held.
        tree: The folder, where the source is one.
        refusal: Why the source cannot be opened for training; None if it can.
    """

    name: str
    class_names: tuple[str, ...]
    targets: Mapping[str, IntArray]
    counts: Mapping[str, IntArray]
    record: Callable[[str, int], Record]
    tree: Tree | None = field(default=None, repr=False)
    refusal: str | None = None


def list_images(source: Source | str | Path) -> Listing:
    """List what a source holds; of a folder that cannot be opened, what lies in it.

    Raises:
        DataError: if nothing can be read there.
    """
    if isinstance(source, Source):
        return _of_source(source, Path(source.name.partition(":")[2]))
    folder = Path(str(source).removeprefix("folder:"))
    try:
        return _of_source(open_source(source), folder)
    except DataError as error:
        if not folder.is_dir() or not str(source).strip():
            raise
        tree = _read_tree(folder)
        if not any(files for classes in tree.files.values() for files in classes.values()):
            raise
        return _of_tree(tree, str(error))


def _of_source(source: Source, folder: Path) -> Listing:
    if not any(map(len, source.targets.values())):
        raise DataError(f"{source.name}: holds no images to look at.")
    targets, counts = {}, {}
    for split, held in source.targets.items():
        if held.ndim > 1:
            targets[split] = np.full(len(held), -1, np.int64)
            counts[split] = held.astype(np.int64).sum(0)
        else:
            targets[split] = held.astype(np.int64)
            counts[split] = np.bincount(targets[split], minlength=len(source.class_names))
    tree = _read_tree(folder) if isinstance(source, FolderSource) else None
    return Listing(source.name, source.class_names, targets, counts, source.record, tree)


def _of_tree(tree: Tree, refusal: str) -> Listing:
    names = tuple(sorted({name for classes in tree.files.values() for name in classes}))
    files = {
        split: [(file, names.index(name)) for name in sorted(classes) for file in classes[name]]
        for split, classes in tree.files.items()
    }
    targets = {split: np.array([t for _, t in pairs], np.int64) for split, pairs in files.items()}
    counts = {split: np.bincount(t, minlength=len(names)) for split, t in targets.items()}

    def record(split: str, index: int) -> Record:
        path = files[split][index][0]
        return Record(str(path), path)

    return Listing(f"folder:{tree.root.resolve()}", names, targets, counts, record, tree, refusal)


def _read_tree(root: Path) -> Tree:
    strays: list[Path] = []
    closed: list[Path] = []
    known = {name: split for split, names in SPLIT_NAMES.items() for name in names}
    folders, loose = _entries(root, closed)
    splits = [folder for folder in folders if folder.name in known]
    found: dict[str, dict[str, tuple[Path, ...]]] = {}
    if splits:
        strays += [file for folder in folders if folder not in splits for file in _below(folder, closed)]
        for folder in splits:
            classes, beside = _entries(folder, closed)
            strays += beside
            called = known[folder.name]
            found[called if called not in found else folder.name] = {
                c.name: tuple(_below(c, closed)) for c in classes
            }
    else:
        found[UNDIVIDED] = {c.name: tuple(_below(c, closed)) for c in folders}
    texts = [file for file in loose if file.name in _NAME_FILES]
    strays += [f for f in loose if f.suffix.lower() in _PICTURES]
    return Tree(root, found, tuple(strays), tuple(closed), _declared(texts))


_PICTURES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}


def _entries(folder: Path, closed: list[Path]) -> tuple[list[Path], list[Path]]:
    """Return the folders and the files in ``folder``, sorted, without those passed over and links back up."""
    try:
        entries = sorted(entry for entry in folder.iterdir() if not is_passed_over(entry.name))
    except OSError:
        closed.append(folder)
        return [], []
    inner = [e for e in entries if e.is_dir() and not folder.resolve().is_relative_to(e.resolve())]
    return inner, [e for e in entries if not e.is_dir()]


def _below(folder: Path, closed: list[Path]) -> list[Path]:
    return sorted(files_below(folder, lambda error: closed.append(Path(error.filename))))


def _declared(texts: list[Path]) -> tuple[str, ...] | None:
    for file in texts:
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            continue
        return tuple(line.strip() for line in lines if line.strip())
    return None
