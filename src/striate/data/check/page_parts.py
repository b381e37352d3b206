"""What the pages of all reports have in common: the frame, the answer, the facts, the findings with their images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape

from PIL import Image

from striate.data.check.page_style import STYLE
from striate.data.check.report import Finding, Judged
from striate.data.check.thumbnails import thumbnail
from striate.data.check.words import counted
from striate.errors import printable

__all__ = ["answer", "document", "element", "escaped", "facts", "findings"]

_SHOTS, _OF_A_GROUP = 12, 4
_SHOTS_IN_ALL = 240
_NAMES = 200

Picture = Callable[[int], Image.Image]


def document(title: str, body: str) -> str:
    """Return a whole HTML file around an element; everything that it shows lies within."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        "style-src 'unsafe-inline'\">"
        f"<title>{escaped(title)}</title>"
        "<style>body { margin: 0; } .striate-check { min-height: 100vh; }</style></head>"
        f"<body>{body}</body></html>\n"
    )


def element(over: str, title: str, parts: Iterable[str]) -> str:
    """Return a report as one element, for a page or a notebook: a line above the title, the title, its parts."""
    head = f'<p class="over">{escaped(over)}</p><h1>{escaped(title)}</h1>'
    return f'<style>{STYLE}</style><div class="striate-check">{head}{"".join(parts)}</div>'


def answer(report: Judged, words: str) -> str:
    """Return the one sentence that matters most, with the number of findings."""
    tone = "bad" if report.counts["error"] else "fair" if report.counts["warning"] else "good"
    return f'<div class="answer {tone}">{words}.<span>{counted(report)}</span></div>'


def facts(cells: Sequence[tuple[str, str]]) -> str:
    """Return figures, each with its words, side by side."""
    told = (f"<div><b>{escaped(figure)}</b><span>{escaped(words)}</span></div>" for figure, words in cells)
    return f'<div class="facts">{"".join(told)}</div>'


def findings(report: Judged, picture: Picture) -> Iterator[str]:
    """Yield every finding with the first of its images and names."""
    if not report.findings:
        yield '<p class="quiet">None: nothing odd was found.</p>'
    left = _SHOTS_IN_ALL
    for finding in report.findings:
        shots = _shots(picture, finding, left)
        left -= shots.count("<img")
        yield (
            f'<section class="finding {finding.verdict}"><div class="head"><span class="mark">{finding.verdict}</span>'
            f'<h3>{escaped(finding.title)}</h3><span class="kind">{escaped(finding.kind)}</span></div>'
            f'<p class="why">{escaped(finding.text)}</p>{shots}{_names(finding, shown=bool(shots))}</section>'
        )


def _shots(picture: Picture, finding: Finding, left: int) -> str:
    figures = []
    for record, rows in zip(finding.records[:_SHOTS], finding.rows, strict=False):
        if left <= 0:
            break
        uris = [uri for row in rows[:_OF_A_GROUP] if (uri := thumbnail(picture, row))]
        left -= len(uris)
        images = "".join(f'<img src="{uri}" alt="">' for uri in uris)
        if images:
            caption = f"<figcaption>{escaped(record)}</figcaption>"
            figures.append(f'<figure><div class="set">{images}</div>{caption}</figure>')
    return f'<div class="shots">{"".join(figures)}</div>' if figures else ""


def _names(finding: Finding, shown: bool) -> str:
    """List the names: behind a summary if images have shown the first of them."""
    if not finding.records or (shown and len(finding.records) <= _SHOTS):
        return ""
    items = "".join(f"<li>{escaped(record)}</li>" for record in finding.records[:_NAMES])
    rest = len(finding.records) - _NAMES
    more = f'<p class="quiet">and {rest:,} more</p>' if rest > 0 else ""
    names = f'<ul class="names">{items}</ul>{more}'
    if not shown and len(finding.records) <= _SHOTS:
        return names
    return f"<details><summary>{len(finding.records):,} by name</summary>{names}</details>"


def escaped(words: str) -> str:
    """Escape a text; what no font shows, and half of a surrogate pair, which no file takes, is spelled out."""
    return escape(printable(words))
