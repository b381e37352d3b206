"""How an analysis is shown: one table for the terminal, the notebook and the docs."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from striate.analyze.analysis import Analysis, Row

__all__ = ["as_html", "as_rich", "as_text", "bytes_text", "macs_text", "shape_text", "work_text"]

_HEADS = ("layer", "kind", "output", "weights", "biases", "MACs", "neurons", "receptive field")


def shape_text(shape: tuple[int, ...]) -> str:
    """Write a shape as it is typed at the command line: ``3×224×224``."""
    return "×".join(map(str, shape))


def bytes_text(count: int) -> str:
    """Write a number of bytes with a binary unit: ``527.8 MiB``."""
    for unit, size in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count} B"


def macs_text(macs: int) -> str:
    """Write a number of multiply-accumulates with a unit: ``15.5 GMACs``, ``417 kMACs``."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if macs >= size:
            return f"{macs / size:.3g} {unit}MACs"
    return f"{macs} MACs"


def _count(number: int) -> str:
    return f"{number:,}" if number else "·"


def _cells(row: Row) -> tuple[str, ...]:
    sizes = [math.floor(f.size) for f in row.receptive_field]
    field = "·" if not sizes else str(sizes[0]) if len(set(sizes)) == 1 else shape_text(tuple(sizes))
    numbers = (row.weights, row.biases, row.macs, row.neurons)
    return (row.path, row.kind, shape_text(row.output_shape), *map(_count, numbers), field)


def _total_cells(analysis: Analysis) -> tuple[str, ...]:
    t = analysis.totals
    numbers = (t.weights, t.biases, t.macs, t.neurons)
    return ("total", f"{t.weighted_layers} weighted", shape_text(analysis.output), *map(_count, numbers), "")


def _summary(analysis: Analysis) -> list[str]:
    t = analysis.totals
    batch = f"batch of {analysis.batch_size}" if analysis.batch_size > 1 else "one image"
    lines = [
        f"{t.params:,} parameters ({bytes_text(4 * t.params)}), {macs_text(t.macs)} ({t.macs:,}) per image, "
        f"{t.depth} weighted layers deep",
        f"memory for {batch} in float32: {bytes_text(t.forward_bytes)} to predict, "
        f"{bytes_text(t.training_bytes)} to train",
    ]
    if t.dense_weights > t.weights:
        lines.append(
            f"the same layers fully connected: {t.dense_weights:,} weights; not shared: {t.local_weights:,}"
        )
    return lines


def as_rich(analysis: Analysis) -> Table:
    """Return the table as a rich renderable."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text(f"{analysis.name}   input {shape_text(analysis.input)}", "bold"),  # a name is no markup
        caption="\n".join(_summary(analysis)),
        title_justify="left",
        caption_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
        show_footer=True,
        pad_edge=False,
    )
    for head, total in zip(_HEADS, _total_cells(analysis), strict=True):
        left = head in ("layer", "kind")
        # A path is never cut: it is what the user types next.
        table.add_column(head, footer=total, justify="left" if left else "right", no_wrap=True)
    for row in analysis.layers:
        table.add_row(*_cells(row))
    return table


def as_text(analysis: Analysis) -> str:
    """Return the table as plain text, as wide as it needs."""
    # Written out by hand: rich takes half a second for the thousand layers that this takes 5 ms for.
    rows = [_cells(row) for row in analysis.layers]
    totals = _total_cells(analysis)
    widths = [max(map(len, column)) for column in zip(_HEADS, *rows, totals, strict=True)]

    def line(cells: tuple[str, ...]) -> str:
        kind = (cells[0].ljust(widths[0]), cells[1].ljust(widths[1]))
        numbers = (cell.rjust(width) for cell, width in zip(cells[2:], widths[2:], strict=True))
        return f" {'   '.join((*kind, *numbers))}".rstrip()

    head = f"{analysis.name}   input {shape_text(analysis.input)}"
    rule = " " + "─" * (sum(widths) + 3 * (len(widths) - 1))
    lines = [head, "", line(_HEADS), rule, *map(line, rows), "", line(totals), "", *_summary(analysis)]
    return "\n".join(lines)


def as_html(analysis: Analysis) -> str:
    """Return the table as HTML, for a notebook."""

    def line(tag: str, cells: tuple[str, ...]) -> str:
        styles = ["left", "left"] + ["right"] * (len(cells) - 2)
        return "".join(
            f'<{tag} style="text-align:{a}">{escape(c)}</{tag}>' for a, c in zip(styles, cells, strict=True)
        )

    head = line("th", _HEADS)
    body = "".join(f"<tr>{line('td', _cells(row))}</tr>" for row in analysis.layers)
    foot = line("th", _total_cells(analysis))
    notes = "<br>".join(map(escape, _summary(analysis)))
    return (
        f"<table><caption>{escape(analysis.name)}, input {shape_text(analysis.input)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody><tfoot><tr>{foot}</tr></tfoot></table><p>{notes}</p>"
    )


def work_text(row: Row) -> list[tuple[str, str]]:
    """Return ``(figure, formula)`` lines of a row's worked arithmetic."""
    lines: list[tuple[str, str]] = [
        ("input shape", shape_text(row.input_shape)),
        ("output shape", shape_text(row.output_shape)),
    ]
    names: dict[str, Any] = {"output_shape": "each axis", "macs": "MACs"}
    for figure, formulas in row.work.items():
        lines += [(names.get(figure, figure.replace("_", " ")), formula) for formula in formulas]
    return lines
