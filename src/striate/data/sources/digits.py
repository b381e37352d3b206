"""The embedded data: 1,797 real handwritten digits, 8×8 grey (UCI Optical Recognition, by scikit-learn)."""

from __future__ import annotations

import numpy as np

from striate.data.source import stratified
from striate.data.sources.arrays import ArraySource

__all__ = ["digits"]

_SHARES = {"train": 0.64, "val": 0.16, "test": 0.2}


def digits() -> ArraySource:
    """Return the digits in a fixed stratified split: 1,149 to train, 289 to validate, 359 to test."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    pixels = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[:, None]  # stored as 0 to 16
    targets = bunch.target.astype(np.int64)
    parts = stratified(targets, _SHARES)
    return ArraySource(
        "digits",
        {split: pixels[indices] for split, indices in parts.items()},
        {split: targets[indices] for split, indices in parts.items()},
        tuple(str(label) for label in bunch.target_names),
    )
