"""The embedded data: 1,797 real handwritten digits, 8×8 grey (UCI Optical Recognition, by scikit-learn)."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from striate.data.source import stratified
from striate.data.sources.arrays import ArraySource
from striate.errors import DataError

__all__ = ["digits"]

_SHARES = {"train": 0.64, "val": 0.16, "test": 0.2}


def digits() -> ArraySource:
    """Return the digits in a fixed stratified split: 1,149 to train, 289 to validate, 359 to test."""
    table = np.loadtxt(_file(), delimiter=",", dtype=np.int64)
    pixels = np.rint(table[:, :-1].reshape(-1, 1, 8, 8) * (255 / 16)).astype(np.uint8)  # stored as 0 to 16
    targets = table[:, -1]
    parts = stratified(targets, _SHARES)
    return ArraySource(
        "digits",
        {split: pixels[indices] for split, indices in parts.items()},
        {split: targets[indices] for split, indices in parts.items()},
        tuple("0123456789"),
    )


def _file() -> Path:
    """Return where scikit-learn keeps them: to import it, which also loads SciPy, would take 1.5 s."""
    installed = find_spec("sklearn")
    folder = Path((installed and installed.origin) or "sklearn").parent
    file = folder / "datasets" / "data" / "digits.csv.gz"
    if not file.is_file():
        raise DataError(
            f"digits: scikit-learn has no {file}; install one that has: pip install scikit-learn==1.9.1"
        )
    return file
