"""The order in which balanced batches show images: whole numbers alone, each a pure function of (seed, place).

Places are laid end to end over all epochs. Every K places, a round, hold an image of each of the K classes, the classes
in an order drawn anew. In the rounds an image of a class comes again only when all of that class have come: a class
goes through its images in passes, each in an order drawn anew.
"""

from __future__ import annotations

import numpy as np

from striate.data.source import IntArray

__all__ = ["BalancedOrder"]

_CLASSES, _IMAGES = 1, 2  # what is drawn; no two streams of numbers are alike


class BalancedOrder:
    """Which image stands at each place.

    Args:
        targets: Of all images, int64 ``(N,)``. A class without images has no places.
        seed: Of the run.
    """

    def __init__(self, targets: IntArray, seed: int) -> None:
        order = np.argsort(targets, kind="stable")
        starts = np.flatnonzero(np.diff(targets[order], prepend=-1))
        self._images = np.split(order, starts[1:])
        self._seed = seed
        self._passes: dict[
            int, tuple[int, IntArray]
        ] = {}  # the newest of each class; drawing it again gives the same

    def places(self, start: int, count: int) -> IntArray:
        """Return the images at ``count`` places from ``start`` on, int64 ``(count,)``."""
        classes = len(self._images)
        found: list[int] = []
        for round_ in range(start // classes, -(-(start + count) // classes)):
            first = round_ * classes
            drawn = _permutation(classes, self._seed, round_, _CLASSES)
            shown = drawn[max(start - first, 0) : start + count - first]
            found += [self._image(class_, round_) for class_ in shown.tolist()]
        return np.array(found, np.int64)

    def _image(self, class_: int, turn: int) -> int:
        """Return which image the class shows when its turn comes for the ``turn``-th time."""
        images = self._images[class_]
        number, place = divmod(turn, len(images))
        kept = self._passes.get(class_)
        if kept is None or kept[0] != number:
            order = images[_permutation(len(images), self._seed, number, _IMAGES, class_)]
            kept = self._passes[class_] = (number, order)
        return int(kept[1][place])


def _permutation(size: int, seed: int, number: int, what: int, which: int = 0) -> IntArray:
    # The lower half of the counter counts the draws; what its upper half says keeps streams apart.
    drawn = np.random.Philox(key=[seed, number], counter=[0, 0, which, what])
    order: IntArray = np.random.Generator(drawn).permutation(size)
    return order
