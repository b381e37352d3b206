"""`diff`: what two runs differ in."""

from __future__ import annotations

from pathlib import Path

import torch

from striate.data import Source
from striate.errors import ConfigError, DataError, RunError, WeightsError, bad_argument, listed
from striate.train.config.reading import to_data
from striate.train.differences.answers import TrainedRun, compare_answers
from striate.train.differences.history import History, compare_steps, read_history
from striate.train.differences.leaves import leaves, network_leaves, preprocess_leaves
from striate.train.differences.report import AnswerDifferences, Difference, RunDiff
from striate.train.folder import RunFolder, RunRecord
from striate.train.measure import opened
from striate.train.prepare import resolve_device

__all__ = ["diff"]

_Asked = tuple[str | Path | Source | None, str | None]


def diff(
    first: TrainedRun | str | Path,
    second: TrainedRun | str | Path,
    *,
    data: str | Path | Source | None = None,
    split: str | None = None,
    top: int = 20,
    predictions: bool = True,
    device: str = "auto",
) -> RunDiff:
    """Return what two runs differ in: configuration, data, environment, their steps, and what they answer.

    Where runs cannot be asked about the same images, since they know different classes, or have no weights, the
    report says so.

    Args:
        first: A run, or its folder.
        second: Another. Of runs of modules of your own give each as ``striate.Run(folder, module=…)``.
        data: What both are to answer; None means what they were trained on.
        split: Which split of it; None means ``test``.
        top: Images to name whose answers changed.
        predictions: Whether to compare answers at all, which takes as long as measuring both runs.
        device: Where to compute these.

    Raises:
        RunError: if a folder is missing, foreign or damaged, its event log included.
        DataError: if ``data`` or ``split`` is given and is missing or does not suit; else the report says so.
        ConfigError: if there is no such device, or ``top`` is below 0.
    """
    if isinstance(top, bool) or not isinstance(top, int) or top < 0:
        raise ConfigError(bad_argument("top", top, "a whole number of at least 0"))
    where = resolve_device(device)
    ours, theirs = _run(first), _run(second)
    past, other_past = (read_history(run.path / "events.jsonl") for run in (ours, theirs))
    answers, problem = _answers(ours, theirs, (data, split), top, where) if predictions else (None, None)
    a, b = ours.record, theirs.record
    return RunDiff(
        runs=(str(ours.path), str(theirs.path)),
        configuration=tuple(leaves(to_data(a.training), to_data(b.training))),
        network=tuple(network_leaves(a, b)),
        preprocessing=tuple(preprocess_leaves(a.preprocess, b.preprocess)),
        augmentation=tuple(leaves(a.augment.to_data(), b.augment.to_data())),
        data=tuple(leaves(_data(a), _data(b))),
        environment=tuple(_environment(a, past, b, other_past)),
        results=tuple(leaves(past.results, other_past.results)),
        steps=compare_steps(past, other_past),
        answers=answers,
        remarks=() if problem is None else (f"Predictions were not compared: {problem}",),
    )


def _run(run: TrainedRun | str | Path) -> TrainedRun:
    return RunFolder.open(run) if isinstance(run, str | Path) else run


def _data(record: RunRecord) -> dict[str, object]:
    """Return what stands in ``run.yaml`` of the data."""
    data: dict[str, object] = record.to_data()["data"]
    return data


def _environment(first: RunRecord, past: History, second: RunRecord, other_past: History) -> list[Difference]:
    """Return the versions and the place that differ; None where they were not recorded."""
    ours, theirs = first.versions | past.place, second.versions | other_past.place
    names = list(ours | theirs)
    return list(leaves({name: ours.get(name) for name in names}, {name: theirs.get(name) for name in names}))


def _answers(
    first: TrainedRun, second: TrainedRun, asked: _Asked, top: int, where: torch.device
) -> tuple[AnswerDifferences | None, str | None]:
    """Return what the two answer, or why that cannot be compared."""
    data, split = asked
    if problem := _incomparable(first, second, data):
        return None, problem
    try:
        source = opened(first.record.data, first.record.fingerprint, data)
        return compare_answers(first, second, source, split or "test", top, where), None
    except (RunError, WeightsError) as error:
        return None, str(error)
    except DataError as error:
        if asked != (None, None):
            raise
        return None, str(error)


def _incomparable(first: TrainedRun, second: TrainedRun, data: str | Path | Source | None) -> str | None:
    """Return why two runs have no images in common that both could name."""
    a, b = first.record, second.record
    if set(a.class_names) != set(b.class_names):
        alone = [
            f"{run.path} alone knows {listed(own)}"
            for run, other in ((first, b), (second, a))
            if (own := [name for name in run.record.class_names if name not in other.class_names])
        ]
        return f"the runs know different classes; {' and '.join(alone)}."
    if data is None and a.fingerprint != b.fingerprint:
        return (
            f"{first.path} was trained on {a.data} and {second.path} on {b.data}, or on another state of it; "
            "say what both are to answer: --data SOURCE (data=…)."
        )
    return None
