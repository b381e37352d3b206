"""A source whose images for training and validation are chosen out of those of another source."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import TypeAlias

import numpy as np

from striate.data.decode import Record
from striate.data.source import ByteArray, IntArray, Source
from striate.errors import ConfigError, DataError, bad_argument

__all__ = ["POOLED", "ChosenSource", "Rows", "check_readable", "check_seed", "open_below"]

POOLED = ("train", "val")

_DEEPEST = 4
_CHOICE = re.compile(r"(?:fold|bag):[^:]*:")

Rows: TypeAlias = Mapping[str, IntArray]
"""Of each split of `POOLED` that the other source has, the indices that are taken, in the order in which they stand."""


class ChosenSource(Source):
    """Images of ``source``, of which nothing is copied but what `array` gives. Abstract.

    Args:
        choice: What was chosen, in words that stand before the name of the source: ``fold:2/5@0``.
        source: What is chosen from.
        rows: What each split of `POOLED` takes; the others are as in ``source``.
    """

    def __init__(self, choice: str, source: Source, rows: Mapping[str, Rows]) -> None:
        self._source = source
        self._rows = rows
        self.name = f"{choice}:{source.name}"
        self.class_names = source.class_names
        self.targets = dict(source.targets) | {
            split: np.concatenate([source.targets[part][taken] for part, taken in parts.items()])
            for split, parts in rows.items()
        }
        self.in_place = source.in_place - rows.keys()
        self.layouts = {split: layout for split, layout in source.layouts.items() if split not in rows}
        told = hashlib.sha256(f"{choice} {source.fingerprint}".encode())
        for split in rows:
            told.update(self.targets[split].tobytes())
        self.fingerprint = told.hexdigest()

    @property
    def shape(self) -> tuple[int, int, int] | None:
        """As of what is chosen from."""
        return self._source.shape

    def record(self, split: str, index: int) -> Record:
        """Return one image as the source holds it."""
        place = self.checked_index(split, index)
        for part, taken in self._rows.get(split, {}).items():
            if place < len(taken):
                return self._source.record(part, int(taken[place]))
            place -= len(taken)
        return self._source.record(split, place)

    def array(self, split: str) -> ByteArray | None:
        """Return images as they are stored, of what was chosen a copy; None where not all are."""
        self.check_split(split)
        if split not in self._rows:
            return self._source.array(split)
        parts = []
        for part, taken in self._rows[split].items():
            if len(taken):
                stored = self._source.array(part)
                if stored is None:
                    return None
                parts.append(stored[taken])
        return np.concatenate(parts)


def check_seed(seed: int) -> None:
    """Raise `ConfigError` unless ``seed`` is one that images can be chosen by."""
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
        raise ConfigError(bad_argument("seed", seed, "a whole number, 0 to 2**63 - 1"))


def check_readable(source: Source, split: str, what: str) -> None:
    """Raise `DataError` if ``split`` is streamed, of which ``what`` cannot be made."""
    if split in source.layouts:
        raise DataError(
            f"{source.name}: is streamed, and {what} take images that can be read in any order; pack it first: "
            "striate data pack."
        )


def open_below(name: str) -> Source:
    """Open what is chosen from, which may itself be chosen: a bag of a fold.

    Raises:
        DataError: if that goes on for more than a few times; and as `open_source`.
    """
    from striate.data.sources.opening import open_source  # which opens folds and bags, too

    rest, depth = name, 0
    while found := _CHOICE.match(rest):
        rest, depth = rest[found.end() :], depth + 1
        if depth > _DEEPEST:
            raise DataError(f"{name:.80}…: folds and bags of one another may be {_DEEPEST} deep at most.")
    return open_source(name)
