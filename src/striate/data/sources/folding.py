"""k-fold cross-validation: all that is not tested, divided into k folds, each of which validates once."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from striate.data.source import IntArray, Source, Targets
from striate.data.sources.choosing import (
    POOLED,
    ChosenSource,
    check_readable,
    check_seed,
    open_below,
)
from striate.errors import ConfigError, DataError, bad_argument

__all__ = ["FoldSource", "check_fold_count", "fold", "folds"]


def folds(
    targets: Targets, k: int, seed: int = 0, class_names: Sequence[str] = ()
) -> list[tuple[IntArray, IntArray]]:
    """Divide images into ``k`` folds; return for each the indices that train, and those of the fold, which validate.

    The images of a class differ in number by at most one from fold to fold, and so do those of all classes; images
    that may have several labels are divided evenly. The division is a function of the arguments alone.

    Args:
        targets: Of all images, int64 ``(N,)``; or ``(N, K)``, several labels an image.
        k: How many folds.
        seed: Another one divides otherwise; 0 to 2⁶³ − 1.
        class_names: What messages call the classes.

    Raises:
        ConfigError: if ``k`` is below 2, or larger than the number of images of some class; if there is no such seed.
    """
    check_fold_count(k)
    check_seed(seed)
    if len(targets) < k:
        raise ConfigError(bad_argument("folds", k, f"at most {len(targets)}, the number of images"))
    groups = np.zeros(len(targets), np.int64) if targets.ndim > 1 else targets.astype(np.int64, copy=False)
    labels, counts = np.unique(groups, return_counts=True)
    least = int(counts.argmin())
    if counts[least] < k:
        name = class_names[labels[least]] if class_names else labels[least]
        allowed = f"at most {counts[least]}, the number of images of the class {str(name)!r}"
        raise ConfigError(bad_argument("folds", k, allowed, "Add images of it, or remove the class."))
    dealt = np.empty(len(targets), np.int64)
    dealt[np.concatenate([_shuffled(groups, seed, label) for label in labels.tolist()])] = (
        np.arange(len(targets)) % k
    )
    return [(np.flatnonzero(dealt != number), np.flatnonzero(dealt == number)) for number in range(k)]


def check_fold_count(k: int) -> None:
    """Raise `ConfigError` unless images can be divided into ``k`` folds, if there are enough."""
    if isinstance(k, bool) or not isinstance(k, int) or k < 2:
        raise ConfigError(bad_argument("folds", k, "a whole number of at least 2"))


def _shuffled(groups: IntArray, seed: int, label: int) -> IntArray:
    generator = np.random.Generator(np.random.Philox(key=[seed, label]))
    return generator.permutation(np.flatnonzero(groups == label))


class FoldSource(ChosenSource):
    """A source whose ``train`` and ``val`` together are divided anew: one fold validates, the others train.

    It is called ``fold:2/5@0:digits``: the second of five folds, by the seed 0, of ``digits``. Its ``test`` is the
    source's.

    Args:
        source: What is divided.
        number: Which fold validates, from 1.
        k: How many there are.
        seed: See `folds`.

    Raises:
        ConfigError: as `folds`, or if there is no such fold.
        DataError: if the source has no images to train, or streams them.
    """

    def __init__(self, source: Source, number: int, k: int, seed: int = 0) -> None:
        source.check_split("train")
        pooled = [split for split in POOLED if split in source.targets]
        for split in pooled:
            check_readable(source, split, "folds")
        divided = folds(
            np.concatenate([source.targets[split] for split in pooled]), k, seed, source.class_names
        )
        if not 1 <= number <= k:
            raise ConfigError(bad_argument("fold", number, f"1 to {k}"))
        first = len(source.targets["train"])
        rows = {
            split: {part: _within(part, taken, first) for part in pooled}
            for split, taken in zip(POOLED, divided[number - 1], strict=True)
        }
        super().__init__(f"fold:{number}/{k}@{seed}", source, rows)


def _within(part: str, taken: IntArray, first: int) -> IntArray:
    """Return those of ``taken``, which count through train and then val, that lie in ``part``."""
    return taken[taken < first] if part == "train" else taken[taken >= first] - first


_LOCATION = re.compile(r"(\d{1,6})/(\d{1,6})(?:@(\d{1,19}))?:(.+)", re.DOTALL | re.ASCII)


def fold(location: str) -> FoldSource:
    """Open ``2/5:digits`` or ``2/5@7:digits``: the second of five folds, by the seed 0 or 7, of ``digits``.

    Raises:
        ConfigError, DataError: if it says something else; as `FoldSource` and `open_source`.
    """
    said = _LOCATION.fullmatch(location)
    if said is None:
        raise DataError(f"fold:{location}: must be fold:NUMBER/FOLDS:DATA, such as fold:2/5:digits.")
    number, k, seed, name = said.groups(default="0")
    return FoldSource(open_below(name), int(number), int(k), int(seed))
