"""Groups and runs: steps that are one thing by their container, and neighbors that share a volume."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from striate.analyze.plot.steps import Shape, Sort, Step

__all__ = ["MOST", "Group", "Run", "runs"]

MOST = 14
"""Most volumes in one picture, the input included."""


@dataclass(frozen=True, slots=True)
class Group:
    """Steps that are one thing; ``path`` is that of their container, or of the one step."""

    path: str
    steps: list[Step]
    contained: bool

    @property
    def sort(self) -> Sort:
        """What it is among its neighbors: a container of several steps is a block."""
        return "block" if self.contained and len(self.steps) > 1 else self.steps[0].sort

    @property
    def shape(self) -> Shape:
        """The shape of what its last step gives."""
        return self.steps[-1].rows[-1].output_shape

    @property
    def place(self) -> Hashable:
        """The size of the maps; for a vector, its length, for vectors of two lengths have nothing in common."""
        return self.steps[-1].size or self.shape

    def distance(self, other: Group) -> float:
        """How far apart what the two give is: 1 for a factor of two in positions, or in channels."""
        pairs = [(math.prod(g.steps[-1].size), g.steps[-1].channels) for g in (self, other)]
        return sum(abs(math.log2(a / b)) for a, b in zip(*pairs, strict=True))


Run = list[Group]


def runs(steps: Sequence[Step], size: Shape) -> list[Run]:
    """Return the steps as fewer than `MOST` runs, each a volume; ``size`` is that of the input's maps."""
    apart = list(_groups(steps, size, 1, pools_apart=True))
    held = list(_groups(steps, size, 1, pools_apart=False))
    levels: list[tuple[list[Group], Callable[[Group], Hashable]]] = [
        (apart, lambda group: (group.sort, group.shape)),
        (held, lambda group: (group.sort, group.shape)),
        (apart, lambda group: (group.sort, group.place)),
        (held, lambda group: (group.sort, group.place)),
        (held, lambda group: group.place),
    ]
    for groups, alike in levels:
        found = [list(run) for _, run in groupby(groups, alike)]
        if len(found) < MOST:
            return found
    while len(found) >= MOST:  # the last stays by itself: it is what the network answers
        gaps = [found[i][-1].distance(found[i + 1][-1]) for i in range(len(found) - 2)]
        i = gaps.index(min(gaps))
        found[i : i + 2] = [found[i] + found[i + 1]]
    return found


def _groups(steps: Sequence[Step], size: Shape, depth: int, *, pools_apart: bool) -> Iterator[Group]:
    """Yield the steps, those of a container together. ``size`` is that of the maps before them."""
    for container, grouped in groupby(steps, lambda step: _container(step.path, depth)):
        held = list(grouped)
        if container is None:
            yield from (Group(step.path, [step], contained=False) for step in held)
        elif not _is_one_thing(held, size):
            yield from _groups(held, size, depth + 1, pools_apart=pools_apart)
        else:
            pool = held[-1:] if pools_apart and len(held) > 1 and held[-1].sort == "pool" else []
            yield Group(container, held[: len(held) - len(pool)], contained=True)
            yield from (Group(step.path, [step], contained=False) for step in pool)
        size = held[-1].size


def _container(path: str, depth: int) -> str | None:
    parts = path.split(".")
    return ".".join(parts[:depth]) if len(parts) > depth else None


def _is_one_thing(steps: Sequence[Step], size: Shape) -> bool:
    sizes = [size, *(step.size for step in steps)]
    changes = sum(a != b for a, b in pairwise(sizes))
    return changes <= 1 and bool(steps[-1].size) and all(step.sort != "pool" for step in steps[:-1])
