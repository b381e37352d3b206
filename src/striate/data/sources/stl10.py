"""STL-10, the binary version: 96×96 colors, mapped into memory and not loaded.

``train_X.bin`` and ``test_X.bin`` hold images of 27,648 bytes, the red plane first, each plane column by column;
``train_y.bin`` and ``test_y.bin`` a byte for each, 1 to 10; ``class_names.txt`` the names. Images without labels
(``unlabeled_X.bin``) and the ten folds are left out. See https://cs.stanford.edu/~acoates/stl10/.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from striate.data.decode import is_regular
from striate.data.labels import check_class_names
from striate.data.source import ByteArray, IntArray, named_path
from striate.data.sources.dividing import validation_aside
from striate.data.sources.npz import StoredArrays
from striate.errors import DataError

__all__ = ["stl10"]

_FOLDER = "stl10_binary"
_NAMES = "class_names.txt"
_SHAPE = (3, 96, 96)
_BYTES = 3 * 96 * 96
_MOST_LABELS = 10**8
_MOST_NAMES = 10**5


def stl10(location: Path | str) -> StoredArrays:
    """Map the files in a folder, or in ``stl10_binary`` in it; a tenth of the training images is for validation.

    Raises:
        DataError: naming the file that is missing, foreign or cut short.
    """
    folder = named_path(location)
    if not folder.is_dir():
        problem = "not a folder; unpack the archive (tar xf FILE) and name its folder"
        raise DataError(f"stl10:{folder}: {problem if folder.exists() else 'no such folder'}.")
    root = next((r for r in (folder, folder / _FOLDER) if (r / _NAMES).is_file()), None)
    if root is None:
        raise DataError(f"stl10:{folder}: has no {_NAMES}; name the folder that the archive unpacked to.")
    names = _class_names(root / _NAMES)
    images: dict[str, ByteArray] = {}
    targets: dict[str, IntArray] = {}
    for split in ("train", "test"):
        images[split] = _images(root / f"{split}_X.bin")
        targets[split] = _labels(root / f"{split}_y.bin", len(images[split]), len(names))
    parts: dict[str, tuple[str, IntArray | None]] = {"test": ("test", None)}
    parts |= {split: ("train", indices) for split, indices in validation_aside(targets["train"]).items()}
    return StoredArrays(f"stl10:{folder.resolve()}", "NCHW", images, targets, parts, names)


def _size(path: Path) -> int:
    """Return the size of a regular file."""
    try:
        if not path.exists():
            raise DataError(f"{path}: no such file; unpack the archive anew.")
        if not is_regular(path):
            raise DataError(f"{path}: not a regular file.")
        with path.open("rb"):
            return path.stat().st_size
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}.") from None


def _class_names(path: Path) -> tuple[str, ...]:
    if _size(path) > _MOST_NAMES:
        raise DataError(f"{path}: too long for names of classes.")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise DataError(f"{path}: not text in UTF-8.") from None
    return check_class_names(str(path), [line.strip() for line in lines if line.strip()])


def _images(path: Path) -> ByteArray:
    """Return the images, ``(N, C, H, W)``; they lie as ``(N, C, W, H)``."""
    size = _size(path)
    if not size or size % _BYTES:
        raise DataError(
            f"{path}: {size:,} bytes are no whole number of images of {_BYTES:,}; it is foreign or cut short."
        )
    return np.memmap(path, np.uint8, "c", 0, (size // _BYTES, *_SHAPE)).transpose(0, 1, 3, 2)


def _labels(path: Path, count: int, classes: int) -> IntArray:
    size = _size(path)
    if size != count or size > _MOST_LABELS:
        raise DataError(f"{path}: {size:,} labels for {count:,} images.")
    labels = np.fromfile(path, np.uint8)
    if not 1 <= labels.min() <= labels.max() <= classes:
        raise DataError(f"{path}: labels from {labels.min()} to {labels.max()}; they must be 1 to {classes}.")
    return labels.astype(np.int64) - 1
