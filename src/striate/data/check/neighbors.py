"""Labels judged by looks: the ten nearest neighbors of each image, in a space of simple features, vote on its class.

N images, K classes. The features: the image shrunk to 16×16 in grey, of mean 0 and length 1;
the directions of its edges in 4×4 cells; its colors in 4×4 cells; together 64 principal components.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from striate.data.check.look import COARSE, SIDE
from striate.data.check.report import Finding
from striate.data.check.seeing import FloatArray, Seen, patterns
from striate.data.check.words import Yield, about, images, percent
from striate.data.source import IntArray

__all__ = ["features", "labels"]

_NEIGHBORS = 10
_REFERENCE = 20_000
_CROSSED = 4_000
_JUDGED = 100_000
_COMPONENTS = 64
_UNANIMOUS = 9
_LEAST = 50  # images; with fewer, neighbors are too far to know anything
_TRUSTED = 0.6  # of the images whose neighbors tell their class, for the neighbors to be asked at all
_SURE = 0.9
_OFTEN = 0.005
_SEED = 0


def labels(seen: Seen) -> Yield:
    """Labels that the neighbors contradict one and all, and splits whose labels are numbered otherwise."""
    rows = np.flatnonzero(seen.read & ~seen.constant & (seen.target >= 0))
    classes = len(seen.listing.class_names)
    if len(rows) < _LEAST or classes < 2:
        return
    generator = np.random.default_rng(_SEED)
    judged = np.sort(generator.permutation(rows)[:_JUDGED])
    space, targets = features(seen.grey[judged], seen.color[judged]), seen.target[judged]
    trains = seen.split[judged] == _train(seen)
    others = np.sort(generator.permutation(np.flatnonzero(~trains))[:_CROSSED])
    if trains.sum() >= _LEAST and len(others) >= _LEAST:
        among = np.flatnonzero(trains)
        best, _ = _vote(targets[_nearest(space, others, among, generator)])
        permuted = list(_permuted(seen, judged[others], best))
        yield from permuted
        if permuted:  # then every label of the split is wrong, and that is said
            return
    everything = np.arange(len(judged))
    around = targets[_nearest(space, everything, everything, generator)]
    best, count = _vote(around)
    right = float((best == targets).mean())
    whole = (
        f"{len(judged):,} images" if len(judged) == len(rows) else f"{len(judged):,} of {len(rows):,} images"
    )
    if right < _TRUSTED:
        yield (
            "Labels were not judged: the neighbors of an image, by simple features, tell its class for only "
            f"{percent(right)} of {whole}."
        )
        return
    yield (
        f"The labels of {whole} were judged by {_NEIGHBORS} neighbors out of {min(_REFERENCE, len(judged)):,}, "
        f"which tell the class of {percent(right)} rightly."
    )
    alone = (around != targets[:, None]).all(1)
    suspect = np.flatnonzero(alone & (count >= _UNANIMOUS))
    # Where two classes are often mixed up, a vote against the label says less.
    _, mixed, often = np.unique(targets * classes + best, return_inverse=True, return_counts=True)
    suspect = suspect[np.lexsort((often[mixed[suspect]], -count[suspect]))]
    if len(suspect):
        yield _suspects(seen, judged[suspect], best[suspect], count[suspect], right, len(judged))


def _suspects(
    seen: Seen, rows: IntArray, best: IntArray, count: IntArray, right: float, judged: int
) -> Finding:
    names = seen.listing.class_names
    said = [
        f"labeled {names[seen.target[row]]!r}, {n} of {_NEIGHBORS} neighbors are {names[other]!r}"
        for row, other, n in zip(rows, best, count, strict=True)
    ]
    return about(
        seen,
        "warning" if right >= _SURE and len(rows) > _OFTEN * judged else "note",
        "label-error",
        f"{images(rows)} that may be labeled wrongly, the likeliest first",
        f"No neighbor has their class and at least {_UNANIMOUS} of {_NEIGHBORS} have one other. "
        "Rare views look like this too: look before you change a label.",
        rows.tolist(),
        said,
    )


def _permuted(seen: Seen, rows: IntArray, best: IntArray) -> Yield:
    """Find splits in which most images of each class look like those of one other class of train."""
    names = seen.listing.class_names
    for number, split in enumerate(seen.splits):
        inside = seen.split[rows] == number
        targets, answers = seen.target[rows[inside]], best[inside]
        if len(targets) < _LEAST:
            continue
        table = np.zeros((len(names), len(names)), np.int64)
        np.add.at(table, (targets, answers), 1)
        present = table.sum(1) > 0
        meant = table.argmax(1)
        kept = float(np.trace(table)) / len(targets)
        mapped = float(table.max(1).sum()) / len(targets)
        moved = [k for k in np.flatnonzero(present) if meant[k] != k]
        if len(moved) < 2 or len({*meant[present].tolist()}) < present.sum():
            continue
        clear = all(table[k, meant[k]] > 2 * table[k, k] for k in moved)
        if clear and mapped > _TRUSTED and mapped - kept > 1 / len(names) / 2:
            yield Finding(
                verdict="error",
                kind="labels-permuted",
                title=f"the labels of {split!r} are numbered otherwise than those of 'train'",
                text=f"By their looks {percent(mapped)} of its images fit another order of the classes and only "
                f"{percent(kept)} their own. Read both splits with one list of classes.",
                records=tuple(f"{names[k]!r} there looks like {names[meant[k]]!r} in train" for k in moved),
            )


def _nearest(space: FloatArray, asked: IntArray, among: IntArray, generator: np.random.Generator) -> IntArray:
    """Return the ten nearest of each of ``asked`` in ``among``, or in a sample of it, itself left out, ``(N, 10)``."""
    from sklearn.neighbors import NearestNeighbors

    reference = np.sort(generator.permutation(among)[:_REFERENCE])
    search = NearestNeighbors(n_neighbors=_NEIGHBORS + 1, algorithm="brute").fit(space[reference])
    near = reference[search.kneighbors(space[asked], return_distance=False)]
    itself = near == asked[:, None]
    itself[~itself.any(1), -1] = True  # of an image that is no reference, the farthest is left out
    found: IntArray = near[~itself].reshape(len(asked), _NEIGHBORS)
    return found


def _vote(around: IntArray) -> tuple[IntArray, IntArray]:
    """Return the class that most of the neighbors ``(N, 10)`` have, the nearest of equals, and how many have it."""
    counts = (around[:, :, None] == around[:, None, :]).sum(2)
    place = counts.argmax(1)
    each = np.arange(len(around))
    return around[each, place], counts[each, place]


def features(grey: NDArray[np.uint8], color: NDArray[np.uint8]) -> FloatArray:
    """Return a point for each image, of ``(N, 16, 16)`` and ``(N, 4, 4, 3)``, ``(N, 64)`` or of fewer components."""
    from sklearn.decomposition import PCA

    colors = color.reshape(len(color), -1).astype(np.float32) / 255
    points = np.hstack([patterns(grey), 2 * _edges(grey), colors])
    generator = np.random.default_rng(_SEED)
    fitted = points[generator.permutation(len(points))[:_REFERENCE]]
    count = min(_COMPONENTS, *fitted.shape)
    reduce = PCA(count, svd_solver="randomized", random_state=_SEED).fit(fitted)
    return np.asarray(reduce.transform(points), np.float32)


_DIRECTIONS = 8


def _edges(grey: NDArray[np.uint8]) -> FloatArray:
    """Return the strength of edges of 8 directions in 4×4 cells, ``(N, 128)``, of length 1, square roots taken."""
    values = grey.astype(np.float32)
    down, right = np.zeros_like(values), np.zeros_like(values)
    down[:, 1:-1] = values[:, 2:] - values[:, :-2]
    right[:, :, 1:-1] = values[:, :, 2:] - values[:, :, :-2]
    strength = np.hypot(right, down)
    turn = np.arctan2(down, right) % np.pi * (_DIRECTIONS / np.pi)
    below = np.floor(turn).astype(np.int64) % _DIRECTIONS
    part = turn - np.floor(turn)
    cell = SIDE // COARSE
    cells = np.empty((len(grey), COARSE, COARSE, _DIRECTIONS), np.float32)
    for direction in range(_DIRECTIONS):
        weight = strength * (
            (below == direction) * (1 - part) + ((below + 1) % _DIRECTIONS == direction) * part
        )
        cells[..., direction] = weight.reshape(-1, COARSE, cell, COARSE, cell).sum((2, 4))
    flat: FloatArray = cells.reshape(len(grey), -1)
    shares: FloatArray = np.sqrt(flat / (flat.sum(1, keepdims=True) + 1e-6))
    return shares


def _train(seen: Seen) -> int:
    return seen.splits.index("train") if "train" in seen.splits else 0
