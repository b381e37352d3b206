"""A summary as a page of its own: the answer first, then the course, the mistakes, every class, and how it was made."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from striate.data.check.page_parts import document, element, escaped, facts
from striate.train.check.pace import duration
from striate.train.metrics import ClassScore, Evaluation, LabelEvaluation
from striate.train.metrics.evaluation import percent
from striate.train.settings import changed_settings, settings
from striate.train.summary.charts import Curve, calibration, curves, round_percent
from striate.train.summary.history import smoothed
from striate.train.summary.matrix import matrix
from striate.train.summary.style import STYLE
from striate.train.summary.summary import Summary
from striate.train.summary.worst import confusions, worst_classes

__all__ = ["body", "page"]

_OPEN_ROWS = 20
_NARROW = 12
_WORST = 5
_DOTS = 150


def page(summary: Summary) -> str:
    """Return a whole HTML file; everything that it shows lies within."""
    return document(summary.title, body(summary))


def body(summary: Summary) -> str:
    """Return the summary as one element, for a page or a notebook."""
    parts = [
        f"<style>{STYLE}</style>",
        f'<div class="answer {_tone(summary)}">{escaped(summary.result)}.<span>{escaped(summary.course)}</span></div>',
        facts(_cells(summary)),
        *_course(summary),
        *_answers(summary),
        *_making(summary),
        f"<footer>Made by <b>striate report</b> {escaped(str(summary.path))}</footer>",
    ]
    return element("Training summary", summary.title, parts)


def _tone(summary: Summary) -> str:
    if summary.history.ending.startswith("diverged"):
        return "bad"
    return "good" if summary.history.ending in ("completed", "stopped early") else "fair"


def _cells(summary: Summary) -> list[tuple[str, str]]:
    history, measured = summary.history, summary.evaluation
    cells = []
    if isinstance(measured, Evaluation):
        top5 = f", top-5 {measured.top5:.1%}" if len(measured.classes) > 5 else ""
        cells += [
            (f"{measured.accuracy:.2%}", f"accuracy on {measured.images:,} images of {measured.split}{top5}"),
            (f"{measured.macro_f1:.2%}", f"macro-F1 of {len(measured.classes):,} classes"),
            (f"{measured.loss:.4f}", f"{measured.split} loss, in nats"),
            (f"{measured.calibration_error:.2%}", f"calibration error, {measured.mean_confidence:.1%} sure"),
        ]
    elif measured is not None:
        cells += [
            (
                f"{measured.mean_average_precision:.2%}",
                f"mean average precision on {measured.images:,} images",
            ),
            (f"{measured.macro_f1:.2%}", f"macro-F1 of {len(measured.classes):,} labels"),
            (f"{measured.accuracy:.2%}", f"images of {measured.split} with every label right"),
            (f"{measured.loss:.4f}", f"{measured.split} loss, in nats"),
        ]
    if history.images_per_second is not None:
        speed = f"{history.images_per_second:,.0f} images/s on {history.device}"
        cells.append((duration(history.seconds), f"of training, {speed}"))
    return cells


def _course(summary: Summary) -> Iterator[str]:
    history = summary.history
    measured = summary.evaluation
    if not history.steps:
        return
    best, validations = history.best, history.validations
    epochs, dots = [v.epoch for v in validations], len(validations) <= _DOTS
    places, losses = (array.tolist() for array in smoothed(history.epochs, history.losses))
    trained = Curve(name="train, smoothed", color=0, xs=places, ys=losses)
    held_out = Curve(name="val", color=1, xs=epochs, ys=[v.loss for v in validations], dots=dots)
    right = Curve(name="val", color=1, xs=epochs, ys=[v.accuracy for v in validations], dots=dots)
    when = (
        "" if best is None else f"best epoch, {best.epoch:.3g}: val loss {best.loss:.4f}, {best.accuracy:.2%}"
    )
    yield '<h2>Curves</h2><div class="grid-of-charts">'
    mark = None if best is None else (best.epoch, best.loss, when)
    drawn = curves("Loss over the epochs", [trained, held_out], _number, zero=True, log=True, mark=mark)
    yield _panel("Loss", _legend(("s0", "train, smoothed"), ("s1", "val"), ("ring", "best")), drawn)
    if best is not None:
        drawn = curves(
            f"{history.measure.capitalize()} over the epochs",
            [right],
            round_percent,
            mark=(best.epoch, best.accuracy, when),
        )
        yield _panel(f"Validation {history.measure}", _legend(("s1", "val"), ("ring", "best")), drawn)
    places, rates = (array.tolist() for array in _thinned(history.epochs, history.rates))
    drawn = curves(
        "Learning rate over the epochs",
        [Curve(name="rate", color=3, xs=places, ys=rates)],
        _number,
        zero=True,
    )
    yield _panel("Learning rate", _legend(("s3", summary.record.training.schedule.name)), drawn)
    if isinstance(measured, Evaluation):
        yield _calibration(measured)
    yield "</div>"


def _thinned(xs: Any, ys: Any, points: int = 600) -> tuple[Any, Any]:
    """Return at most so many points of a curve, evenly spaced, the last among them."""
    step = math.ceil(len(xs) / points)
    chosen = sorted({*range(0, len(xs), step), len(xs) - 1})
    return xs[chosen], ys[chosen]


def _calibration(measured: Evaluation) -> str:
    title = f"Calibration: error {measured.calibration_error:.2%}"
    legend = _legend(("s0", "share that is right; stronger: more images"), ("s1", "mean confidence"))
    return _panel(title, legend, calibration(measured.calibration, title))


def _answers(summary: Summary) -> Iterator[str]:
    measured = summary.evaluation
    if measured is None:
        yield f'<h2>Answers</h2><p class="quiet">Not measured: {escaped(summary.problem)}</p>'
        return
    worst = _panel("Weakest classes", "", _worst(measured))
    yield f"<h2>Where it errs, on {escaped(measured.split)}</h2>"
    if isinstance(measured, LabelEvaluation):
        yield worst
    else:
        mixed = _panel("Most frequent confusions", "", _confusions(measured))
        drawn = _panel("Confusion matrix", "", matrix(measured))
        if len(measured.classes) <= _NARROW:
            yield f'<div class="sides">{drawn}<div class="column">{mixed}{worst}</div></div>'
        else:
            yield f'<div class="column">{drawn}<div class="sides">{mixed}{worst}</div></div>'
    yield "<h2>Every class</h2>"
    rows = _classes(measured)
    if len(measured.classes) > _OPEN_ROWS:
        rows = f"<details><summary>{len(measured.classes):,} classes</summary>{rows}</details>"
    yield f'<div class="panel scroll">{rows}</div>'


def _worst(measured: Evaluation | LabelEvaluation) -> str:
    worst = worst_classes(measured, _WORST)
    if not worst:
        return '<p class="quiet">None: every image is answered rightly.</p>'
    rows = (
        f'<tr><th scope="row" class="t">{escaped(c.name)}</th><td>{percent(c.f1)}</td><td>{percent(c.recall)}</td>'
        f"<td>{percent(c.precision)}</td></tr>"
        for c in worst
    )
    return _rows("The classes with the lowest F1", ("class", "F1", "recall", "precision"), rows)


def _confusions(measured: Evaluation) -> str:
    found = confusions(measured, _WORST)
    if not found:
        return '<p class="quiet">None.</p>'
    rows = (
        f'<tr><th scope="row" class="t">{escaped(each.right)}</th><td class="t">{escaped(each.called)}</td>'
        f"<td>{each.count:,}</td><td>{each.share:.1%}</td></tr>"
        for each in found
    )
    heads = ("class", "called", "images", "of the class")
    return _rows("Pairs of classes that are mixed up", heads, rows, texts=2)


def _classes(measured: Evaluation | LabelEvaluation) -> str:
    several = isinstance(measured, LabelEvaluation)
    last = "average precision" if several else "most often called instead"
    heads = ("class", "images", "precision", "recall", "F1", "", last)
    rows = (
        f'<tr><th scope="row" class="t">{escaped(c.name)}</th><td>{c.support:,}</td><td>{percent(c.precision)}</td>'
        f'<td>{percent(c.recall)}</td><td>{percent(c.f1)}</td><td class="bar">{_bar(c.f1)}</td>'
        f"<td>{_last(measured, i, c)}</td></tr>"
        for i, c in enumerate(measured.classes)
    )
    return _rows("Every class", heads, rows)


def _last(measured: Evaluation | LabelEvaluation, index: int, score: ClassScore) -> str:
    if isinstance(measured, LabelEvaluation):
        return percent(measured.average_precisions[index])
    other = measured.mistaken_for(index)
    return "" if other is None else f"{escaped(other[0])} ({other[1]:,} of {score.support:,})"


def _making(summary: Summary) -> Iterator[str]:
    record = summary.record
    changed, all_of_them = changed_settings(record.training), settings(record.training)
    yield '<h2>How it was made</h2><div class="sides">'
    sizes = ", ".join(f"{count:,} {split}" for split, count in record.sizes.items())
    made = {
        "network": summary.network_line,
        "data": f"{record.data}: {sizes} images, {len(record.class_names):,} classes",
        "fingerprint": record.fingerprint[:16],
        "device": summary.history.device,
        "begun": record.created,
        "versions": ", ".join(f"{name} {version}" for name, version in record.versions.items()),
        "run folder": str(summary.path),
    }
    if summary.history.notes:
        made["notes"] = "\n".join(summary.history.notes)
    yield _panel("Run", "", _pairs({name: value for name, value in made.items() if value}))
    none = '<p class="quiet">None: everything is as it is by default.</p>'
    rest = f"<details><summary>All {len(all_of_them)} settings</summary>{_pairs(all_of_them, 'settings')}</details>"
    yield _panel(
        "Settings that differ from their defaults",
        "",
        (_pairs(changed, "settings") if changed else none) + rest,
    )
    yield "</div>"


def _panel(title: str, legend: str, content: str) -> str:
    return f'<section class="panel scroll"><h3>{escaped(title)}</h3>{legend}{content}</section>'


def _legend(*items: tuple[str, str]) -> str:
    told = (f'<span><i class="{look}"></i>{escaped(words)}</span>' for look, words in items)
    return f'<div class="legend">{"".join(told)}</div>'


def _rows(caption: str, heads: Iterable[str], rows: Iterable[str], texts: int = 1) -> str:
    cells = "".join(
        f'<th scope="col"{" class=t" if i < texts else ""}>{head}</th>' if head else "<td></td>"
        for i, head in enumerate(heads)
    )
    return (
        f'<table class="rows" aria-label="{escaped(caption)}"><thead><tr>{cells}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _pairs(values: Mapping[str, Any], look: str = "") -> str:
    items = (f"<dt>{escaped(name)}</dt><dd>{_lines(_shown(value))}</dd>" for name, value in values.items())
    return f'<dl class="{look}">{"".join(items)}</dl>'


def _lines(text: str) -> str:
    return "\n".join(map(escaped, text.splitlines()))


def _shown(value: Any) -> str:
    if value is None:
        return "off"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _bar(share: float | None) -> str:
    return f'<i style="width:{100 * (share or 0):.1f}%"></i>'


def _number(value: float) -> str:
    return f"{value:.3g}"
