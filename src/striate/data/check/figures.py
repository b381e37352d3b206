"""The statistics of a data set, from what was seen of it. Judges nothing."""

from __future__ import annotations

from collections import Counter

import numpy as np

from striate.data.check.report import ChannelStatistics, Statistics
from striate.data.check.seeing import Seen

__all__ = ["sheet", "statistics"]

_MOST = 10
_VALUES = np.arange(256.0)


def statistics(seen: Seen) -> Statistics:
    """Return the figures of everything that could be read."""
    names = seen.listing.class_names
    grey = bool(seen.colorless[seen.read].all())
    columns = 1 if grey else 3
    rows = np.flatnonzero(seen.read)
    sizes = Counter(map(tuple, seen.size[rows].tolist()))
    means = {}
    for k, name in enumerate(names):
        own = seen.mean[rows[seen.target[rows] == k], :columns]
        means[name] = tuple(round(float(m), 2) for m in own.mean(0)) if len(own) else ()
    return Statistics(
        images=len(seen),
        readable=len(rows),
        splits={split: len(targets) for split, targets in seen.listing.targets.items()},
        counts={
            split: {name: int(n) for name, n in zip(names, counts, strict=True)}
            for split, counts in seen.listing.counts.items()
        },
        channels=_channels(seen, ("grey",) if grey else ("red", "green", "blue")) if len(rows) else (),
        class_means=means,
        sizes=tuple(((size[0], size[1]), count) for size, count in sizes.most_common(_MOST)),
        formats=dict(Counter(seen.format[row] for row in rows if seen.format[row]).most_common()),
        modes=dict(Counter(seen.mode[row] for row in rows).most_common()),
    )


def _channels(seen: Seen, names: tuple[str, ...]) -> tuple[ChannelStatistics, ...]:
    found = []
    for name, counts in zip(names, seen.histogram.sum(0), strict=False):
        shares = counts / counts.sum()
        mean = float(shares @ _VALUES)
        held = np.flatnonzero(counts)
        found.append(
            ChannelStatistics(
                name=name,
                mean=round(mean, 3),
                std=round(float(np.sqrt(max(0.0, shares @ _VALUES**2 - mean**2))), 3),
                low=int(held[0]),
                high=int(held[-1]),
                histogram=tuple(round(float(share), 6) for share in shares),
            )
        )
    return tuple(found)


def sheet(seen: Seen, each: int = 24) -> dict[str, tuple[int, ...]]:
    """Choose some readable images of each class, drawn by lot, always the same."""
    chosen = {}
    for k, name in enumerate(seen.listing.class_names):
        rows = np.flatnonzero(seen.read & (seen.target == k))
        drawn = np.random.default_rng(k).permutation(rows)[:each]
        chosen[name] = tuple(np.sort(drawn).tolist())
    return chosen
