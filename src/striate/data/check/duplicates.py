"""Images that are there twice: exactly, by the digest of their pixels, or nearly, by a perceptual hash.

N images. The hash: of the image shrunk to 16×16 the 8×8 lowest frequencies (DCT), each one bit, above the median or
not. Two images are near copies if their hashes differ in at most 6 of 64 bits and their shrunk images correlate.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from striate.data.check.look import SIDE
from striate.data.check.report import Finding, Verdict
from striate.data.check.seeing import FloatArray, Seen, patterns
from striate.data.check.words import Yield, plural
from striate.data.source import IntArray

__all__ = ["duplicates", "hash_distance", "near_groups", "perceptual_hash"]

Hashes = NDArray[np.uint64]

_BITS = 6
_SMALL = 64  # pixels
_ALIKE_SMALL, _ALIKE = 0.998, 0.98
"""Correlations, measured: Fashion-MNIST, of 28×28, has 31 natural pairs above 0.995 in 20,000 images and none above
0.998, where a JPEG of quality 75 keeps 0.999; the flowers have 6 pairs above 0.98, all of them true copies."""


def duplicates(seen: Seen) -> Yield:
    """Copies, exact and near: across splits, of different classes, and within a class."""
    exact: dict[bytes, list[int]] = defaultdict(list)
    usable = seen.read & ~seen.constant
    for row in np.flatnonzero(usable).tolist():
        exact[seen.digest[row]].append(row)
    groups = [rows for rows in exact.values() if len(rows) > 1]
    yield from _told(seen, groups, "exact")
    first = np.array([rows[0] for rows in exact.values()], np.int64)
    first = first[seen.grey[first].reshape(len(first), -1).std(1) > 2] if len(first) else first
    merged = near_groups(perceptual_hash(seen.grey[first]), patterns(seen.grey[first]), _needed(seen, first))
    near = [sorted(row for i in group for row in exact[seen.digest[first[i]]]) for group in merged]
    yield from _told(seen, near, "near")


_TEXTS: dict[tuple[str, str], tuple[Verdict, str, str]] = {
    ("exact", "leak"): (
        "error",
        "exact copies in several splits",
        "What is measured on them was learned by heart: the figures are too good. Remove them from one split.",
    ),
    ("exact", "classes"): (
        "error",
        "exact copies in different classes",
        "One image with two labels: one of them is wrong. Keep the right one.",
    ),
    ("exact", "class"): (
        "warning",
        "exact copies within a class",
        "They count twice in training and in figures. Keep one of each.",
    ),
    ("near", "leak"): (
        "warning",
        "near copies in several splits",
        "Another size, compression or brightness of one image, or two shots of one scene, to be "
        "found in training and "
        "where it is measured: the figures are too good. Keep such images in one split.",
    ),
    ("near", "classes"): (
        "warning",
        "near copies in different classes",
        "They look the same and are labeled differently: one label is probably wrong. Look at them.",
    ),
    ("near", "class"): (
        "note",
        "near copies within a class",
        "Another size, compression or brightness of one image, or two shots of one scene. Fewer "
        "images than it seems.",
    ),
}


def _told(seen: Seen, groups: Iterable[list[int]], how: str) -> Iterator[Finding]:
    """Sort groups of copies by the harm they do; a group is told once, for the worst."""
    sorted_out: dict[str, list[list[int]]] = {"classes": [], "leak": [], "class": []}
    for rows in groups:
        labels, splits = {*seen.target[rows].tolist()}, {*seen.split[rows].tolist()}
        sorted_out["classes" if len(labels) > 1 else "leak" if len(splits) > 1 else "class"].append(rows)
    for where, found in sorted_out.items():
        if not found:
            continue
        verdict, title, text = _TEXTS[how, where]
        many = plural(len(found), "group")
        yield Finding(
            verdict=verdict,
            kind=f"{how}-{ {'leak': 'leak', 'classes': 'conflict', 'class': 'duplicate'}[where] }",
            title=f"{many} of {title}",
            text=text,
            records=tuple(_group(seen, rows, where) for rows in found),
            rows=tuple(map(tuple, found)),
        )


_NAMED = 8


def _group(seen: Seen, rows: list[int], where: str) -> str:
    def said(row: int) -> str:
        # A file's folder tells its class already; of pixels in memory it has to be said.
        known = seen.listing.tree is not None or where != "classes"
        return seen.names[row] if known else f"{seen.names[row]} {seen.class_of(row)!r}"

    rest = f" and {len(rows) - _NAMED:,} more" if len(rows) > _NAMED else ""
    return " = ".join(map(said, rows[:_NAMED])) + rest


def perceptual_hash(grey: NDArray[np.uint8]) -> Hashes:
    """Return 64 bits for each image of ``(N, 16, 16)``, much the same for images that look the same."""
    lowest = SIDE // 2
    place = np.arange(SIDE) + 0.5
    cosines = np.cos(np.pi / SIDE * np.outer(np.arange(lowest), place)).astype(np.float32)
    waves = (cosines @ grey.astype(np.float32) @ cosines.T).reshape(len(grey), lowest**2)
    waves[:, 0] = 0.0  # brightness is no pattern
    bits = waves > np.median(waves, axis=1, keepdims=True)
    return np.ascontiguousarray(np.packbits(bits, axis=1)).view(np.uint64)[:, 0]


_ODD = np.uint64(0x5555555555555555)
_PAIRS = np.uint64(0x3333333333333333)
_NIBBLES = np.uint64(0x0F0F0F0F0F0F0F0F)
_ONES = np.uint64(0x0101010101010101)


def hash_distance(a: Hashes, b: Hashes) -> NDArray[np.uint8]:
    """Return in how many bits hashes differ. Counted as in Hacker's Delight; numpy counts bits only from 2.0 on."""
    x = a ^ b
    x = x - ((x >> np.uint64(1)) & _ODD)
    x = (x & _PAIRS) + ((x >> np.uint64(2)) & _PAIRS)
    x = (x + (x >> np.uint64(4))) & _NIBBLES
    counts: NDArray[np.uint8] = ((x * _ONES) >> np.uint64(56)).astype(np.uint8)
    return counts


_BYTES = 8
_REACH = 1000


def near_groups(hashes: Hashes, patterns: FloatArray, needed: FloatArray) -> list[list[int]]:
    """Return the groups of images that near copies link, each rising.

    Hashes that differ in at most 6 bits agree in at least two of their eight bytes; so only those that do are
    compared, for each of the 28 pairs of bytes: no pair is missed, and 70,000 images take seconds. Where more than
    1,000 agree, as in films, each is compared with the next 1,000 alone: their groups hang together all the same.

    Args:
        hashes: ``(N,)``.
        patterns: The shrunk images, of mean 0 and length 1, ``(N, 256)``.
        needed: For each image the correlation from which on another is its copy, ``(N,)``.
    """
    group = np.arange(len(hashes))
    parts = hashes.view(np.uint8).reshape(-1, _BYTES).astype(np.uint16)
    for one, other in combinations(range(_BYTES), 2):
        key = parts[:, one] << 8 | parts[:, other]
        order = np.lexsort((hashes, key))
        key, ordered = key[order], hashes[order]
        alive = np.arange(len(key))
        for step in range(
            1, min(len(key), _REACH + 1)
        ):  # each with the one so many places on, while keys agree
            alive = alive[: np.searchsorted(alive, len(key) - step)]
            alive = alive[key[alive] == key[alive + step]]
            if not len(alive):
                break
            close = alive[hash_distance(ordered[alive], ordered[alive + step]) <= _BITS]
            i, j = order[close], order[close + step]
            apart = group[i] != group[j]
            i, j = i[apart], j[apart]
            alike = np.einsum("nd,nd->n", patterns[i], patterns[j]) >= np.maximum(needed[i], needed[j])
            if alike.any():
                _link(group, i[alike].tolist(), j[alike].tolist())
    members: dict[int, list[int]] = defaultdict(list)
    for row in np.flatnonzero(np.bincount(group, minlength=len(group))[group] > 1).tolist():
        members[int(group[row])].append(row)
    return list(members.values())


def _link(group: IntArray, first: list[int], second: list[int]) -> None:
    """Make one group of those of each pair; a group is called by the lowest number in it."""
    parent: dict[int, int] = {}

    def top(i: int) -> int:
        while parent.get(i, i) != i:
            parent[i] = parent.get(parent[i], parent[i])
            i = parent[i]
        return i

    for i, j in zip(first, second, strict=True):
        a, b = sorted((top(int(group[i])), top(int(group[j]))))
        parent[b] = a
    renamed = np.arange(len(group))
    renamed[list(parent)] = [top(i) for i in parent]
    group[:] = renamed[group]


def _needed(seen: Seen, rows: NDArray[np.int64]) -> FloatArray:
    return np.where(seen.size[rows].min(1) < _SMALL, _ALIKE_SMALL, _ALIKE).astype(np.float32)
