"""A `Propagation` as a table, for terminals and notebooks. Of several initializations each has two columns."""

from __future__ import annotations

import math
import textwrap
from html import escape

from striate.data.check.text import WIDTH
from striate.train.check.propagation import LIMIT, Passage, Point, Propagation, Trace

__all__ = ["html", "text"]

_LINES = 40
RULE = (
    f"A signal vanishes if in all it falls below 1/{LIMIT:,.0f} of what it was, and explodes beyond {LIMIT:,.0f} "
    "times: activations by their variance, from the first layer with weights to the last; gradients by their squared "
    "length, back to the first."
)
_BEHIND = {"weights": "", "norm": "  behind the norm ", "sum": "  behind the sum "}

Row = tuple[str, ...]


def text(propagation: Propagation, *, everything: bool = False) -> str:
    """Return the table in plain text, without the middle of a long one unless ``everything`` is wanted."""
    body = _body(propagation)
    left_out = 0 if everything else max(0, len(body) - _LINES)
    rows = [*_heads(propagation), *body, *_feet(propagation)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(_aligned(row, widths)).rstrip() for row in rows]
    if left_out:
        first = 2 + _LINES // 2
        lines[first : first + left_out] = [f"… {left_out:,} more lines"]
    lines.insert(-3, "")
    return "\n".join([_title(propagation), "", *lines, "", *textwrap.wrap(RULE, WIDTH)])


def html(propagation: Propagation) -> str:
    """Return the table as HTML, for a notebook."""

    def line(tag: str, row: Row) -> str:
        sides = ["left"] + ["right"] * (len(row) - 1)
        cells = zip(sides, row, strict=True)
        inner = "".join(f'<{tag} style="text-align:{side}">{escape(cell)}</{tag}>' for side, cell in cells)
        return f"<tr>{inner}</tr>"

    head = "".join(line("th", row) for row in _heads(propagation))
    body = "".join(line("td", row) for row in _body(propagation))
    foot = "".join(line("th", row) for row in _feet(propagation))
    return (
        f"<table><caption>{escape(_title(propagation))}</caption><thead>{head}</thead><tbody>{body}</tbody>"
        f"<tfoot>{foot}</tfoot></table><p>{escape(RULE)}</p>"
    )


def _title(propagation: Propagation) -> str:
    return (
        f"{propagation.network} on {propagation.data}, {propagation.images:,} at once, before the first step"
    )


def _heads(propagation: Propagation) -> list[Row]:
    traces = propagation.traces
    names = [cell for trace in traces for cell in (trace.init, "")]
    return [("", *names), ("layer", *(["activation", "gradient"] * len(traces)))]


def _body(propagation: Propagation) -> list[Row]:
    return [
        (_named(points[0]), *(cell for point in points for cell in _values(point)))
        for points in zip(*(trace.points for trace in propagation.traces), strict=True)
    ]


def _feet(propagation: Propagation) -> list[Row]:
    passages = [each for trace in propagation.traces for each in _passages(trace)]
    return [
        ("each layer", *(f"×{_figure(passage.per_layer)}" for passage in passages)),
        ("in all", *(f"×{_figure(passage.total)}" for passage in passages)),
        ("", *(passage.outcome for passage in passages)),
    ]


def _passages(trace: Trace) -> tuple[Passage, Passage]:
    return trace.activations, trace.gradients


def _named(point: Point) -> str:
    return f"{_BEHIND[point.place]}{point.path}"


def _values(point: Point) -> tuple[str, str]:
    power = point.gradient_power
    return _figure(point.activation), "·" if power is None else _figure(power)


def _figure(value: float) -> str:
    return f"{value:.2g}" if math.isfinite(value) else "∞"


def _aligned(row: Row, widths: list[int]) -> list[str]:
    return [
        row[0].ljust(widths[0]),
        *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
    ]
