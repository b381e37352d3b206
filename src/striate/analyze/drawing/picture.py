"""The picture: a title, the boxes, the receptive fields and the legend on one page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from striate.analyze.drawing.boxes import WIDEST, Scale, draw_boxes
from striate.analyze.drawing.fields import Plane, draw_fields
from striate.analyze.drawing.legend import LEGEND, draw_legend
from striate.analyze.drawing.page import FAINT, MARGIN, Page, Type, plain_style
from striate.analyze.plot import Volume, volumes
from striate.analyze.table import macs_text, shape_text

if TYPE_CHECKING:
    from striate.analyze.analysis import Analysis

__all__ = ["draw"]


def draw(analysis: Analysis, form: str) -> bytes:
    """Return the picture of a network as the bytes of a file; ``form`` is ``".svg"`` or ``".png"``."""
    with plain_style():
        page = Page()
        _draw_title(page, analysis)
        _draw_below(page, volumes(analysis))
        return page.as_svg(analysis.name) if form == ".svg" else page.as_png()


def _draw_title(page: Page, analysis: Analysis) -> None:
    t = analysis.totals
    page.text((MARGIN, 36), analysis.name, Type(16, bold=True), gid="title")
    summary = f"{t.params:,} parameters, {macs_text(t.macs)}, {t.depth} weighted layers deep"
    page.text((MARGIN, 51), f"input {shape_text(analysis.input)}   {summary}", Type(8.5, FAINT))


def _draw_below(page: Page, shown: Sequence[Volume]) -> None:
    scale = Scale.of(shown)
    y = draw_boxes(page, shown, scale, 66.0)
    plane = Plane.of(shown, (MARGIN, y + 34))
    right = draw_fields(page, shown, plane, (MARGIN, y + 20))
    legend = max(right + 26, MARGIN + WIDEST - LEGEND)
    draw_legend(page, scale, shown, plane, (legend, y + 20))
    page.line([(MARGIN, y), (legend + LEGEND, y)], width=0.6)
