"""`Plan`: what is to be done to a batch, as effect after effect enters it.

Geometry becomes one 3×3 matrix per image, color one 4×4; what is neither is listed, to be done afterwards.
Legend: N images of the batch, n of them.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from striate.data.augment.draws import Floats, Keys
from striate.data.augment.sampling import compose

if TYPE_CHECKING:
    from striate.data.augment.effects.base import Effect, Values

__all__ = ["Bend", "Entry", "Plan", "Rows"]

Rows = slice | NDArray[np.int64]
"""Images of a batch: all, or those of the numbers ``(n,)``."""


class Entry(NamedTuple):
    """What one effect is to do."""

    effect: Effect
    rows: Rows
    values: Values


class Bend(NamedTuple):
    """A smooth random field that moves the output's pixels; see `striate.data.augment.elastic`."""

    sigma: float
    rows: Rows
    alpha: Floats
    keys: Keys


class Plan:
    """What is to be done to the ``count`` images of a batch.

    Args:
        count: N.
        source: Height and width of the images.
        size: Height and width of the output.
        means: Gives the mean color of each image, of 0..255, ``(N, 3)``; called only if wanted.
    """

    def __init__(
        self, count: int, source: tuple[int, int], size: tuple[int, int], means: Callable[[], Floats]
    ) -> None:
        self.count = count
        self.size = size
        self.frame = source  # height and width of what the next geometric effect changes
        self.maps = np.empty((count, 3, 3))  # from places in the frame to places in the source
        self.maps[:] = np.eye(3)
        self.colors = np.empty((count, 4, 4))
        self.colors[:] = np.eye(4)
        self.bends: list[Bend] = []
        self.later: list[Entry] = []  # effects on pixels, to be done when geometry and color are
        self.mixed: dict[
            int, Entry
        ] = {}  # effects that mix images, by their place in the recipe, to be done last
        self.mixture: tuple[Floats, list[Plan]] | None = (
            None  # other images to be mixed in, with their shares (N, k)
        )
        self.entries: list[Entry] = []  # all
        self._means = means
        self._all = np.arange(count)

    def enter(self, effect: Effect, rows: Rows, values: Values) -> None:
        """Do ``effect`` to images ``rows``, after all that entered before."""
        if not isinstance(rows, slice) and not len(rows) and not effect.frames:
            return
        self.entries.append(Entry(effect, rows, values))
        effect.enter(self, rows, values)

    def copy(self) -> Plan:
        """Return a plan that goes on from here by itself."""
        other = copy.copy(self)
        other.maps, other.colors = self.maps.copy(), self.colors.copy()
        other.bends, other.later = [*self.bends], [*self.later]
        return other

    def of(self, numbers: NDArray[np.int64]) -> Plan:
        """Return what is to be done to images ``numbers`` ``(n,)`` alone, as a plan to be rendered."""
        place = np.full(self.count, -1)
        place[numbers] = np.arange(len(numbers))

        def part(rows: Rows) -> tuple[Rows, NDArray[np.int64]]:
            """Return ``rows`` within the part, and where in ``rows`` they stand."""
            if isinstance(rows, slice):
                return rows, numbers
            kept = np.flatnonzero(place[rows] >= 0)
            return place[rows[kept]], kept

        other = copy.copy(self)
        other.count, other.maps, other.colors = len(numbers), self.maps[numbers], self.colors[numbers]
        other.bends, other.later = [], []
        for bend in self.bends:
            rows, kept = part(bend.rows)
            other.bends.append(Bend(bend.sigma, rows, bend.alpha[kept], bend.keys[kept]))
        for effect, whole, values in self.later:
            rows, kept = part(whole)
            other.later.append(Entry(effect, rows, {name: drawn[kept] for name, drawn in values.items()}))
        return other

    def move(self, rows: Rows, maps: Floats) -> None:
        """Change geometry by ``maps`` ``(n, 3, 3)``, from places after the change to places before."""
        compose(self.maps, self._numbers(rows), maps, first=False)

    def reframe(self, maps: Floats) -> None:
        """Change all images by ``maps`` ``(N, 3, 3)``, from places in the output to places in the frame."""
        compose(self.maps, self._all, maps, first=False)
        self.frame = self.size

    def stretch(self) -> None:
        """Stretch what is seen to the size of the output, if it has not got it."""
        if self.frame != self.size:
            scale = [self.frame[1] / self.size[1], self.frame[0] / self.size[0], 1.0]
            self.reframe(np.diag(scale)[None])

    def bend(self, sigma: float, rows: Rows, alpha: Floats, keys: Keys) -> None:
        """Move the output's pixels by smooth fields of standard deviation ``alpha`` ``(n,)``."""
        self.bends.append(Bend(sigma, rows, alpha, keys))

    def recolor(self, rows: Rows, colors: Floats) -> None:
        """Change colors by ``colors`` ``(n, 4, 4)``, of red, green, blue and 1."""
        compose(self.colors, self._numbers(rows), colors, first=True)

    def _numbers(self, rows: Rows) -> NDArray[np.int64]:
        return self._all if isinstance(rows, slice) else rows

    def mean_color(self, rows: Rows) -> Floats:
        """Return the mean color that images ``rows`` have by now, of 0..255, ``(n, 3)``."""
        means = self._means()[rows]
        colors = self.colors[rows]
        mean: Floats = np.einsum("nij,nj->ni", colors[:, :3, :3], means) + colors[:, :3, 3]
        return mean
