"""A `RunDiff` for a terminal and for a notebook. Compares nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from striate.errors import printable
from striate.train.differences.report import (
    PARTS,
    Answer,
    AnswerDifferences,
    CommonStep,
    Difference,
    RunDiff,
    Span,
    StepDifferences,
)

__all__ = ["html", "text"]

_WIDTH = 48  # characters of a value
_ROWS = 40  # differences of one part
_HEADS = ("number", "image", "right", "first", "second")

_Cells = Sequence[str]


def text(report: RunDiff) -> str:
    """Return what differs, part by part, and what does not."""
    lines = [f"first   {report.runs[0]}", f"second  {report.runs[1]}"]
    for part in PARTS:
        if rows := _rows(getattr(report, part)):
            lines += ["", part, *_columns(rows, " → ")]
    for title, told, table in _told(report):
        lines += ["", title, *(f"  {line}" for line in told), *_columns(table, "  ")]
    return "\n".join(map(printable, [*lines, "", *report.remarks, _verdict(report)]))


def html(report: RunDiff) -> str:
    """Return the same as one element of HTML."""
    first, second = map(escape, report.runs)
    parts = [f"<p><b>first</b> <code>{first}</code><br><b>second</b> <code>{second}</code></p>"]
    parts += [
        f"<p><b>{part}</b></p>{_table((('', 'first', 'second'), *rows))}"
        for part in PARTS
        if (rows := _rows(getattr(report, part)))
    ]
    for title, told, table in _told(report):
        parts.append(f"<p><b>{escape(title)}</b><br>{'<br>'.join(map(escape, told))}</p>")
        parts += [_table(table)] if table else []
    parts += [f"<p>{escape(line)}</p>" for line in (*report.remarks, _verdict(report))]
    return "".join(parts)


def _rows(differences: Sequence[Difference]) -> list[_Cells]:
    rows: list[_Cells] = [(d.path, *_pair(d)) for d in differences[:_ROWS]]
    rest = len(differences) - _ROWS
    return [*rows, (f"and {rest:,} more", "", "")] if rest > 0 else rows


def _pair(difference: Difference) -> tuple[str, str]:
    """Return both values, of long ones the part where they begin to differ."""
    if isinstance(difference.first, float) and isinstance(difference.second, float):
        return _floats(difference.first, difference.second)
    first, second = map(_value, (difference.first, difference.second))
    longest = max(len(first), len(second))
    pairs = zip(first, second, strict=False)
    alike = next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second)))
    start = max(0, min(alike - _WIDTH // 4, longest - _WIDTH)) if longest > _WIDTH else 0
    return _cut(first, start), _cut(second, start)


def _value(value: Any) -> str:
    if value is None:
        return "none"
    return value if value and isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _cut(words: str, start: int) -> str:
    end = start + _WIDTH
    before, after = "…" if 0 < start < len(words) else "", "…" if end < len(words) else ""
    return f"{before}{words[start:end]}{after}"


def _told(report: RunDiff) -> Iterator[tuple[str, list[str], list[_Cells]]]:
    """Yield what is told in sentences: its title, the sentences, and the rows of a table below them."""
    if not report.steps.same:
        yield "steps", list(_step_lines(report.steps)), []
    if report.answers is not None and not report.answers.same:
        found = report.answers
        title = f"predictions on {found.split!r} of {found.data}, {found.images:,} images"
        yield title, list(_answer_lines(found)), _answer_rows(found)


def _step_lines(steps: StepDifferences) -> Iterator[str]:
    for which, spans in (("first", steps.only_first), ("second", steps.only_second)):
        if spans:
            yield f"only the {which} has done {_spans(spans)}"
    if steps.diverged is None:
        yield "the steps that both have done are the same" if steps.end else "they have no step in common"
        return
    yield f"the first that differs is step {_step(steps.diverged)}"
    if steps.end is not None and steps.end != steps.diverged:
        yield f"the last that both have done is step {_step(steps.end)}"


def _spans(spans: Sequence[Span]) -> str:
    shown = [f"{a:,}" if a == b else f"{a:,} to {b:,}" for a, b in spans[:5]]
    more = f" and {len(spans) - 5:,} more spans" if len(spans) > 5 else ""
    return f"step{'' if shown == [f'{spans[0][0]:,}'] else 's'} {', '.join(shown)}{more}"


def _step(step: CommonStep) -> str:
    losses, lrs = (" and ".join(dict.fromkeys(_floats(*pair))) for pair in (step.losses, step.lrs))
    apart = f", {step.gap:.3g} apart" if step.gap else ""
    return f"{step.step:,}: loss {losses}{apart}; lr {lrs}"


def _floats(first: float, second: float) -> tuple[str, str]:
    """Return two numbers in six digits, or in as many as tell them apart."""
    short = f"{first:.6g}", f"{second:.6g}"
    return short if first == second or short[0] != short[1] else (repr(first), repr(second))


def _answer_lines(found: AnswerDifferences) -> Iterator[str]:
    yield f"accuracy {found.accuracies[0]:.2%} and {found.accuracies[1]:.2%}"
    changed = f"{found.changed:,} answers changed" if found.changed != 1 else "1 answer changed"
    kinds = (
        (found.right_to_wrong, "right to wrong"),
        (found.wrong_to_right, "wrong to right"),
        (found.wrong_to_wrong, "wrong to another wrong"),
    )
    told = ", ".join(f"{count:,} {kind}" for count, kind in kinds if count)
    yield f"{changed}: {told}" if told else "no answer changed"
    yield f"probabilities differ by {found.shift:.2g} at most"
    if len(found.examples) < found.changed and found.examples:
        yield f"the first {len(found.examples):,} that changed:"


def _answer_rows(found: AnswerDifferences) -> list[_Cells]:
    rows = [
        (f"{e.number}", e.name, _labels(e.truth), _answer(e.first), _answer(e.second)) for e in found.examples
    ]
    return [_HEADS, *rows] if rows else []


def _answer(answer: Answer) -> str:
    return f"{_labels(answer.classes)} {answer.probability:.1%}"


def _labels(classes: Sequence[str]) -> str:
    return ", ".join(classes) or "no label"


def _columns(rows: Sequence[_Cells], between: str) -> list[str]:
    """Return rows as lines: the first cell, two spaces, and the others with ``between``."""
    shown = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    lines = []
    for head, *cells in shown:
        padded = [cell.ljust(width) for cell, width in zip(cells, widths[1:], strict=True)]
        joined = between.join(padded) if any(cells) else ""
        lines.append(f"  {head.ljust(widths[0])}  {joined}".rstrip())
    return lines


def _table(rows: Sequence[_Cells]) -> str:
    head, *body = [[escape(printable(cell)) for cell in row] for row in rows]
    style = 'style="text-align:left"'
    lines = "".join(f"<tr>{''.join(f'<td {style}>{cell}</td>' for cell in row)}</tr>" for row in body)
    heads = "".join(f"<th {style}>{cell}</th>" for cell in head)
    return f"<table><tr>{heads}</tr>{lines}</table>"


def _verdict(report: RunDiff) -> str:
    if report.same:
        return "No difference."
    alike = [part for part in PARTS if not getattr(report, part)]
    alike += ["steps"] * report.steps.same
    alike += ["predictions"] * (report.answers is not None and report.answers.same)
    return f"The same: {', '.join(alike)}." if alike else "Everything differs."
