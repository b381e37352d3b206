"""What a page says of the answers: where they are wrong, how every class fares, how far they can be believed."""

from __future__ import annotations

from collections.abc import Iterator

from striate.data.check.page_parts import escaped
from striate.train.metrics import ClassScore, Evaluation, LabelEvaluation
from striate.train.metrics.evaluation import percent
from striate.train.summary.charts import calibration
from striate.train.summary.elements import bar, legend, panel, rows
from striate.train.summary.matrix import matrix
from striate.train.summary.worst import confusions, worst_classes

__all__ = ["calibration_panel", "mistakes"]

_OPEN_ROWS = 20
_NARROW = 12
_WORST = 5


def calibration_panel(measured: Evaluation) -> str:
    """Draw the reliability diagram."""
    title = f"Calibration: error {measured.calibration_error:.2%}"
    looks = legend(("s0", "share that is right; stronger: more images"), ("s1", "mean confidence"))
    return panel(title, looks, calibration(measured.calibration, title))


def mistakes(
    measured: Evaluation | LabelEvaluation | None, problem: str, *, where: str | None = None, note: str = ""
) -> Iterator[str]:
    """Yield the confusion matrix, the worst and every class; or say by ``problem`` why nothing is measured.

    Args:
        measured: What is shown.
        problem: Why there is none.
        where: On which images, in words; None means on its split.
        note: What to know of the answers.
    """
    if measured is None:
        yield f'<h2>Answers</h2><p class="quiet">Not measured: {escaped(problem)}</p>'
        return
    worst = panel("Weakest classes", "", _worst(measured))
    yield f"<h2>Where it errs, {escaped(where or 'on ' + measured.split)}</h2>"
    if note:
        yield f'<p class="quiet under">{escaped(note)}</p>'
    if isinstance(measured, LabelEvaluation):
        yield worst
    else:
        mixed = panel("Most frequent confusions", "", _confusions(measured))
        drawn = panel("Confusion matrix", "", matrix(measured))
        if len(measured.classes) <= _NARROW:
            yield f'<div class="sides">{drawn}<div class="column">{mixed}{worst}</div></div>'
        else:
            yield f'<div class="column">{drawn}<div class="sides">{mixed}{worst}</div></div>'
    yield "<h2>Every class</h2>"
    table = _classes(measured)
    if len(measured.classes) > _OPEN_ROWS:
        table = f"<details><summary>{len(measured.classes):,} classes</summary>{table}</details>"
    yield f'<div class="panel scroll">{table}</div>'


def _worst(measured: Evaluation | LabelEvaluation) -> str:
    worst = worst_classes(measured, _WORST)
    if not worst:
        return '<p class="quiet">None: every image is answered rightly.</p>'
    lines = (
        f'<tr><th scope="row" class="t">{escaped(c.name)}</th><td>{percent(c.f1)}</td><td>{percent(c.recall)}</td>'
        f"<td>{percent(c.precision)}</td></tr>"
        for c in worst
    )
    return rows("The classes with the lowest F1", ("class", "F1", "recall", "precision"), lines)


def _confusions(measured: Evaluation) -> str:
    found = confusions(measured, _WORST)
    if not found:
        return '<p class="quiet">None.</p>'
    lines = (
        f'<tr><th scope="row" class="t">{escaped(each.right)}</th><td class="t">{escaped(each.called)}</td>'
        f"<td>{each.count:,}</td><td>{each.share:.1%}</td></tr>"
        for each in found
    )
    heads = ("class", "called", "images", "of the class")
    return rows("Pairs of classes that are mixed up", heads, lines, texts=2)


def _classes(measured: Evaluation | LabelEvaluation) -> str:
    several = isinstance(measured, LabelEvaluation)
    last = "average precision" if several else "most often called instead"
    heads = ("class", "images", "precision", "recall", "F1", "", last)
    lines = (
        f'<tr><th scope="row" class="t">{escaped(c.name)}</th><td>{c.support:,}</td><td>{percent(c.precision)}</td>'
        f'<td>{percent(c.recall)}</td><td>{percent(c.f1)}</td><td class="bar">{bar(c.f1)}</td>'
        f"<td>{_last(measured, i, c)}</td></tr>"
        for i, c in enumerate(measured.classes)
    )
    return rows("Every class", heads, lines)


def _last(measured: Evaluation | LabelEvaluation, index: int, score: ClassScore) -> str:
    if isinstance(measured, LabelEvaluation):
        return percent(measured.average_precisions[index])
    other = measured.mistaken_for(index)
    return "" if other is None else f"{escaped(other[0])} ({other[1]:,} of {score.support:,})"
