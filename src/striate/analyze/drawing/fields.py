"""What the middle unit of each volume sees: outlines on the input, or bars below a signal, and a list in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from striate.analyze.drawing.boxes import two_lines
from striate.analyze.drawing.page import COLORS, FAINT, Page, Point, Type, mixed
from striate.analyze.plot import Volume

__all__ = ["Plane", "draw_fields"]

PLANE = 196  # the longest side of the input, with what shows around it
AROUND = 0.14  # of the input's longest side: how much of the padding shows around it
LINE = 13.5  # of the list

_TITLE, _LISTED, _NOTE = Type(9, bold=True), Type(8), Type(8, FAINT)


@dataclass(frozen=True, slots=True)
class Plane:
    """The input at linear scale.

    Attributes:
        size: Its last two axes, or its one.
        around: How many positions of the padding show on each side of it; none where no field reaches there.
        corner: Its upper left corner on the page.
    """

    size: tuple[int, ...]
    around: float
    corner: Point

    @classmethod
    def of(cls, shown: Sequence[Volume], at: Point) -> Plane:
        """Return the plane for the fields of the volumes, the first of them being the input; it begins at ``at``."""
        size = shown[0].size[-2:]
        fields = [volume.field[-2:] for volume in shown[1:] if volume.field]
        longest = max(size, default=0)
        around = 0.0 if all(map(cls(size, 0, at).shows, fields)) else AROUND * longest
        margin = PLANE * around / (longest + 2 * around) if around else 0.0
        return cls(size, around, (at[0] + margin, at[1] + (margin if len(size) > 1 else 0)))

    @property
    def step(self) -> float:
        """Points for one position."""
        return PLANE / (max(self.size) + 2 * self.around)

    @property
    def right(self) -> float:
        """Where it ends, with what shows around it."""
        return self.corner[0] + self.step * (self.size[-1] + self.around)

    def shows(self, field: Sequence[range]) -> bool:
        """Tell whether a field does not reach farther than shows."""
        ends = zip(field, self.size, strict=True)
        return all(seen.start >= -self.around and seen.stop <= n + self.around for seen, n in ends)

    def ends(self, axis: int, field: range) -> tuple[float, float]:
        """Return from where to where a field reaches on the page, as far as it shows."""
        low = max(-self.around, field.start)
        high = min(self.size[axis] + self.around, field.stop)
        origin = self.corner[-1 - axis] if len(self.size) > 1 else self.corner[0]
        return origin + self.step * low, origin + self.step * high

    def corners(self, fields: Sequence[range]) -> list[Point]:
        """Return the corners of a field on the page."""
        (top, bottom), (left, right) = (self.ends(axis, field) for axis, field in enumerate(fields))
        return [(left, top), (right, top), (right, bottom), (left, bottom)]


def draw_fields(page: Page, shown: Sequence[Volume], plane: Plane, at: Point) -> float:
    """Draw the input and the fields of all other volumes on it, and list them; return the right end."""
    x, y = at
    page.text(at, "What the middle unit of each volume sees of the input", _TITLE)
    if not plane.size:
        page.text((x, y + 16), "The input is a vector: behind the first layer with weights,", _NOTE)
        page.text((x, y + 27), "every unit sees all of it.", _NOTE)
        return x + 260
    if len(plane.size) > 1:
        _draw_plane(page, shown, plane)
    return _draw_list(page, shown, plane, (plane.right + 22, y + 22))


def _draw_plane(page: Page, shown: Sequence[Volume], plane: Plane) -> None:
    page.area(plane.corners([range(n) for n in plane.size]), "#eef0f2", FAINT, gid="input")
    outlines: dict[tuple[Point, ...], list[Volume]] = {}
    for volume in shown[1:]:
        if volume.field:
            outlines.setdefault(tuple(plane.corners(volume.field[-2:])), []).append(volume)
    # The larger first, so that the smaller lie on top; fields that cannot be told apart share one line.
    for corners, sharing in sorted(outlines.items(), key=lambda item: _area(item[0]), reverse=True):
        for i, volume in enumerate(sharing):
            page.outline(corners, COLORS[volume.color], (i, len(sharing)), gid=f"field{volume.color}")


def _area(corners: Sequence[Point]) -> float:
    (left, top), (right, bottom) = corners[0], corners[2]
    return (right - left) * (bottom - top)


def _draw_list(page: Page, shown: Sequence[Volume], plane: Plane, at: Point) -> float:
    """List the fields in numbers, those of a signal as bars beside them; return the right end."""
    x, y = at
    flat = len(plane.size) == 1
    if flat:
        _draw_bar(page, plane, range(plane.size[0]), y, 0, "input")
        page.text((x + 18, y), f"input {plane.size[0]:,}", _NOTE)
        y += LINE
    named = [("".join(two_lines(volume.name)), volume) for volume in shown[1:] if volume.field]
    second = x + 18 + max((page.width(name, _LISTED) for name, _ in named), default=0.0) + 14
    right = second
    for name, volume in named:
        if flat:
            _draw_bar(page, plane, volume.field[0], y, volume.color, f"field{volume.color}")
        page.line([(x, y - 2.8), (x + 12, y - 2.8)], COLORS[volume.color], 3)
        page.text((x + 18, y), name, _LISTED)
        size = _size_text(volume.field, shown[0].size)
        page.text((second, y), size, _LISTED)
        right = max(right, second + page.width(size, _LISTED))
        y += LINE
    return right


def _size_text(field: Sequence[range], whole: Sequence[int]) -> str:
    all_of_it = all(seen.start <= 0 and seen.stop >= n for seen, n in zip(field, whole, strict=True))
    return "×".join(f"{len(seen):,}" for seen in field) + ("  all of it" if all_of_it else "")


def _draw_bar(page: Page, plane: Plane, field: range, y: float, color: int, gid: str) -> None:
    left, right = plane.ends(0, field)
    right = max(right, left + 1)
    corners = [(left, y - 7), (right, y - 7), (right, y + 1), (left, y + 1)]
    page.area(corners, mixed(COLORS[color], "white", 0.25), gid=gid)
