"""`Page`: a white sheet that takes lines, areas and text. It knows nothing of networks."""

from __future__ import annotations

import contextlib
import io
import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon
from matplotlib.transforms import Affine2D

__all__ = ["COLORS", "FAINT", "INK", "MARGIN", "Page", "Point", "Type", "mixed", "plain_style"]

COLORS = """
    #7f8790 #3b76c4 #ef8a1d #2f9e4f #d43f4a #8a5cc2 #8d5a3b #e46fb8 #12a5b8 #a89a12 #1d3770 #79b83b #9c1453 #00695c
""".split()
"""One for each volume, the input's first: neighbors differ in hue, all in lightness or hue on white."""
INK, FAINT, RULE = "#1c1f23", "#5b626b", "#b9bec5"

MARGIN = 22
DASH = 6.0

Point = tuple[float, float]
Color = str | tuple[float, float, float]

_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "striate",
    "font.family": "sans-serif",
    # Text is measured in DejaVu Sans, which matplotlib brings along; none of the others is wider.
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Helvetica", "Arial"],
}


@contextlib.contextmanager
def plain_style() -> Iterator[None]:
    """Draw on white and in plain text, whatever style the caller has set in matplotlib; set it back at the end."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a name may have characters that the font lacks
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


@dataclass(frozen=True, slots=True)
class Type:
    """How text looks."""

    size: float
    color: str = INK
    bold: bool = False


class Page:
    """A sheet on which y grows downwards; it ends a margin beyond what was put on it."""

    def __init__(self) -> None:
        self._figure = Figure(dpi=72)
        self._down = Affine2D().scale(1, -1)
        self._place = self._down + Affine2D().scale(1 / 72) + self._figure.dpi_scale_trans
        self._renderer = FigureCanvasAgg(self._figure).get_renderer()  # type: ignore[no-untyped-call]
        self._right = self._bottom = 0.0

    def width(self, text: str, type: Type) -> float:
        """Return how wide a line of text is."""
        font = FontProperties(size=type.size, weight="bold" if type.bold else "normal")
        return float(self._renderer.get_text_width_height_descent(text, font, False)[0])

    def text(
        self, at: Point, text: str, type: Type, *, centered: bool = False, gid: str | None = None
    ) -> None:
        """Write a line from ``at``, or with its middle there; the baseline is at its y."""
        self._figure.text(
            *at,
            text,
            size=type.size,
            color=type.color,
            weight="bold" if type.bold else "normal",
            ha="center" if centered else "left",
            va="baseline",
            parse_math=False,
            transform=self._place,
            gid=gid,
        )
        self._reach(at[0] + self.width(text, type) * (0.5 if centered else 1), at[1] + 0.3 * type.size)

    def area(
        self, points: Sequence[Point], fill: Color, edge: Color = "none", *, gid: str | None = None
    ) -> None:
        """Fill a polygon, with a thin edge if that has a color."""
        self._polygon(points, gid, facecolor=fill, edgecolor=edge, linewidth=0.6, joinstyle="round")

    def outline(self, points: Sequence[Point], color: Color, turn: tuple[int, int], *, gid: str) -> None:
        """Draw a thick line around a polygon; of ``n`` that share it, the ``i``-th, by ``turn=(i, n)``.

        They come one after another, dash by dash.
        """
        i, n = turn
        style: Any = "-" if n == 1 else (DASH * (n - i), (DASH, DASH * (n - 1)))
        looks = {"edgecolor": color, "linewidth": 1.5, "linestyle": style}
        self._polygon(points, gid, facecolor="none", joinstyle="miter", capstyle="butt", **looks)

    def line(self, points: Sequence[Point], color: Color = RULE, width: float = 0.8) -> None:
        """Draw a line from point to point."""
        xs, ys = zip(*points, strict=True)
        self._figure.add_artist(Line2D(xs, ys, color=color, linewidth=width, transform=self._place))
        self._reach_all(points)

    def as_svg(self, title: str) -> bytes:
        """Return the page as an SVG file, text as text."""
        self._cut()
        about = {"Title": title, "Date": None, "Creator": None, "Format": None, "Type": None}
        written = io.BytesIO()
        FigureCanvasSVG(self._figure).print_svg(written, metadata=about)  # type: ignore[no-untyped-call]
        return written.getvalue()

    def as_png(self) -> bytes:
        """Return the page as a PNG file, two pixels to the point."""
        self._cut()
        self._figure.set_dpi(144)
        written = io.BytesIO()
        FigureCanvasAgg(self._figure).print_png(written, metadata={"Software": None})  # type: ignore[no-untyped-call]
        return written.getvalue()

    def _polygon(self, points: Sequence[Point], gid: str | None, **style: Any) -> None:
        self._figure.add_artist(Polygon(points, closed=True, transform=self._place, gid=gid, **style))
        self._reach_all(points)

    def _reach_all(self, points: Sequence[Point]) -> None:
        for x, y in points:
            self._reach(x, y)

    def _reach(self, x: float, y: float) -> None:
        self._right, self._bottom = max(self._right, x), max(self._bottom, y)

    def _cut(self) -> None:
        width, height = math.ceil(self._right + MARGIN), math.ceil(self._bottom + MARGIN)
        self._figure.set_size_inches(width / 72, height / 72)
        self._down.translate(0, height)


def mixed(color: str, other: str, share: float) -> Color:
    """Return a color with a share of another."""
    r, g, b = ((1 - share) * a + share * b for a, b in zip(to_rgb(color), to_rgb(other), strict=True))
    return r, g, b
