"""A report in plain text, for terminals: the figures, the findings, the verdict."""

from __future__ import annotations

import textwrap

from striate.analyze import bytes_text, macs_text, shape_text
from striate.data.check.text import WIDTH, finding_lines
from striate.data.check.words import counted, plural
from striate.errors import printable
from striate.train.check.pace import duration
from striate.train.check.report import Figures, Loss, Memory, NetworkReport, Time

__all__ = ["figure_rows", "text", "verdict"]


def text(report: NetworkReport, names: int | None = 5) -> str:
    """Return figures, findings with as many names each (None means all), remarks and the verdict."""
    rows = figure_rows(report)
    width = max(len(name) for name, _ in rows)
    lines = [f"{report.network} on {report.data.source}", ""]
    for name, words in rows:
        lines += textwrap.wrap(
            words, WIDTH, initial_indent=f"  {name:<{width}}  ", subsequent_indent=" " * (width + 4)
        )
    lines.append("")
    for finding in report.findings:
        lines += finding_lines(finding, names)
    lines += [line for remark in report.remarks for line in textwrap.wrap(remark, WIDTH)]
    return "\n".join(map(printable, [*lines, f"{verdict(report)}: {counted(report)}."]))


def verdict(report: NetworkReport) -> str:
    """Return the one sentence that matters most, without its point."""
    if not report.ok:
        return "Training would fail, or learn the wrong thing"
    return "Training would run; see to the warnings first" if report.counts["warning"] else "Ready to train"


def figure_rows(report: NetworkReport) -> list[tuple[str, str]]:
    """Return what a figure is of, and the figure in words; those that are known."""
    figures = report.figures
    rows = [("data", _data(figures)), ("network", _network(figures))]
    if figures.receptive_field and figures.input:
        sees = f"{shape_text(figures.receptive_field)} of {shape_text(figures.input[1:])} pixels"
        rows.append(("receptive field", f"{sees}, at {figures.receptive_field_at}"))
    if figures.memory:
        rows.append(("memory", _memory(figures.memory, figures.batch_size)))
    if figures.time:
        rows.append(("time", _time(figures.time, figures)))
    if figures.loss:
        rows.append(("first loss", _loss(figures.loss)))
    return [(name, words) for name, words in rows if words]


def _data(figures: Figures) -> str:
    return (
        f"{figures.train_images:,} images to train, {figures.val_images:,} to validate, "
        f"{plural(figures.classes, 'class', 'classes')}"
    )


def _network(figures: Figures) -> str:
    parts = []
    if figures.input:
        parts.append(f"input {shape_text(figures.input)}")
    if figures.parameters is not None:
        parts.append(plural(figures.parameters, "parameter"))
    if figures.macs is not None:
        parts.append(f"{macs_text(figures.macs)} per image")
    return ", ".join(parts)


def _memory(memory: Memory, batch: int) -> str:
    fixed = memory.weights + memory.gradients + memory.optimizer
    words = (
        f"{bytes_text(memory.step)} for a step of {batch}: {bytes_text(fixed)} weights, gradients and optimizer, "
        f"{bytes_text(memory.activations + memory.images)} for the batch"
    )
    return words if memory.free is None else f"{words}; {bytes_text(memory.free)} free"


def _time(time: Time, figures: Figures) -> str:
    return (
        f"about {duration(time.epoch)} an epoch, {duration(time.total)} for {figures.epochs:g}: {duration(time.step)} "
        f"a step of {figures.batch_size}, {time.images_per_second:,.0f} images a second"
    )


def _loss(loss: Loss) -> str:
    expected = f"{loss.named} = {loss.uniform:.2f}"
    return (
        f"{expected} expected, not measured"
        if loss.first is None
        else f"{loss.first:.2f}; {expected} expected"
    )
