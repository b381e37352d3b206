"""From labels as they are written to class names and targets. Knows nothing of files or pixels."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise

import numpy as np

from striate.data.source import ByteArray, IntArray
from striate.errors import DataError

__all__ = ["check_class_names", "check_text", "numbered", "several", "single"]

_MAX_CLASSES = 100_000
_MAX_NAME = 1000


def check_text(where: str, what: str, text: str) -> None:
    """Refuse what no terminal, file name or report can show: an empty or endless text, control characters.

    Raises:
        DataError: naming ``where`` it stands and ``what`` it is.
    """
    if not text.strip():
        raise DataError(f"{where}: its {what} is empty; fill it in or remove it.")
    if len(text) > _MAX_NAME:
        raise DataError(f"{where}: its {what} has {len(text):,} characters; at most {_MAX_NAME:,} are taken.")
    if not text.isprintable():
        raise DataError(f"{where}: its {what}, {text[:80]!r}, has characters that cannot be printed.")


def check_class_names(where: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return ``names`` if they can name classes.

    Raises:
        DataError: if there are none or too many, one is no text or comes twice.
    """
    if not names or len(names) > _MAX_CLASSES:
        raise DataError(f"{where}: {len(names):,} classes; there must be 1 to {_MAX_CLASSES:,}.")
    for name in names:
        if not isinstance(name, str):
            raise DataError(f"{where}: the class name {str(name)[:80]!r} is no text.")
        check_text(where, "class name", name)
    twice = next((a for a, b in pairwise(sorted(names)) if a == b), None)
    if twice is not None:
        raise DataError(f"{where}: two classes are called {twice!r}; rename one.")
    return tuple(names)


def numbered(where: str, highest: int) -> tuple[str, ...]:
    """Return the names ``"0"``, ``"1"``, … up to the ``highest`` label.

    Raises:
        DataError: if there would be too many.
    """
    if not 0 <= highest < _MAX_CLASSES:
        raise DataError(f"{where}: a label is {highest:,}; labels must lie in 0 to {_MAX_CLASSES - 1:,}.")
    return tuple(map(str, range(highest + 1)))


def several(labels: Sequence[Collection[int]], classes: int) -> ByteArray:
    """Return targets of several labels: uint8 ``(N, K)``, 1 where the image has the label."""
    targets = np.zeros((len(labels), classes), np.uint8)
    for row, each in zip(targets, labels, strict=True):
        row[list(each)] = 1
    return targets


def single(labels: Iterable[Collection[int]]) -> IntArray:
    """Return targets of one label each: int64 ``(N,)``."""
    return np.array([label for (label,) in labels], np.int64)
