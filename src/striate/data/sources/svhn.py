"""Street View House Numbers, cropped digits: ``train_32x32.mat``, ``test_32x32.mat``, perhaps ``extra_32x32.mat``.

In each ``X``, uint8 ``(32, 32, 3, N)``: row, column, color, image; and ``y``, ``(N, 1)`` from 1 to 10, where 10 is the
digit 0. See http://ufldl.stanford.edu/housenumbers/.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from striate.data.source import ByteArray, IntArray, named_path
from striate.data.sources.arrays import ArraySource
from striate.data.sources.dividing import validation_aside
from striate.data.sources.matlab import read_mat
from striate.data.sources.options import split_options, with_options
from striate.errors import DataError, bad_argument

__all__ = ["svhn"]

_CLASSES = tuple("0123456789")
_IMAGE = (32, 32, 3)


def svhn(location: Path | str) -> ArraySource:
    """Read a folder of SVHN; a tenth of the training images, stratified, is for validation.

    ``?extra=yes`` takes the 531,131 images of ``extra_32x32.mat``, which are easier, to train and validate on, too.

    Raises:
        DataError: naming the file that is missing, foreign, damaged or hostile.
    """
    place, options = split_options("svhn", str(location), ["extra"])
    extra = options.get("extra", "no")
    if extra not in ("yes", "no"):
        raise DataError(f"svhn:{place}: {bad_argument('extra', extra, 'yes or no')}")
    folder = named_path(place)
    if not folder.is_dir():
        raise DataError(f"svhn:{folder}: {'not a folder' if folder.exists() else 'no such folder'}.")
    names = {"train": ["train", "extra"] if extra == "yes" else ["train"], "test": ["test"]}
    images: dict[str, ByteArray] = {}
    targets: dict[str, IntArray] = {}
    for split, files in names.items():
        parts = [_read(folder / f"{name}_32x32.mat") for name in files]
        images[split] = np.concatenate([pixels for pixels, _ in parts])
        targets[split] = np.concatenate([labels for _, labels in parts])
    whole, labels = images["train"], targets["train"]
    for split, indices in validation_aside(labels).items():
        images[split], targets[split] = whole[indices], labels[indices]
    return ArraySource(with_options(f"svhn:{folder.resolve()}", options), images, targets, _CLASSES)


def _read(path: Path) -> tuple[ByteArray, IntArray]:
    """Return the images of a file, ``(N, 3, 32, 32)``, and their digits."""
    arrays = read_mat(path, ("X", "y"))
    x, y = arrays["X"], arrays["y"].ravel()
    x = x[..., None] if x.shape == _IMAGE else x  # MATLAB leaves out a last axis of 1
    if x.dtype != np.uint8 or x.ndim != 4 or x.shape[:3] != _IMAGE:
        raise DataError(f"{path}: X is {x.dtype} {arrays['X'].shape}; it must be uint8 (32, 32, 3, N).")
    if not len(y) or len(y) != x.shape[3]:
        raise DataError(f"{path}: {len(y):,} labels for {x.shape[3]:,} images.")
    if not np.isin(y, np.arange(1, 11)).all():
        raise DataError(f"{path}: labels from {y.min():g} to {y.max():g}; they must be whole, 1 to 10.")
    return x.transpose(3, 2, 0, 1), y.astype(np.int64) % 10
