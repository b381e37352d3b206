"""CIFAR-10 and CIFAR-100 as published, in the binary version and in Python's: 32×32 colors.

Binary: for each image its label (CIFAR-100: coarse, then fine), then 3,072 bytes, the red plane first. Python: pickled
dictionaries of ``data``, uint8 ``(N, 3072)`` in the same order, and ``labels`` (``fine_labels``).
See https://www.cs.toronto.edu/~kriz/cifar.html.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from striate.data.decode import is_regular
from striate.data.labels import check_class_names
from striate.data.source import ByteArray, IntArray, named_path
from striate.data.sources.arrays import ArraySource
from striate.data.sources.dividing import validation_aside
from striate.data.sources.unpickling import unpickled
from striate.errors import DataError

__all__ = ["cifar10", "cifar100"]

_SHAPE = (3, 32, 32)
_PIXELS = 3 * 32 * 32
_MAX_BYTES = 2**30


@dataclass(frozen=True)
class _Version:
    """One of the four sets of files.

    Attributes:
        folder: What the archive unpacks to.
        names: The file of class names.
        files: For each split its files.
        labels: How many labels stand before the pixels, of which the last counts; or under which key they are.
        names_key: Under which key the names are; of the pickled versions only.
    """

    folder: str
    names: str
    files: dict[str, tuple[str, ...]]
    labels: int | str
    names_key: str = ""


_TEN = tuple(f"data_batch_{i}" for i in range(1, 6))
_CIFAR10 = (
    _Version(
        "cifar-10-batches-bin",
        "batches.meta.txt",
        {"train": tuple(f"{name}.bin" for name in _TEN), "test": ("test_batch.bin",)},
        labels=1,
    ),
    _Version(
        "cifar-10-batches-py",
        "batches.meta",
        {"train": _TEN, "test": ("test_batch",)},
        "labels",
        "label_names",
    ),
)
_CIFAR100 = (
    _Version(
        "cifar-100-binary", "fine_label_names.txt", {"train": ("train.bin",), "test": ("test.bin",)}, labels=2
    ),
    _Version(
        "cifar-100-python",
        "meta",
        {"train": ("train",), "test": ("test",)},
        "fine_labels",
        "fine_label_names",
    ),
)


def cifar10(folder: Path | str) -> ArraySource:
    """Read CIFAR-10 from ``folder``, that of its files or the one above; the binary version if both are there.

    A tenth of the training images, stratified, is for validation.

    Raises:
        DataError: naming the file that is missing, foreign, cut short or hostile.
    """
    return _read("cifar10", folder, _CIFAR10)


def cifar100(folder: Path | str) -> ArraySource:
    """Read CIFAR-100 with its hundred fine labels; else as `cifar10`.

    Raises:
        DataError: as `cifar10`.
    """
    return _read("cifar100", folder, _CIFAR100)


def _read(kind: str, folder: Path | str, versions: tuple[_Version, ...]) -> ArraySource:
    folder = named_path(folder)
    version, root = _find(kind, folder, versions)
    pickled = isinstance(version.labels, str)
    names = (_pickled_names if pickled else _written_names)(root / version.names, version)
    read: Callable[[Path, _Version], tuple[ByteArray, IntArray]] = _pickled if pickled else _binary
    images: dict[str, ByteArray] = {}
    targets: dict[str, IntArray] = {}
    for split, files in version.files.items():
        parts = []
        for file in files:
            pixels, labels = read(root / file, version)
            if not len(labels):
                raise DataError(f"{root / file}: holds no images; unpack the archive anew.")
            if not 0 <= labels.min() <= labels.max() < len(names):
                raise DataError(
                    f"{root / file}: labels from {labels.min()} to {labels.max()}; {version.names} names "
                    f"{len(names)} classes, 0 to {len(names) - 1}."
                )
            parts.append((pixels, labels))
        images[split] = np.concatenate([pixels for pixels, _ in parts]).reshape(-1, *_SHAPE)
        targets[split] = np.concatenate([labels for _, labels in parts])
    whole, labels = images["train"], targets["train"]
    for split, indices in validation_aside(labels).items():
        images[split], targets[split] = whole[indices], labels[indices]
    return ArraySource(f"{kind}:{folder.resolve()}", images, targets, names)


def _find(kind: str, folder: Path, versions: tuple[_Version, ...]) -> tuple[_Version, Path]:
    if not folder.exists():
        raise DataError(f"{kind}:{folder}: no such folder.")
    if not folder.is_dir():
        raise DataError(
            f"{kind}:{folder}: not a folder; unpack the archive (tar xf FILE) and name its folder."
        )
    for version in versions:
        for root in (folder, folder / version.folder):
            if (root / version.names).is_file():
                return version, root
    wanted = " nor ".join(f"{v.names} ({v.folder})" for v in versions)
    raise DataError(f"{kind}:{folder}: has neither {wanted}; name the folder that the archive unpacked to.")


def _content(path: Path) -> bytes:
    try:
        if not path.exists():
            raise DataError(f"{path}: no such file; unpack the archive anew.")
        if not is_regular(path):
            raise DataError(f"{path}: not a regular file.")
        size = path.stat().st_size
        if size > _MAX_BYTES:
            raise DataError(f"{path}: {size:,} bytes; at most {_MAX_BYTES:,} are read.")
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}.") from None


def _written_names(path: Path, version: _Version) -> tuple[str, ...]:
    try:
        lines = _content(path).decode().splitlines()
    except UnicodeDecodeError:
        raise DataError(f"{path}: not text in UTF-8.") from None
    return check_class_names(str(path), [line.strip() for line in lines if line.strip()])


def _binary(path: Path, version: _Version) -> tuple[ByteArray, IntArray]:
    assert isinstance(version.labels, int)
    data = _content(path)
    record = version.labels + _PIXELS
    if len(data) % record:
        raise DataError(
            f"{path}: {len(data):,} bytes are no whole number of images of {record:,}; it is foreign or cut short."
        )
    rows = np.frombuffer(data, np.uint8).reshape(-1, record)
    return rows[:, version.labels :], rows[:, version.labels - 1].astype(np.int64)


def _unpickled(path: Path) -> dict[str, Any]:
    try:
        return unpickled(_content(path))
    except DataError as error:
        text = str(error)
        raise DataError(text if text.startswith(str(path)) else f"{path}: {text}") from None


def _entry(path: Path, found: dict[str, Any], key: str) -> Any:
    if key not in found:
        raise DataError(f"{path}: pickles no {key!r}.")
    return found[key]


def _pickled_names(path: Path, version: _Version) -> tuple[str, ...]:
    names = _entry(path, _unpickled(path), version.names_key)
    if not isinstance(names, list):
        raise DataError(f"{path}: {version.names_key!r} is no list.")
    return check_class_names(str(path), names)


def _pickled(path: Path, version: _Version) -> tuple[ByteArray, IntArray]:
    assert isinstance(version.labels, str)
    found = _unpickled(path)
    pixels, labels = _entry(path, found, "data"), _entry(path, found, version.labels)
    if not isinstance(pixels, np.ndarray) or pixels.ndim != 2 or pixels.shape[1] != _PIXELS:
        got = f"of shape {pixels.shape}" if isinstance(pixels, np.ndarray) else "no array"
        raise DataError(f"{path}: 'data' is {got}; it must be uint8 (N, {_PIXELS}).")
    if not isinstance(labels, list) or not all(type(n) is int and 0 <= n < 2**31 for n in labels):
        raise DataError(f"{path}: {version.labels!r} is no list of whole numbers from 0.")
    if len(labels) != len(pixels):
        raise DataError(f"{path}: {len(labels):,} labels for {len(pixels):,} images.")
    return pixels, np.array(labels, np.int64)
