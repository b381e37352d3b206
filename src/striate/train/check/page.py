"""A report as a page of its own: the answer, the figures, the findings, a row for each layer, and the data."""

from __future__ import annotations

from collections.abc import Iterator

from striate.analyze import bytes_text, macs_text
from striate.data.check.page import images
from striate.data.check.page_parts import answer, document, element, escaped, facts, findings
from striate.data.check.words import percent
from striate.train.check.pace import duration
from striate.train.check.report import NetworkReport, Signal
from striate.train.check.text import figure_rows, verdict

__all__ = ["body", "page"]

_LAYERS = 200
_STYLE = """<style>
.striate-check table { border-collapse: collapse; width: 100%; font-size: 13.5px; font-variant-numeric: tabular-nums; }
.striate-check th { text-align: right; font-weight: 550; color: var(--quiet); padding: 2px 0 8px 18px; }
.striate-check td { text-align: right; padding: 3px 0 3px 18px; border-top: 1px solid var(--rule);
  white-space: nowrap; }
.striate-check th.t, .striate-check td.t { text-align: left; padding-left: 0; overflow-wrap: anywhere;
  white-space: normal; }
.striate-check td.bar { width: 26%; }
.striate-check td.bar i { display: block; height: 9px; border-radius: 2px; background: var(--s0); min-width: 1px; }
.striate-check td.odd { color: var(--error); font-weight: 600; }
.striate-check .panel { overflow-x: auto; }
.striate-check .panel + .quiet { margin-top: 8px; }
</style>"""


def page(report: NetworkReport) -> str:
    """Return a whole HTML file; everything that it shows lies within."""
    return document(f"{report.network} on {report.data.source}: checked", body(report))


def body(report: NetworkReport) -> str:
    """Return the report as one element, for a page or a notebook."""
    parts = [
        _STYLE,
        answer(report, verdict(report)),
        facts(_cells(report)),
        "<h2>Figures</h2>",
        _figures(report),
        "<h2>Findings</h2>",
        *findings(report, report.data.picture),
        *_layers(report),
        *images(report.data),
        f"<footer>Made by <b>striate check</b> on {escaped(report.device)}. ",
        f"{escaped(' '.join(report.remarks))}</footer>",
    ]
    return element("Check before training", f"{report.network} on {report.data.source}", parts)


def _cells(report: NetworkReport) -> list[tuple[str, str]]:
    figures = report.figures
    cells = []
    if figures.parameters is not None:
        macs = "" if figures.macs is None else f", {macs_text(figures.macs)} per image"
        cells.append((f"{figures.parameters:,}", f"parameters{macs}"))
    if figures.memory:
        cells.append((bytes_text(figures.memory.step), f"memory for a step of {figures.batch_size}"))
    if figures.time:
        cells.append((duration(figures.time.epoch), f"an epoch; about {duration(figures.time.total)} in all"))
    if figures.loss and figures.loss.first is not None:
        cells.append(
            (f"{figures.loss.first:.2f}", f"first loss; {figures.loss.named} = {figures.loss.uniform:.2f}")
        )
    return cells


def _figures(report: NetworkReport) -> str:
    rows = (
        f'<tr><td class="t">{escaped(name)}</td><td class="t">{escaped(words)}</td></tr>'
        for name, words in figure_rows(report)
    )
    return f'<div class="panel"><table>{"".join(rows)}</table></div>'


def _layers(report: NetworkReport) -> Iterator[str]:
    signals = report.figures.signals
    if not signals:
        return
    widest = max((s.spread for s in signals if s.finite), default=0.0) or 1.0
    heads = ("std", "from image to image", "", "at 0 or an end", "gradient / weights")
    yield '<h2>Every layer before the first step</h2><div class="panel"><table><tr><th class="t">layer</th>'
    yield "".join(f"<th>{head}</th>" for head in heads) + "</tr>"
    for signal in signals[:_LAYERS]:
        yield _layer(signal, widest)
    yield "</table></div>"
    if len(signals) > _LAYERS:
        yield f'<p class="quiet">and {len(signals) - _LAYERS:,} more layers</p>'


def _layer(signal: Signal, widest: float) -> str:
    share = signal.dead if signal.dead is not None else signal.saturated
    stuck = "" if share is None else percent(share)
    odd = ' class="odd"' if share is not None and share > 0.5 else ""
    gradient = "" if signal.gradient is None else f"{signal.gradient:.2g}"
    bar = f"{100 * min(signal.spread / widest, 1):.1f}" if signal.finite else "0"
    return (
        f'<tr><td class="t">{escaped(signal.path)} <span class="quiet">{escaped(signal.kind)}</span></td>'
        f"<td>{signal.std:.3g}</td><td>{signal.spread:.3g}</td>"
        f'<td class="bar"><i style="width:{bar}%"></i></td><td{odd}>{stuck}</td><td>{gradient}</td></tr>'
    )
