"""A report in plain text, for terminals."""

from __future__ import annotations

import textwrap

from striate.data.check.report import VERDICTS, Finding, Report
from striate.data.check.words import plural

__all__ = ["text"]

_WIDTH = 100
_MARKS = {"error": "ERROR  ", "warning": "warning", "note": "note   "}


def text(report: Report, names: int | None = 5) -> str:
    """Return the verdicts, the figures, and for each finding as many names; None means all."""
    figures = report.statistics
    held = ", ".join(f"{split} {count:,}" for split, count in figures.splits.items())
    lines = [
        f"{report.source}: {plural(figures.images, 'image')} ({held}), "
        f"{plural(len(report.class_names), 'class', 'classes')}",
        *_channels(report),
        "",
    ]
    for finding in report.findings:
        lines += _finding(finding, names)
    lines += [line for remark in report.remarks for line in textwrap.wrap(remark, _WIDTH)]
    counted = ", ".join(plural(report.counts[verdict], verdict) for verdict in VERDICTS)
    end = (
        "Nothing found that would spoil training"
        if report.ok
        else "This would spoil training or what it measures"
    )
    return "\n".join(map(_printable, [*lines, f"{end}: {counted}."]))


def _channels(report: Report) -> list[str]:
    figures = report.statistics
    lines = [
        f"  {c.name:<5}  mean {c.mean:6.1f}  std {c.std:5.1f}  from {c.low} to {c.high}"
        for c in figures.channels
    ]
    if figures.sizes:
        (width, height), count = figures.sizes[0]
        share = "all" if count == figures.readable else f"{count:,} of {figures.readable:,}"
        formats = ", ".join(f"{name} {n:,}" for name, n in figures.formats.items())
        lines.append(f"  size   {width}×{height} ({share}){'; ' + formats if formats else ''}")
    return lines


def _finding(finding: Finding, names: int | None) -> list[str]:
    lines = [f"{_MARKS[finding.verdict]}  {finding.title}  [{finding.kind}]"]
    lines += textwrap.wrap(finding.text, _WIDTH, initial_indent=" " * 9, subsequent_indent=" " * 9)
    shown = finding.records if names is None else finding.records[:names]
    lines += [f"           {record}" for record in shown]
    if len(shown) < len(finding.records):
        lines.append(f"           and {len(finding.records) - len(shown):,} more")
    return [*lines, ""]


def _printable(name: str) -> str:
    """Return a name without characters that would move the cursor or color the screen."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in name)
