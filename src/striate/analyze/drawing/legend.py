"""The legend: rulers for the scale of the boxes, and notes on what the picture at hand shows."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from itertools import combinations

from striate.analyze.drawing.boxes import Scale, sides
from striate.analyze.drawing.fields import Plane
from striate.analyze.drawing.page import FAINT, INK, Page, Point, Type
from striate.analyze.plot import Volume

__all__ = ["LEGEND", "draw_legend"]

LEGEND = 190  # how wide it is
LINE = 46  # characters of a note

_TITLE, _NOTE, _MARK = Type(9, bold=True), Type(7.5, FAINT), Type(7, FAINT)


def draw_legend(page: Page, scale: Scale, shown: Sequence[Volume], plane: Plane, at: Point) -> None:
    """Draw the rulers and write the notes that apply."""
    x, y = at
    page.text(at, "Scale", _TITLE)
    longest = max(n for volume in shown for n in sides(volume))
    most = max(volume.channels for volume in shown)
    _draw_ruler(page, (x, y + 17), scale.position, longest, "positions: sides of the maps")
    _draw_ruler(page, (x, y + 51), scale.channel, most, "channels: thickness")
    y += 92
    for note in _notes(shown, plane):
        for line in textwrap.wrap(note, LINE):
            page.text((x, y), line, _NOTE)
            y += 10.5
        y += 3


def _draw_ruler(page: Page, at: Point, unit: float, most: int, what: str) -> None:
    """Draw lengths from 0 to ``most`` as the boxes have them, below what they are lengths of."""
    page.text(at, what, _NOTE)
    x, y = at[0], at[1] + 9
    page.line([(x, y), (x + unit * math.sqrt(most), y)], INK, 1)
    for mark in _marks(page, unit, most):
        end = x + unit * math.sqrt(mark)
        page.line([(end, y - 3), (end, y + 3)], INK)
        page.text((end, y + 11), str(mark), _MARK, centered=True)


def _marks(page: Page, unit: float, most: int) -> list[int]:
    """Return ``most``, a quarter of it and so on, as far as there is room to write them, and 0."""
    marks = [most]
    while (mark := marks[-1] // 4) > 0:
        gap = unit * (math.sqrt(marks[-1]) - math.sqrt(mark))
        taken = (page.width(str(mark), _MARK) + page.width(str(marks[-1]), _MARK)) / 2
        if gap < max(12, taken + 3):
            break
        marks.append(mark)
    return [*marks, 0]


def _notes(shown: Sequence[Volume], plane: Plane) -> Iterator[str]:
    yield "Lengths of boxes go with the square root: four times as many are drawn twice as long."
    axes = max(len(volume.size) for volume in shown)
    if axes > 1:
        yield "Widths recede, at half their length."
    if axes > 2:
        yield "Of the three axes of a map the first is left out."
    fields = [volume.field[-2:] for volume in shown[1:] if volume.field]
    if fields:
        yield "The input on the left: linear" + (
            "; what lies outside it is padding." if plane.around else "."
        )
    if not all(map(plane.shows, fields)):
        yield "Longer fields are cut off at the edge."
    if len(plane.size) > 1 and any(a == b for a, b in combinations(fields, 2)):
        yield "A line of several colors: several volumes."
    if any(" /" in phrase for volume in shown for phrase in volume.contents):
        yield "/2: stride 2."
