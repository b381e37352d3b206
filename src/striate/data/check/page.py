"""A report as a page of its own: the answer first, then findings with their images, figures, and a sheet per class."""

from __future__ import annotations

from collections.abc import Iterator

from striate.data.check.charts import bars, histogram
from striate.data.check.page_parts import answer, document, element, escaped, facts, findings
from striate.data.check.report import Report
from striate.data.check.text import verdict
from striate.data.check.thumbnails import contact_sheet

__all__ = ["body", "images", "page"]

_SHEETS = 40


def page(report: Report) -> str:
    """Return a whole HTML file; everything that it shows lies within."""
    return document(f"{report.source}: checked", body(report))


def body(report: Report) -> str:
    """Return the report as one element, for a page or a notebook."""
    parts = [
        answer(report, verdict(report)),
        _facts(report),
        "<h2>Findings</h2>",
        *findings(report, report.picture),
        *images(report),
        f"<footer>Made by <b>striate data check</b>. {escaped(' '.join(report.remarks))}</footer>",
    ]
    return element("Data check", report.source, parts)


def images(report: Report) -> Iterator[str]:
    """Yield what shows the data: bars for the classes, histograms of the values, a sheet of each class."""
    yield "<h2>Images of each class</h2>"
    yield f'<div class="panel">{_legend(report)}{bars(report.statistics.counts)}</div>'
    yield from _values(report)
    yield from _sheets(report)


def _facts(report: Report) -> str:
    figures = report.statistics
    splits = ", ".join(f"{split} {count:,}" for split, count in figures.splits.items())
    cells = [(f"{figures.images:,}", f"images: {splits}"), (f"{len(report.class_names):,}", "classes")]
    if figures.sizes:
        (width, height), count = figures.sizes[0]
        share = "all of one size" if count == figures.readable else f"most frequent size, {count:,} images"
        cells.append((f"{width}×{height}", share))
    kinds = figures.formats or figures.modes
    if kinds:
        cells.append((next(iter(kinds)), ", ".join(f"{name} {count:,}" for name, count in kinds.items())))
    return facts(cells)


def _legend(report: Report) -> str:
    splits = report.statistics.counts
    items = (f'<span><i class="s{k % 5}"></i>{escaped(split)}</span>' for k, split in enumerate(splits))
    return f'<div class="legend">{"".join(items)}</div>'


def _values(report: Report) -> Iterator[str]:
    channels = report.statistics.channels
    if not channels:
        return
    yield '<h2>Values of each channel</h2><div class="panel channels">'
    for channel in channels:
        yield (
            f'<div><h3>{channel.name}</h3><p class="quiet">mean {channel.mean:.1f}, std {channel.std:.1f}, '
            f"from {channel.low} to {channel.high}</p>{histogram(channel)}</div>"
        )
    yield "</div>"


def _sheets(report: Report) -> Iterator[str]:
    drawn = [
        (name, sheet)
        for name, rows in list(report.sheet.items())[:_SHEETS]
        if (sheet := contact_sheet(report.picture, rows))
    ]
    if not drawn:
        return
    yield '<h2>Some images of each class</h2><div class="panel sheets">'
    for name, sheet in drawn:
        means = report.statistics.class_means.get(name, ())
        red, green, blue = (round(mean) for mean in (means * 3 if len(means) == 1 else means or (0, 0, 0)))
        told = ", ".join(f"{mean:.0f}" for mean in means)
        yield (
            f'<figure><div class="head"><h3>{escaped(name)}</h3><span class="kind">'
            f'<i class="swatch" style="background: rgb({red}, {green}, {blue})"></i>mean {told}</span></div>'
            f'<img src="{sheet}" alt="Images of {escaped(name)}"></figure>'
        )
    yield "</div>"
    rest = len(report.sheet) - _SHEETS
    if rest > 0:
        yield f'<p class="quiet">and {rest:,} more classes</p>'
