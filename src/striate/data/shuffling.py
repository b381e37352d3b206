"""In which order images that lie in shards are read and shown: whole numbers alone, known before anything is read.

Shards are read in an order that is drawn anew for each epoch, each from end to end. What was read waits in a buffer of
bounded size; the next image to be shown is drawn from it, and its place is taken by the next that is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from striate.data.source import IntArray, Layout

__all__ = ["MOST_BYTES", "EpochOrder", "epoch_order"]

MOST_BYTES = 2**29
"""Bytes in the buffer, as they lie in the shards; where images are large, fewer of them wait."""


@dataclass(frozen=True, slots=True, eq=False)
class EpochOrder:
    """The order of an epoch of N images.

    Attributes:
        read: The images as they are read, ``(N,)``.
        shown: The images as they are shown, ``(N,)``.
        needed: How many have been read when each of ``shown`` is, ``(N,)``.
    """

    read: IntArray
    shown: IntArray
    needed: IntArray


@lru_cache(maxsize=4)
def epoch_order(layout: Layout, seed: int, epoch: int) -> EpochOrder:
    """Return the order of an epoch, a function of the arguments alone."""
    count = len(layout.shards)
    generator = np.random.Generator(np.random.Philox(key=[seed, epoch]))
    numbers, starts = np.unique(layout.shards, return_index=True)
    ends = np.append(starts[1:], count)
    shards = generator.permutation(len(numbers))
    read = np.concatenate([np.arange(starts[shard], ends[shard]) for shard in shards])
    sizes = layout.sizes[read].tolist()
    waiting: list[int] = []  # places in ``read``
    shown: list[int] = []
    needed: list[int] = []
    done = held = 0
    for draw in generator.random(count).tolist():
        while done < count and (
            not waiting or (len(waiting) < layout.buffer and held + sizes[done] <= MOST_BYTES)
        ):
            waiting.append(done)
            held += sizes[done]
            done += 1
        drawn = int(draw * len(waiting))
        waiting[drawn], waiting[-1] = waiting[-1], waiting[drawn]
        place = waiting.pop()
        held -= sizes[place]
        shown.append(place)
        needed.append(done)
    order = EpochOrder(read, read[shown], np.array(needed, np.int64))
    for column in (order.read, order.shown, order.needed):
        column.setflags(write=False)
    return order
