"""IDX files, the format of MNIST: ``train-images-idx3-ubyte`` and its three companions, gzipped or not.

Format: two zero bytes, a type byte (8: uint8), the number of axes, each axis as a big-endian uint32,
then the values (LeCun's MNIST page).
"""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from striate.data.source import ByteArray, named_path
from striate.data.sources.arrays import ArraySource
from striate.data.sources.dividing import validation_aside
from striate.errors import DataError

__all__ = ["idx", "read_idx"]

_UINT8 = 8
_MAX_BYTES = 8 * 2**30
_CHUNK = 2**20
_FILES = {"train": "train", "test": "t10k"}


def idx(folder: Path | str) -> ArraySource:
    """Read the four files in ``folder``. A tenth of the training images, stratified, is for validation.

    Raises:
        DataError: naming the file that is missing, foreign, cut short, or at odds with another.
    """
    folder = named_path(folder)
    if not folder.is_dir():
        raise DataError(f"idx:{folder}: no such folder.")
    images: dict[str, ByteArray] = {}
    targets = {}
    for split, prefix in _FILES.items():
        images[split] = read_idx(_find(folder, f"{prefix}-images", "idx3-ubyte"), axes=3)[:, None]
        labels_file = _find(folder, f"{prefix}-labels", "idx1-ubyte")
        targets[split] = read_idx(labels_file, axes=1).astype(np.int64)
        if len(images[split]) != len(targets[split]):
            raise DataError(
                f"{labels_file}: {len(targets[split]):,} labels for {len(images[split]):,} images; "
                "the two files do not belong together."
            )
        if not images[split].size:
            raise DataError(f"{labels_file}: holds no images.")
    if images["train"].shape[1:] != images["test"].shape[1:]:
        sizes = " and ".join(f"{i.shape[2]}×{i.shape[3]}" for i in images.values())
        raise DataError(f"{folder}: training and test images differ in size ({sizes}).")
    whole, labels = images["train"], targets["train"]
    for split, indices in validation_aside(labels).items():
        images[split], targets[split] = whole[indices], labels[indices]
    classes = 1 + max(int(t.max()) for t in targets.values() if len(t))
    return ArraySource(f"idx:{folder.resolve()}", images, targets, tuple(map(str, range(classes))))


def read_idx(path: Path | str, axes: int) -> ByteArray:
    """Read one IDX file of unsigned bytes with as many ``axes``.

    Raises:
        DataError: if it is unreadable, of another type, or holds fewer or more values than it says.
    """
    path = named_path(path)
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            return _parse(file, path, axes)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise DataError(f"{path}: the gzip stream is damaged or cut short ({error}).") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}.") from None


def _parse(file: BinaryIO | gzip.GzipFile, path: Path, axes: int) -> ByteArray:
    magic = file.read(4)
    expected = bytes([0, 0, _UINT8, axes])
    if magic != expected:
        raise DataError(
            f"{path}: begins with {magic.hex(' ') or 'nothing'}, not {expected.hex(' ')}; "
            f"not an IDX file of bytes with {axes} axes."
        )
    header = file.read(4 * axes)
    if len(header) < 4 * axes:
        raise DataError(f"{path}: ends within its header.")
    shape = struct.unpack(f">{axes}I", header)
    size = math.prod(shape)
    if math.prod(max(n, 1) for n in shape) > _MAX_BYTES:  # beside an axis of 0, too
        raise DataError(f"{path}: its header says {size:,} values; at most {_MAX_BYTES:,} are read.")
    # A header may lie: a plain file's size is known before anything is read, and a packed one is read as it comes.
    values = bytearray()
    packed = path.suffix == ".gz"
    held = 0 if packed else os.fstat(file.fileno()).st_size - len(magic) - len(header)
    if packed or held == size:
        while chunk := file.read(min(_CHUNK, size + 1 - len(values))):  # one more, to see whether more follow
            values += chunk
        held = len(values)
    if held != size:
        how = "more" if held > size else f"only {held:,}"
        raise DataError(
            f"{path}: its header says {size:,} values and it holds {how}; it is damaged or cut short."
        )
    return np.frombuffer(values, np.uint8).reshape(shape)  # a bytearray's can be written, as torch wants it


def _find(folder: Path, stem: str, kind: str) -> Path:
    candidates = [folder / f"{stem}{sep}{kind}{gz}" for sep in "-." for gz in ("", ".gz")]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise DataError(f"{folder}: has no {stem}-{kind}, with or without .gz.")
