"""A summary as a page of its own: the answer first, then the course, the mistakes, every class, and how it was made."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from striate.data.check.page_parts import document, element, escaped, facts
from striate.train.check.pace import duration
from striate.train.metrics import Evaluation
from striate.train.summary.charts import Curve, curves, round_percent
from striate.train.summary.elements import legend, number, pairs, panel, settings_panel
from striate.train.summary.history import smoothed
from striate.train.summary.mistakes import calibration_panel, mistakes
from striate.train.summary.style import STYLE
from striate.train.summary.summary import Summary

__all__ = ["body", "page", "thinned"]

_DOTS = 150
_WARNINGS = 10


def page(summary: Summary) -> str:
    """Return a whole HTML file; everything that it shows lies within."""
    return document(summary.title, body(summary))


def body(summary: Summary) -> str:
    """Return the summary as one element, for a page or a notebook."""
    parts = [
        f"<style>{STYLE}</style>",
        f'<div class="answer {_tone(summary)}">{escaped(summary.result)}.<span>{escaped(summary.course)}</span></div>',
        facts(_cells(summary)),
        *_warnings(summary),
        *_course(summary),
        *mistakes(summary.evaluation, summary.problem),
        *_making(summary),
        f"<footer>Made by <b>striate report</b> {escaped(str(summary.path))}</footer>",
    ]
    return element("Training summary", summary.title, parts)


def _tone(summary: Summary) -> str:
    if summary.history.ending.startswith("diverged"):
        return "bad"
    whole = summary.history.ending in ("completed", "stopped early")
    return "good" if whole and not summary.warnings else "fair"


def _warnings(summary: Summary) -> Iterator[str]:
    told = summary.warnings
    if told:
        more = [f"and {len(told) - _WARNINGS:,} more, in events.jsonl"] if len(told) > _WARNINGS else []
        items = "".join(f"<li>{escaped(text)}</li>" for text in (*told[:_WARNINGS], *more))
        yield panel("Warnings", "", f"<ul>{items}</ul>")


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
    drawn = curves("Loss over the epochs", [trained, held_out], number, zero=True, log=True, mark=mark)
    yield panel("Loss", legend(("s0", "train, smoothed"), ("s1", "val"), ("ring", "best")), drawn)
    if best is not None:
        drawn = curves(
            f"{history.measure.capitalize()} over the epochs",
            [right],
            round_percent,
            mark=(best.epoch, best.accuracy, when),
        )
        yield panel(f"Validation {history.measure}", legend(("s1", "val"), ("ring", "best")), drawn)
    places, rates = (array.tolist() for array in thinned(history.epochs, history.rates))
    drawn = curves(
        "Learning rate over the epochs",
        [Curve(name="rate", color=3, xs=places, ys=rates)],
        number,
        zero=True,
    )
    yield panel("Learning rate", legend(("s3", summary.record.training.schedule.name)), drawn)
    if isinstance(measured, Evaluation):
        yield calibration_panel(measured)
    yield "</div>"


def thinned(xs: Any, ys: Any, points: int = 600) -> tuple[Any, Any]:
    """Return at most so many points of a curve, evenly spaced, the last among them."""
    step = math.ceil(len(xs) / points)
    chosen = sorted({*range(0, len(xs), step), len(xs) - 1})
    return xs[chosen], ys[chosen]


def _making(summary: Summary) -> Iterator[str]:
    record = summary.record
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
    yield panel("Run", "", pairs({name: value for name, value in made.items() if value}))
    yield settings_panel(record.training)
    yield "</div>"
