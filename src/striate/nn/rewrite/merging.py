"""Convolutions of 1×1 side by side become one: in a `Concat`, those with which neighboring branches begin.

Each output of a 1×1 convolution is a sum over the channels at its position, whatever the other outputs are, so that the
filters of all may stand in one convolution, and every branch reads its slice of the channels. What follows all of them
alike and acts on each channel alone goes along: batch normalization, and activations without weights.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from itertools import accumulate, count, groupby, pairwise, takewhile

from striate.analyze import Analysis, Axis, analyze
from striate.errors import DescriptionError
from striate.nn.rewrite.mapping import Joined, Renamed, Step
from striate.nn.rewrite.moving import MONOTONE
from striate.nn.rewrite.tree import Chain, Rewritten, node_of, switched_pools, written
from striate.spec import (
    GELU,
    BatchNorm,
    Concat,
    Conv,
    Mish,
    Network,
    Node,
    Placed,
    Repeat,
    Sequential,
    SiLU,
    SliceChannels,
)

__all__ = ["merge_parallel"]

_ALONG = (BatchNorm, *MONOTONE, GELU, SiLU, Mish)
"""Kinds that act on each channel alone and draw nothing at random."""


def merge_parallel(network: Network) -> Rewritten:
    """Merge the 1×1 convolutions with which neighboring branches of a `Concat` begin, and what follows all alike.

    They must have one stride, no padding, one group, and all a bias or none. The order of the channels stays. A branch
    with a pool whose switches a `MaxUnpool` uses keeps its paths, and so is left alone.
    """
    merge = _Merge(analyze(network), switched_pools(network))
    try:
        merged = written(network, merge.chain(network.placed))
    except DescriptionError:  # deeper or larger than a description may be
        return Rewritten(network)
    if not merge.changes:
        return Rewritten(network)
    return Rewritten(merged, tuple(merge.steps), tuple(merge.changes))


@dataclasses.dataclass(frozen=True, slots=True)
class _Branch:
    """A branch of a `Concat` at its path, and its layers one after another."""

    part: Placed
    chain: Chain


class _Merge:
    """Walks a network from the outside in; what a merged `Concat` holds waits for the next time."""

    def __init__(self, analysis: Analysis, switched: frozenset[str]) -> None:
        self.steps: list[Step] = []
        self.changes: list[str] = []
        self._rows = {row.path: row for row in analysis.layers}
        self._switched = switched

    def chain(self, chain: Chain) -> Chain:
        return tuple(map(self._part, chain))

    def _part(self, part: Placed) -> Placed:
        if isinstance(part.node, Concat):
            branches = [_Branch(branch, _opened(branch)) for (branch,) in part.chains]
            groups = [list(group) for _, group in groupby(branches, self._sort)]
            if len(groups) < len(branches):
                return self._merged(part, groups)
        return dataclasses.replace(part, chains=tuple(map(self.chain, part.chains)))

    def _sort(self, branch: _Branch) -> tuple[object, ...]:
        """Return what neighboring branches must have in common to be merged; the path of one that cannot be."""
        first = branch.chain[0]
        within = f"{branch.part.path}."
        if isinstance(first.node, Conv) and not any(pool.startswith(within) for pool in self._switched):
            axes = [axis for axis in self._rows[first.path].arithmetic.axes if isinstance(axis, Axis)]
            if first.node.groups == 1 and all((a.kernel, a.before, a.after) == (1, 0, 0) for a in axes):
                return (*(a.stride for a in axes), first.node.bias)
        return (branch.part.path,)

    def _merged(self, part: Placed, groups: list[list[_Branch]]) -> Placed:
        """Return a `Concat` with each group as one branch; of a single group, the layers themselves."""
        names = frozenset(branch.part.name for group in groups for branch in group)
        if len(groups) == 1:
            return Placed(part.path, Sequential(*self._joined(groups[0], part.path, names)))
        taken = names
        parts: list[Placed] = []
        for group in groups:
            if len(group) == 1:
                parts.append(group[0].part)
                continue
            shared = _unused("shared", taken)
            taken |= {shared}
            path = f"{part.path}.{shared}"
            parts.append(Placed(path, Sequential(*self._joined(group, path, names))))
        return dataclasses.replace(part, chains=tuple((one,) for one in parts))

    def _joined(self, group: list[_Branch], path: str, names: frozenset[str]) -> Iterator[Node]:
        """Yield the layers of ``group`` that are one, and a `Concat` of what is left of each branch."""
        channels = tuple(_channels(branch.chain[0].node) for branch in group)
        alike = _alike(group)
        taken = names
        for layers in alike:
            name = _unused(layers[0].node.stem, taken)
            taken |= {name}
            yield _widened(layers[0].node, sum(channels), name)
            paths = tuple(layer.path for layer in layers)
            self.steps.append(Joined(paths, channels, f"{path}.{name}"))
            self.changes.append(f"{', '.join(paths)} as {path}.{name}")
        rests = [branch.chain[len(alike) :] for branch in group]
        if not any(rests):
            return
        inner = _unused("branches", taken)
        bounds = pairwise(accumulate(channels, initial=0))
        yield Concat(
            [_reading(b.part.name, *ends, rest) for b, ends, rest in zip(group, bounds, rests, strict=True)],
            name=inner,
        )
        self.steps += [
            Renamed(branch.part.path, f"{path}.{inner}.{branch.part.name}")
            for branch, rest in zip(group, rests, strict=True)
            if rest
        ]


def _opened(branch: Placed) -> Chain:
    return branch.chains[0] if isinstance(branch.node, Sequential | Repeat) else (branch,)


def _alike(group: list[_Branch]) -> list[tuple[Placed, ...]]:
    """Return the convolutions of the branches, and then, layer by layer, what all of them have alike."""
    first, *others = zip(*(branch.chain for branch in group), strict=False)
    along = takewhile(lambda layers: isinstance(layers[0].node, _ALONG) and _is_one_kind(layers), others)
    return [first, *along]


def _is_one_kind(layers: tuple[Placed, ...]) -> bool:
    return len({dataclasses.replace(layer.node, name=None) for layer in layers}) == 1


def _channels(node: Node) -> int:
    assert isinstance(node, Conv)
    return node.out_channels


def _widened(node: Node, channels: int, name: str) -> Node:
    if isinstance(node, Conv):
        return dataclasses.replace(node, out_channels=channels, name=name)
    return dataclasses.replace(node, name=name)


def _reading(name: str, start: int, stop: int, rest: Chain) -> Node:
    """Return the branch that reads these channels and passes them through ``rest``."""
    if not rest:
        return SliceChannels(start, stop, name=name)
    own = _unused("slice", frozenset(part.name for part in rest))
    return Sequential(SliceChannels(start, stop, name=own), *map(node_of, rest), name=name)


def _unused(stem: str, taken: frozenset[str]) -> str:
    """Return ``stem``, or with the first number that makes it a name of its own."""
    if stem not in taken:
        return stem
    return next(name for i in count(2) if (name := f"{stem}{i}") not in taken)
