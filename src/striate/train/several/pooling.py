"""`evaluate_folds`: what runs answer to the folds that they lack, each alone, and the answers of all put together."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from striate.data import FoldSource, Source
from striate.errors import DataError
from striate.train.folder import RunFolder
from striate.train.measure import data_of
from striate.train.metrics import Evaluation, LabelEvaluation, scored
from striate.train.prepare import resolve_device
from striate.train.several.ensemble import answers, check_members
from striate.train.several.series_folder import SeriesFolder

__all__ = ["OUT_OF_FOLD", "evaluate_folds"]

OUT_OF_FOLD = "out of fold"
"""What stands in the place of a split where each image is answered by the run that did not see it."""


def evaluate_folds(
    series: SeriesFolder,
    runs: Sequence[RunFolder],
    source: Source,
    *,
    module: nn.Module | None = None,
    device: str = "auto",
    skip_bad_images: bool = False,
) -> tuple[Evaluation | LabelEvaluation, list[Evaluation | LabelEvaluation]]:
    """Measure runs, each on the fold that it lacks; return the measures of all answers together, and of each run.

    One run is in memory at a time, and the answers of all: N×K numbers, N images in the folds and K classes.

    Args:
        series: The folds.
        runs: Those of its runs that are measured.
        source: What was divided.
        module: To be filled, if a module of the user's own was trained; it stays as it is.
        device: Where to compute.
        skip_bad_images: Leave out images that cannot be read.

    Raises:
        DataError: if ``source`` is not what the runs were trained on, for its folds would not be those that they lack.
        RunError: if a run has no weights, or needs ``module``.
    """
    check_members(runs)
    where = resolve_device(device)
    names = runs[0].record.class_names
    logits: list[Tensor] = []
    targets: list[Tensor] = []
    skipped: list[str] = []
    alone = []
    for run in runs:
        record = run.record
        number = series.names.index(run.path.name) + 1
        fold = FoldSource(source, number, len(series.names), series.seed or 0)
        if fold.fingerprint != record.fingerprint:
            raise DataError(
                f"{source.name} is not what {run.path} was trained on, or has changed since; its folds would not be "
                "those that the runs lack, and nothing is measured."
            )
        dataset = data_of(record, fold, "val", record.preprocess, skip_bad_images=skip_bad_images)
        filled = run.module(copy.deepcopy(module))
        given = answers(filled, dataset, record.preprocess, where)
        alone.append(scored([given], dataset.targets, names, "val", dataset.skipped))
        logits.append(given)
        targets.append(dataset.targets)
        skipped += dataset.skipped
    return scored(logits, torch.cat(targets), names, OUT_OF_FOLD, tuple(skipped)), alone
