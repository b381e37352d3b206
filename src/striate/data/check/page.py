"""A report as a page of its own: the answer first, then findings with their images, figures, and a sheet per class."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from striate.data.check.charts import bars, histogram
from striate.data.check.page_style import STYLE
from striate.data.check.report import VERDICTS, Finding, Report
from striate.data.check.thumbnails import contact_sheet, thumbnail
from striate.data.check.words import plural

__all__ = ["body", "page"]

_SHOTS, _OF_A_GROUP = 12, 4
_SHOTS_IN_ALL = 240
_NAMES = 200
_SHEETS = 40


def page(report: Report) -> str:
    """Return a whole HTML file; everything that it shows lies within."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        "style-src 'unsafe-inline'\">"
        f"<title>{_text(report.source)}: checked</title>"
        "<style>body { margin: 0; } .striate-check { min-height: 100vh; }</style></head>"
        f"<body>{body(report)}</body></html>\n"
    )


def body(report: Report) -> str:
    """Return the report as one element, for a page or a notebook."""
    parts = [
        f'<style>{STYLE}</style><div class="striate-check">',
        '<p class="over">Data check</p>',
        f"<h1>{_text(report.source)}</h1>",
        _answer(report),
        _facts(report),
        "<h2>Findings</h2>",
        *_findings(report),
        "<h2>Images of each class</h2>",
        f'<div class="panel">{_legend(report)}{bars(report.statistics.counts)}</div>',
        *_values(report),
        *_sheets(report),
        f"<footer>Made by <b>striate data check</b>. {_text(' '.join(report.remarks))}</footer></div>",
    ]
    return "".join(parts)


def _answer(report: Report) -> str:
    counted = ", ".join(plural(report.counts[verdict], verdict) for verdict in VERDICTS)
    words = (
        "Nothing found that would spoil training."
        if report.ok
        else "This would spoil training or what it measures."
    )
    return f'<div class="answer {"good" if report.ok else "bad"}">{words}<span>{counted}</span></div>'


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
    told = (f"<div><b>{_text(figure)}</b><span>{_text(words)}</span></div>" for figure, words in cells)
    return f'<div class="facts">{"".join(told)}</div>'


def _findings(report: Report) -> Iterator[str]:
    if not report.findings:
        yield '<p class="quiet">None: nothing odd was found.</p>'
    left = _SHOTS_IN_ALL
    for finding in report.findings:
        shots = _shots(report, finding, left)
        left -= shots.count("<img")
        yield (
            f'<section class="finding {finding.verdict}"><div class="head"><span class="mark">{finding.verdict}</span>'
            f'<h3>{_text(finding.title)}</h3><span class="kind">{_text(finding.kind)}</span></div>'
            f'<p class="why">{_text(finding.text)}</p>{shots}{_names(finding, shown=bool(shots))}</section>'
        )


def _shots(report: Report, finding: Finding, left: int) -> str:
    figures = []
    for record, rows in zip(finding.records[:_SHOTS], finding.rows, strict=False):
        if left <= 0:
            break
        uris = [uri for row in rows[:_OF_A_GROUP] if (uri := thumbnail(report.picture, row))]
        left -= len(uris)
        images = "".join(f'<img src="{uri}" alt="">' for uri in uris)
        if images:
            caption = f"<figcaption>{_text(record)}</figcaption>"
            figures.append(f'<figure><div class="set">{images}</div>{caption}</figure>')
    return f'<div class="shots">{"".join(figures)}</div>' if figures else ""


def _names(finding: Finding, shown: bool) -> str:
    """List the names: behind a summary if images have shown the first of them."""
    if not finding.records or (shown and len(finding.records) <= _SHOTS):
        return ""
    items = "".join(f"<li>{_text(record)}</li>" for record in finding.records[:_NAMES])
    rest = len(finding.records) - _NAMES
    more = f'<p class="quiet">and {rest:,} more</p>' if rest > 0 else ""
    names = f'<ul class="names">{items}</ul>{more}'
    if not shown and len(finding.records) <= _SHOTS:
        return names
    return f"<details><summary>{len(finding.records):,} by name</summary>{names}</details>"


def _legend(report: Report) -> str:
    splits = report.statistics.counts
    items = (f'<span><i class="s{k % 5}"></i>{_text(split)}</span>' for k, split in enumerate(splits))
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
            f'<figure><div class="head"><h3>{_text(name)}</h3><span class="kind">'
            f'<i class="swatch" style="background: rgb({red}, {green}, {blue})"></i>mean {told}</span></div>'
            f'<img src="{sheet}" alt="Images of {_text(name)}"></figure>'
        )
    yield "</div>"
    rest = len(report.sheet) - _SHEETS
    if rest > 0:
        yield f'<p class="quiet">and {rest:,} more classes</p>'


def _text(words: str) -> str:
    """Escape a text; what no font shows, and half of a surrogate pair, which no file takes, is spelled out."""
    return escape("".join(c if c.isprintable() else repr(c)[1:-1] for c in words))
