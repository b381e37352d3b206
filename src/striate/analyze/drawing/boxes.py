"""The boxes: each volume to scale, in rows, with its name, shape and contents below it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from striate.analyze.drawing.page import COLORS, FAINT, MARGIN, Page, Point, Type, mixed
from striate.analyze.plot import Volume
from striate.analyze.table import shape_text

__all__ = ["WIDEST", "Scale", "draw_boxes", "sides", "two_lines"]

SIDE = 104  # the longest side of a map
THICK = 46  # the most channels
SLANT = 0.5 * math.sqrt(0.5)  # cabinet projection: what recedes is drawn at half its length, at 45°
WIDEST = 640  # a row of volumes
GAP = 15  # the least between two columns
STRETCH = 14, 45  # what a gap may get beyond that in a single row, and in one of several
ONWARD = 17  # of the arrow that leads to the next row
LINE = 19  # characters of contents
LEADING = 1.3

_NAME, _SHAPE, _CONTENTS = Type(8.5, bold=True), Type(8.5), Type(7.5, FAINT)


@dataclass(frozen=True, slots=True)
class Scale:
    """Points for the square root of one position, and of one channel."""

    position: float
    channel: float

    @classmethod
    def of(cls, shown: Sequence[Volume]) -> Scale:
        """Return the scale at which the largest volume fits."""
        # Small maps are not blown up to the size of large ones: 28 positions are the least for a full side.
        longest = max(28, *(n for volume in shown for n in sides(volume)))
        most = max(16, *(volume.channels for volume in shown))
        return cls(SIDE / math.sqrt(longest), THICK / math.sqrt(most))


def sides(volume: Volume) -> tuple[int, int]:
    """Return height and width of the maps: of a signal the length is the height, of a volume the depth is left out."""
    size = volume.size
    return (size[-2], size[-1]) if len(size) > 1 else (size[0] if size else 1, 1)


def draw_boxes(page: Page, shown: Sequence[Volume], scale: Scale, top: float) -> float:
    """Draw all volumes in rows; return where the last ends."""
    columns = [_Column.of(page, volume, scale) for volume in shown]
    rows = _rows(columns)
    for row in rows:
        free = WIDEST - ONWARD - sum(column.width for column in row)
        gap = min(GAP + STRETCH[len(rows) > 1], max(GAP, free / max(1, len(row) - 1)))
        top = _draw_row(page, row, gap, top, first=row is rows[0], last=row is rows[-1])
    return top


@dataclass(frozen=True, slots=True)
class _Column:
    """A box and what stands below it: ``thick`` and ``high`` are its front, ``back`` is what recedes."""

    volume: Volume
    thick: float
    high: float
    back: float
    lines: tuple[tuple[str, Type], ...]
    width: float

    @classmethod
    def of(cls, page: Page, volume: Volume, scale: Scale) -> _Column:
        height, width = sides(volume)
        thick = scale.channel * math.sqrt(volume.channels)
        back = SLANT * scale.position * math.sqrt(width)
        names = [(text, _NAME) for text in two_lines(volume.name)]
        contents = [(text, _CONTENTS) for text in _wrapped(volume.contents)]
        lines = (*names, (shape_text(volume.shape), _SHAPE), *contents)
        widths = [page.width(*line) for line in lines]
        high = scale.position * math.sqrt(height)
        return cls(volume, thick, high, back, lines, max(thick + back, *widths))


def two_lines(name: str) -> list[str]:
    """Return a long name on two lines, cut where a part of it ends; of a very long one both ends."""
    if len(name) > 32:
        name = f"{name[:15]}…{name[-16:]}"
    if len(name) <= 16:
        return [name]
    cuts = [i + 1 for i, sign in enumerate(name[:-1]) if sign in "–._…"] or [len(name) // 2]
    cut = min(cuts, key=lambda i: abs(i - len(name) / 2))
    return [name[:cut], name[cut:]]


def _wrapped(phrases: Sequence[str]) -> Iterator[str]:
    """Yield the phrases, short ones together on a line; a long one is broken between words."""
    line = ""
    for phrase in phrases:
        joined = f"{line}, {phrase}" if line else phrase
        if len(joined) <= LINE:
            line = joined
            continue
        if line:
            yield f"{line},"
        *broken, line = _broken(phrase)
        yield from broken
    if line:
        yield line


def _broken(phrase: str) -> Iterator[str]:
    line = ""
    for word in phrase.split(" "):
        if line and len(line) + 1 + len(word) > LINE:
            yield line
            line = word
        else:
            line = f"{line} {word}" if line else word
    yield line


def _rows(columns: Sequence[_Column]) -> list[list[_Column]]:
    """Return the columns in as few rows as hold them, about equally long."""
    total = sum(column.width + GAP for column in columns)
    for count in itertools.count(max(1, math.ceil(total / WIDEST))):
        rows: list[list[_Column]] = [[]]
        for column in columns:
            filled = sum(c.width + GAP for c in rows[-1]) + column.width
            if rows[-1] and (filled > WIDEST or (len(rows) < count and filled > 1.04 * total / count)):
                rows.append([])
            rows[-1].append(column)
        if len(rows) <= count:
            return rows
    raise AssertionError("a row takes at least one column")


def _draw_row(
    page: Page, row: Sequence[_Column], gap: float, top: float, *, first: bool, last: bool
) -> float:
    """Draw boxes with arrows between them and labels below; return where the row ends."""
    reach = max((column.high + column.back) / 2 for column in row)
    middle, below = top + reach, top + 2 * reach + 15
    x, bottom = float(MARGIN), below
    before = MARGIN - 14.0  # where the arrow to the next box begins
    for column in row:
        left = x + (column.width - column.thick - column.back) / 2
        _draw_box(page, column, left, middle)
        if column is not row[0] or not first:
            _draw_arrow(page, before, left - 3, middle)
        before = left + column.thick + column.back + 3
        bottom = max(bottom, _draw_label(page, column, x + column.width / 2, below))
        x += column.width + gap
    if not last:
        _draw_arrow(page, before, before + 14, middle)
    return bottom + 12


def _draw_box(page: Page, column: _Column, x: float, middle: float) -> None:
    t, h, b = column.thick, column.high, column.back
    y = middle + (h + b) / 2 - h  # of the front's upper edge
    color, gid = COLORS[column.volume.color], f"volume{column.volume.color}"
    faces: dict[str, tuple[float, list[Point]]] = {  # the share of white in the color, and the corners
        "top": (0.62, [(x, y), (x + b, y - b), (x + b + t, y - b), (x + t, y)]),
        "front": (0.42, [(x, y), (x + t, y), (x + t, y + h), (x, y + h)]),
        "side": (0.08, [(x + t, y), (x + t + b, y - b), (x + t + b, y - b + h), (x + t, y + h)]),
    }
    for face, (white, corners) in faces.items():
        page.area(corners, mixed(color, "white", white), mixed(color, "black", 0.45), gid=f"{gid}-{face}")


def _draw_arrow(page: Page, start: float, end: float, y: float) -> None:
    page.line([(start, y), (end - 4, y)], FAINT, 0.9)
    page.area([(end, y), (end - 5, y - 2.4), (end - 5, y + 2.4)], FAINT)


def _draw_label(page: Page, column: _Column, center: float, y: float) -> float:
    """Write what stands below a box; return the last baseline."""
    y -= LEADING * _NAME.size  # of the first line, y is the baseline
    for i, (text, type) in enumerate(column.lines):
        y += LEADING * type.size
        page.text((center, y), text, type, centered=True, gid=f"label{column.volume.color}-{i}")
    return y
