"""A report in plain text, for terminals."""

from __future__ import annotations

import textwrap

from striate.data.check.report import Finding, Report
from striate.data.check.words import counted, plural
from striate.errors import printable

__all__ = ["WIDTH", "finding_lines", "text", "verdict"]

WIDTH = 100
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
        lines += finding_lines(finding, names)
    lines += [line for remark in report.remarks for line in textwrap.wrap(remark, WIDTH)]
    return "\n".join(map(printable, [*lines, f"{verdict(report)}: {counted(report)}."]))


def verdict(report: Report) -> str:
    """Return the one sentence that matters most, without its point."""
    if report.ok:
        return "Nothing found that would spoil training"
    return "This would spoil training or what it measures"


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


def finding_lines(finding: Finding, names: int | None) -> list[str]:
    """Return a finding, as many names of what it concerns, and an empty line; None means all names."""
    lines = [f"{_MARKS[finding.verdict]}  {finding.title}  [{finding.kind}]"]
    lines += textwrap.wrap(finding.text, WIDTH, initial_indent=" " * 9, subsequent_indent=" " * 9)
    shown = finding.records if names is None else finding.records[:names]
    lines += [f"           {record}" for record in shown]
    if len(shown) < len(finding.records):
        lines.append(f"           and {len(finding.records) - len(shown):,} more")
    return [*lines, ""]
