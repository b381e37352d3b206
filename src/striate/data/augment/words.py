"""What was done to each image of a batch, in words. Legend: N images."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.data.augment.effects import AugMix, CutMix, Effect
from striate.data.augment.effects.base import Values
from striate.data.augment.mixing import box_of_share
from striate.data.augment.plan import Plan, Rows

__all__ = ["phrases", "words"]

_NONE: Mapping[int, Sequence[str]] = MappingProxyType({})


def words(plan: Plan) -> list[str]:
    """Return for each image what ``plan`` does to it: ``"mirrored, rotated +7.3°, zoomed ×1.08"``, ``"unchanged"``."""
    return [", ".join(parts) or "unchanged" for parts in phrases(plan)]


def phrases(plan: Plan, partners: Mapping[int, Sequence[str]] = _NONE) -> list[list[str]]:
    """Return a phrase for each effect that ``plan`` does to an image, a list for each of N.

    Args:
        plan: Of a batch.
        partners: What each image is mixed with, N names for each mixing effect, by its place in the recipe.
    """
    told: list[list[str]] = [[] for _ in range(plan.count)]
    chained: list[list[str]] = [[] for _ in range(plan.count)]
    into = told
    for effect, rows, values in plan.entries:
        if isinstance(effect, AugMix):  # what its chains do entered after it
            into = chained
        if effect.words and effect.stage != "mixing":
            for row, phrase in _each(effect, rows, values, plan):
                into[row].append(phrase)
    if plan.mixture is not None:
        for row, share in enumerate(plan.mixture[0].sum(1)):
            if chained[row]:
                told[row].append(f"{share:.0%} replaced by chains ({', '.join(chained[row])})")
    for slot, (effect, rows, values) in plan.mixed.items():
        for row, phrase in _each(effect, rows, values, plan):
            other = f" with {partners[slot][row]}" if slot in partners else ""
            told[row].append(phrase + other)
    return told


def _each(effect: Effect, rows: Rows, values: Values, plan: Plan) -> Iterator[tuple[int, str]]:
    """Yield the number of each image that ``effect`` is done to, and what that is."""
    if isinstance(effect, CutMix):  # less may be cut out than was drawn, at the border
        values = {"share": box_of_share(values["share"], values["center"], *plan.size)[1]}
    for place, row in enumerate(np.arange(plan.count)[rows]):
        of_one = {name: _plain(drawn[place]) for name, drawn in values.items()}
        yield int(row), re.sub(r"-(?=\d)", "−", effect.words.format(**of_one))


def _plain(value: NDArray[Any]) -> Any:
    return " ".join(map(str, value.tolist())) if np.ndim(value) else value.item()
