"""Who trains, who validates, who tests: the names of splits, and the divisions of what came without any.

Files and bytes are divided by the hash of their content; arrays, whose order is fixed, by class.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from striate.data.source import IntArray, Targets, stratified
from striate.errors import DataError, listed

__all__ = [
    "SPLIT_NAMES",
    "TEST_PERCENT",
    "VAL_PERCENT",
    "by_content",
    "by_share",
    "completed",
    "split_called",
    "validation_aside",
]

SPLIT_NAMES = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
"""What each split may be called in folders, files and tables."""

VAL_PERCENT, TEST_PERCENT = 10, 10


def split_called(name: str) -> str | None:
    """Return the split that ``name`` means, in letters large or small; None if it means none."""
    lowered = name.strip().lower()
    return next((split for split, names in SPLIT_NAMES.items() if lowered in names), None)


def by_content(
    digests: Sequence[bytes],
    labels: Sequence[Collection[int]],
    *,
    val: int,
    test: int,
    fix: str,
    where: str = "",
) -> dict[str, list[int]]:
    """Divide images by the hash of their content.

    Equal images go to one split, so that none leaks. The split of an image depends on nothing else.

    Args:
        digests: The SHA-256 of each image.
        labels: The classes of each.
        val: How many validate, in percent.
        test: How many test, in percent; without any there is no such split.
        fix: What to do, beside adding images, if they are too few.
        where: What the images are of, for that message.

    Returns:
        For each split the numbers of its images, rising.

    Raises:
        DataError: if a split would be empty, or a class missing in ``train``.
    """
    shares: dict[str, list[int]] = {"train": [], "val": []}
    if test:
        shares["test"] = []
    for index, digest in enumerate(digests):
        point = int.from_bytes(digest[:4], "little") % 100
        shares["test" if point >= 100 - test else "val" if point >= 100 - test - val else "train"].append(
            index
        )
    trained = {label for index in shares["train"] for label in labels[index]}
    short = {label for each in labels for label in each} - trained
    for split, part in shares.items():
        if not part or (split == "train" and short):
            raise DataError(
                f"{where and f'{where}: '}{len(digests)} files are too few to divide by content: the split {split!r} "
                f"would lack images. Add images, or {fix}."
            )
    return shares


def completed(
    where: str,
    parts: Mapping[str, list[int]],
    digests: Sequence[bytes],
    labels: Sequence[Collection[int]],
    class_names: Sequence[str],
    *,
    fix: str,
) -> dict[str, list[int]]:
    """Return the splits of rows, what is lacking divided off by content.

    Args:
        where: What messages begin with.
        parts: For each split the numbers of its rows; ``""`` is the split of rows that name none.
        digests: The SHA-256 of each row's image.
        labels: The classes of each row.
        class_names: All classes; each must be in ``train``, if there is such a split.
        fix: How a split is named.

    Raises:
        DataError: if rows are too few to divide, or ``train`` lacks a class.
    """
    parts = dict(parts)
    whole = "" if "" in parts else "train"
    if "" in parts or ("train" in parts and "val" not in parts):
        rows, test = parts.pop(whole), 0 if whole else TEST_PERCENT
        contents, classes = [digests[i] for i in rows], [labels[i] for i in rows]
        divided = by_content(contents, classes, val=VAL_PERCENT, test=test, fix=fix, where=where)
        parts |= {split: [rows[i] for i in part] for split, part in divided.items()}
    if "train" not in parts:
        if "val" in parts:
            raise DataError(f"{where}: has images of val and none of train; {fix}.")
        return parts
    trained = {label for i in parts["train"] for label in labels[i]}
    lacking = [name for i, name in enumerate(class_names) if i not in trained]
    if lacking:
        raise DataError(
            f"{where}: no image of 'train' for the class{'es' if len(lacking) > 1 else ''} {listed(lacking)}. "
            "Add images, or remove the class from every split."
        )
    return parts


def by_share(targets: Targets, shares: dict[str, float]) -> dict[str, IntArray]:
    """Divide indices into named shares: classes in proportion, or evenly where images have several labels."""
    groups = np.zeros(len(targets), np.int64) if targets.ndim > 1 else targets.astype(np.int64)
    return stratified(groups, shares) if len(groups) else dict.fromkeys(shares, groups)


def validation_aside(targets: Targets) -> dict[str, IntArray]:
    """Return the indices that stay in ``train`` and the tenth that is set aside for ``val``."""
    share = VAL_PERCENT / 100
    return by_share(targets, {"train": 1 - share, "val": share})
