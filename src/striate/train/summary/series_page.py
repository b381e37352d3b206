"""The summary of several runs as a page: the answer first, then each run, their curves, what they answer together."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

from striate.data.check.page_parts import document, element, escaped, facts
from striate.errors import listed
from striate.train.check.pace import duration
from striate.train.metrics import Evaluation
from striate.train.several.scores import shown
from striate.train.summary.charts import Curve, Tell, curves, round_percent, spread_chart
from striate.train.summary.elements import legend, number, pairs, panel, rows, settings_panel
from striate.train.summary.history import smoothed
from striate.train.summary.mistakes import calibration_panel, mistakes
from striate.train.summary.overlay import common_rate, overlaid
from striate.train.summary.page import thinned
from striate.train.summary.series import Entry, SeriesSummary
from striate.train.summary.style import STYLE
from striate.train.summary.summary import epoch_text

__all__ = ["body", "page"]

_LISTED = 12


def page(summary: SeriesSummary, place: Path) -> str:
    """Return a whole HTML file to lie in the folder ``place``; all but the runs' own pages lies within."""
    return document(summary.title, body(summary, place))


def body(summary: SeriesSummary, place: Path | None) -> str:
    """Return the summary as one element, for a page in the folder ``place``, or for a notebook, without links."""
    parts = [
        f"<style>{STYLE}</style>",
        f'<div class="answer {_tone(summary)}">{escaped(summary.result)}.<span>{escaped(summary.course)}</span></div>',
        facts(_cells(summary)),
        *_runs(summary, place),
        *_course(summary),
        *_answers(summary),
        *_making(summary),
        f"<footer>Made by <b>striate report</b> {escaped(str(summary.path))}</footer>",
    ]
    over = "Cross-validation" if summary.series.folds else "Ensemble"
    return element(over, summary.title, parts)


def _tone(summary: SeriesSummary) -> str:
    if any(entry.state.startswith("diverged") for entry in summary.entries):
        return "bad"
    return "fair" if summary.left or summary.together is None else "good"


def _cells(summary: SeriesSummary) -> list[tuple[str, str]]:
    cells: list[tuple[str, str]] = []
    scores, together = summary.scores, summary.together
    if scores is not None:
        of = f"{len(scores.runs)} {summary.series.one}{'s' if len(scores.runs) > 1 else ''}"
        for figure, head in scores.heads.items():
            if summary.series.folds or together is None:
                mean, deviation = scores.mean[figure], scores.deviation[figure]
                some = "" if deviation is None else f", ± {shown(figure, deviation)}"
                cells.append((shown(figure, mean), f"mean {head.removeprefix('mean ')} of {of}{some}"))
            else:
                words = f"{head} together; members {summary.spread(figure)}"
                cells.append((shown(figure, getattr(together, figure)), words))
    if isinstance(together, Evaluation):
        words = f"calibration error, {together.mean_confidence:.1%} sure"
        cells.append((f"{together.calibration_error:.2%}", words))
    seconds = sum(run.history.seconds for run in summary.runs)
    if seconds:
        cells.append((duration(seconds), "of training, all runs one after another"))
    return cells


def _runs(summary: SeriesSummary, place: Path | None) -> Iterator[str]:
    scores = summary.scores
    heads = {} if scores is None else scores.heads
    lines = [_row(summary, entry, place) for entry in summary.entries]
    if scores is not None:
        lines.append(_sum("mean", "", scores.mean, "all first"))
        if len(scores.runs) > 1:
            lines.append(_sum("± sd", "", scores.deviation, "all"))
        if not summary.series.folds and summary.together is not None:
            figures = {name: getattr(summary.together, name) for name in heads}
            lines.append(_sum("together", f"{summary.together.images:,}", figures, "all first"))
    table = rows("The runs", ("run", "images", *heads.values(), "epoch kept", "time", "ended"), lines)
    note = f'<p class="quiet">{escaped(summary.unfinished)}</p>' if summary.left else ""
    yield f'<h2>Runs</h2><div class="panel"><div class="scroll">{table}</div>{note}</div>'


def _row(summary: SeriesSummary, entry: Entry, place: Path | None) -> str:
    scores, run = summary.scores, entry.summary
    figures, images = {}, "–"
    if scores is not None:
        figures = dict.fromkeys(scores.figures, "–")
        if entry.name in scores.runs:
            i = scores.runs.index(entry.name)
            images = f"{scores.images[i]:,}"
            figures = {name: shown(name, values[i]) for name, values in scores.figures.items()}
    kept, spent = "–", "–"
    if run is not None:
        best = run.history.best
        kept = "–" if best is None else epoch_text(best.epoch)
        spent = duration(run.history.seconds) if run.history.steps else "–"
    cells = "".join(f"<td>{text}</td>" for text in (images, *figures.values(), kept, spent))
    name = _linked(summary, entry, place)
    return f'<tr><th scope="row" class="t name">{name}</th>{cells}<td class="state">{escaped(entry.state)}</td></tr>'


def _linked(summary: SeriesSummary, entry: Entry, place: Path | None) -> str:
    """Return the name of a run, as a link if it has a page of its own."""
    own = summary.path / entry.name / "summary.html"
    if place is None or not own.is_file():
        return escaped(entry.name)
    try:
        address = Path(os.path.relpath(own.resolve(), place.resolve())).as_posix()
    except ValueError:  # another drive
        return escaped(entry.name)
    return f'<a href="{quote(address)}">{escaped(entry.name)}</a>'


def _sum(name: str, images: str, figures: Mapping[str, float | None], look: str) -> str:
    cells = "".join(f"<td>{shown(figure, value)}</td>" for figure, value in figures.items())
    return (
        f'<tr class="{look}"><th scope="row" class="t name">{escaped(name)}</th><td>{images}</td>{cells}<td></td>'
        '<td></td><td class="state"></td></tr>'
    )


def _course(summary: SeriesSummary) -> Iterator[str]:
    if not any(run.history.steps for run in summary.runs):
        return
    measure = summary.runs[0].history.measure
    yield '<h2>Curves</h2><div class="grid-of-charts">'
    trained = _trained(summary)
    if trained:
        drawn = curves("Training loss over the epochs", trained, number, zero=True, log=True)
        yield panel("Training loss, smoothed", legend(("s0 line", "each run")), drawn)
    yield from _overlay(summary, "loss", "Validation loss", number)
    yield from _overlay(summary, "accuracy", f"Validation {measure}", round_percent)
    if summary.scores is not None and len(summary.scores.runs) > 1:
        yield _spread(summary)
    rate = common_rate([run.history for run in summary.runs])
    if rate is not None:
        places, rates = (array.tolist() for array in thinned(rate.epochs, rate.rates))
        drawn = curves(
            "Learning rate over the epochs",
            [Curve(name="rate", color=3, xs=places, ys=rates)],
            number,
            zero=True,
        )
        yield panel(
            "Learning rate of every run", legend(("s3", summary.runs[0].record.training.schedule.name)), drawn
        )
    if isinstance(summary.together, Evaluation):
        yield calibration_panel(summary.together)
    yield "</div>"


def _trained(summary: SeriesSummary) -> list[Curve]:
    """Return the training losses of all runs."""
    found = []
    for entry in summary.entries:
        if entry.summary is not None and entry.summary.history.steps:
            places, losses = smoothed(entry.summary.history.epochs, entry.summary.history.losses)
            found.append(Curve(name=entry.name, color=0, xs=places.tolist(), ys=losses.tolist(), thin=True))
    return found


def _overlay(summary: SeriesSummary, measure: str, title: str, tell: Tell) -> Iterator[str]:
    held = overlaid(summary.entries, measure)
    if not held.names:
        return
    drawn = [
        Curve(name=name, color=0, xs=xs, ys=ys, thin=True, kept=kept)
        for name, xs, ys, kept in zip(held.names, held.xs, held.ys, held.kept, strict=True)
    ]
    looks = [("s0 line", "each run"), ("s0 dot", "epoch kept")]
    if held.mean is not None:
        drawn.append(Curve(name="mean", color=1, xs=held.mean[0], ys=held.mean[1]))
        looks.insert(1, ("s1", "mean"))
    loss = measure == "loss"
    yield panel(title, legend(*looks), curves(f"{title} over the epochs", drawn, tell, zero=loss, log=loss))


def _spread(summary: SeriesSummary) -> str:
    scores, figure = summary.scores, summary.figure
    assert scores is not None
    what = "mean average precision" if figure != "accuracy" else figure
    folds = summary.series.folds
    together = None if folds or summary.together is None else float(getattr(summary.together, figure))
    deviation = scores.deviation[figure]
    drawn = spread_chart(
        f"{what.capitalize()} of each run",
        summary.reached(),
        (scores.mean[figure], deviation or 0.0),
        together,
    )
    looks = [("s0 dot", summary.series.one), ("s1", "mean ± sd"), *([("s2", "together")] if together else [])]
    return panel(f"{what.capitalize()} of each run", legend(*looks), drawn)


def _answers(summary: SeriesSummary) -> Iterator[str]:
    together = summary.together
    if together is None:
        yield from mistakes(None, summary.problem)
    elif summary.series.folds:
        note = (
            f"Each of {together.images:,} images is answered once, by the run that was trained without its fold; "
            "the answers are put together."
        )
        yield from mistakes(together, "", where=together.split, note=note)
    else:
        note = f"The mean of the probabilities of {len(summary.done)} members answers."
        yield from mistakes(together, "", note=note)


def _making(summary: SeriesSummary) -> Iterator[str]:
    runs = summary.runs
    if not runs:
        return
    record = runs[0].record
    yield '<h2>How it was made</h2><div class="sides">'
    seeds = [run.record.training.seed for run in runs]
    begun = sorted(run.record.created for run in runs)
    made = {
        "network": runs[0].network_line,
        "data": f"{summary.series.data}: {_images(summary)} images, {len(record.class_names):,} classes",
        "seed" if summary.series.folds else "seeds": (
            f"{summary.series.seed}, of the division and of each run"
            if summary.series.folds
            else listed(seeds, _LISTED)
        ),
        "bagging": "yes" if summary.series.told.get("bagging") is True else "",
        "device": listed(dict.fromkeys(run.history.device for run in runs if run.history.device)),
        "begun": begun[0],
        "versions": "\n".join(dict.fromkeys(_versions(run.record.versions) for run in runs)),
        "run folders": f"{summary.path}: {listed((entry.name for entry in summary.entries), _LISTED)}",
        "notes": "\n".join(dict.fromkeys(note for run in runs for note in run.history.notes)),
    }
    yield panel("Runs", "", pairs({name: value for name, value in made.items() if value}))
    yield settings_panel(record.training, without=() if summary.series.folds else ("seed",))
    yield "</div>"


def _images(summary: SeriesSummary) -> str:
    sizes = summary.runs[0].record.sizes
    if summary.series.folds:
        return f"{sum(sizes.values()):,}"
    return ", ".join(f"{count:,} {split}" for split, count in sizes.items())


def _versions(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())
