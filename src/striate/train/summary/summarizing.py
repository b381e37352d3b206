"""`summarize`: gathers what a summary shows."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from striate.data import Source
from striate.errors import RunError, StriateError
from striate.train.folder import RunFolder
from striate.train.measure import evaluate_run
from striate.train.summary.history import read_history
from striate.train.summary.summary import Summary

__all__ = ["summarize"]


def summarize(
    folder: RunFolder,
    data: str | Path | Source | None = None,
    split: str = "val",
    *,
    into: nn.Module | None = None,
    device: str = "auto",
) -> Summary:
    """Return the summary of a run, also of one that was interrupted or is still going on.

    Where the data has moved, or the run has no weights yet, the summary says so and shows the rest.

    Args:
        folder: The run.
        data: What to measure it on; None means what it was trained on.
        split: Which split of it.
        into: The module to fill, for a run that trained a module of the user's own.
        device: Where to compute.

    Raises:
        RunError: if it has no event log, or a damaged one.
        StriateError: as `evaluate_run` does, if ``data`` or another split was asked for and there is none such.
    """
    history = read_history(folder.path)
    try:
        skip = folder.record.training.images.skip_bad_images
        measured = evaluate_run(folder, data, split, into=into, device=device, skip_bad_images=skip)
    except StriateError as error:
        asked = data is not None or split != "val"
        if asked and not isinstance(error, RunError):
            raise
        measured, problem = None, str(error)
    else:
        problem = ""
    return Summary(
        path=folder.path, record=folder.record, history=history, evaluation=measured, problem=problem
    )
