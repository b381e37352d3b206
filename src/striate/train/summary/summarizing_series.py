"""`summarize_series`: gathers what the summary of several runs shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from torch import nn

from striate.data import Source, open_source
from striate.errors import ConfigError, RunError, StriateError, bad_argument
from striate.train.folder import RunFolder
from striate.train.keeping.ended import is_done
from striate.train.measure import opened
from striate.train.metrics import Evaluation, LabelEvaluation
from striate.train.several.ensemble import evaluate_members
from striate.train.several.pooling import evaluate_folds
from striate.train.several.scores import Scores
from striate.train.several.series_folder import SeriesFolder
from striate.train.summary.history import read_history
from striate.train.summary.series import Entry, SeriesSummary
from striate.train.summary.summary import Summary

__all__ = ["summarize_series"]

_AnyEvaluation = Evaluation | LabelEvaluation


def summarize_series(
    path: str | Path,
    data: str | Path | Source | None = None,
    split: str = "val",
    *,
    module: nn.Module | None = None,
    device: str = "auto",
) -> SeriesSummary:
    """Return the summary of the folds or members in a folder, also where some are not done, or not there yet.

    Folds are measured each by the run that lacks it, members on a split. Where the data has moved, the summary says so
    and shows the rest.

    Args:
        path: The folder, as `striate.cross_validate` and `striate.fit_ensemble` make it.
        data: What was divided, or what to measure members on; None means what the runs were trained on.
        split: Which split of it, of members.
        module: The module that was trained, if it was one of the user's own; it stays as it is.
        device: Where to compute.

    Raises:
        RunError: if there is no such folder, or if its file is damaged.
        ConfigError: if a split other than ``val`` is asked for of folds.
        StriateError: if ``data`` or another split was asked for and there is none such.
    """
    series = SeriesFolder.open(path)
    if series.folds and split != "val":
        fix = "Each image is answered by the run that lacks its fold; one of the runs can be measured on its own."
        raise ConfigError(bad_argument("split", split, "'val', of folds", fix))
    entries = [_entry(series, name) for name in series.names]
    done = [entry for entry in entries if entry.done and entry.summary is not None]
    if not done:
        problem = f"no {series.one} is done yet."
        return SeriesSummary(
            series=series, entries=tuple(entries), scores=None, together=None, problem=problem
        )
    runs = [RunFolder(entry.summary.path, entry.summary.record) for entry in done if entry.summary]
    try:
        together, alone = _measured(series, runs, data, split, module, device)
    except StriateError as error:
        asked = data is not None or split != "val"
        if asked and not isinstance(error, RunError):
            raise
        problem, told = str(error), _told_scores(series) if len(done) == len(entries) else None
        named = tuple(_with(entry, None, problem) if entry in done else entry for entry in entries)
        return SeriesSummary(series=series, entries=named, scores=told, together=None, problem=problem)
    measured = dict(zip((entry.name for entry in done), alone, strict=True))
    return SeriesSummary(
        series=series,
        entries=tuple(_with(e, measured[e.name]) if e.name in measured else e for e in entries),
        scores=Scores.of([*measured], alone),
        together=together,
    )


def _entry(series: SeriesFolder, name: str) -> Entry:
    """Read a run and its log; it is not measured yet."""
    path = series.path / name
    if name in series.missing:
        return Entry(name=name, done=False, summary=None)
    try:
        folder = RunFolder.open(path)
        history = read_history(path)
    except RunError as error:
        return Entry(name=name, done=False, summary=None, problem=str(error))
    problem = f"the {series.one} is not done."
    summary = Summary(path=path, record=folder.record, history=history, evaluation=None, problem=problem)
    return Entry(name=name, done=is_done(path), summary=summary)


def _with(entry: Entry, measured: _AnyEvaluation | None, problem: str = "") -> Entry:
    """Return the entry with what was measured of its run, or why nothing was."""
    if entry.summary is None:
        return entry
    return replace(entry, summary=replace(entry.summary, evaluation=measured, problem=problem))


def _measured(
    series: SeriesFolder,
    runs: Sequence[RunFolder],
    data: str | Path | Source | None,
    split: str,
    module: nn.Module | None,
    device: str,
) -> tuple[_AnyEvaluation, list[_AnyEvaluation]]:
    """Return the measures of all runs together, and of each."""
    skip = runs[0].record.training.images.skip_bad_images
    if series.folds:
        source = data if isinstance(data, Source) else open_source(series.data if data is None else data)
        return evaluate_folds(series, runs, source, module=module, device=device, skip_bad_images=skip)
    source = opened(series.data, str(series.told["fingerprint"]), data)
    return evaluate_members(runs, source, split, device=device, skip_bad_images=skip)


def _told_scores(series: SeriesFolder) -> Scores | None:
    """Return what the file of the folds says that they reached, if it says that of all."""
    scores = Scores.from_data(series.told) if series.folds else None
    return scores if scores is not None and scores.runs == series.names else None
