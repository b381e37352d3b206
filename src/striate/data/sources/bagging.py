"""Bagging: as many training images as there are, drawn with replacement (Breiman 1996)."""

from __future__ import annotations

import re

import numpy as np

from striate.data.source import IntArray, Source
from striate.data.sources.choosing import ChosenSource, check_readable, check_seed, open_below
from striate.errors import DataError

__all__ = ["BagSource", "bag", "drawn"]

_STREAM = int.from_bytes(b"bag", "little")
"""Sets the draw apart from the others of a seed."""


def drawn(count: int, seed: int) -> IntArray:
    """Return ``count`` of the indices 0 to ``count`` − 1, drawn with replacement, rising, int64 ``(count,)``.

    They are ``Generator(Philox(key=[seed, 0x676162])).integers(count, size=count)``, sorted: about 63.2 % of the
    indices, some of them several times.
    """
    generator = np.random.Generator(np.random.Philox(key=[seed, _STREAM]))
    return np.sort(generator.integers(count, size=count))


class BagSource(ChosenSource):
    """A source whose ``train`` is drawn from that of another; its other splits are the other's.

    It is called ``bag:7:digits``, by the seed 7.

    Args:
        source: What is drawn from.
        seed: See `drawn`; 0 to 2⁶³ − 1.

    Raises:
        ConfigError: if there is no such seed.
        DataError: if the source has no images to train, or streams them.
    """

    def __init__(self, source: Source, seed: int) -> None:
        check_seed(seed)
        source.check_split("train")
        check_readable(source, "train", "bags")
        rows = drawn(len(source.targets["train"]), seed)
        super().__init__(f"bag:{seed}", source, {"train": {"train": rows}})


_LOCATION = re.compile(r"(\d{1,19}):(.+)", re.DOTALL | re.ASCII)


def bag(location: str) -> BagSource:
    """Open ``7:digits``: the training images of ``digits`` drawn with replacement by the seed 7.

    Raises:
        ConfigError, DataError: if it says something else; as `BagSource` and `open_source`.
    """
    said = _LOCATION.fullmatch(location)
    if said is None:
        raise DataError(f"bag:{location}: must be bag:SEED:DATA, such as bag:7:digits.")
    return BagSource(open_below(said[2]), int(said[1]))
