"""`evaluate_run`: measure a run on a split of its own data or of another source."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch
from torch import nn

from striate.data import Source, open_source, open_split
from striate.data.augment import check_views, with_room
from striate.errors import DataError, listed
from striate.train.folder import RunFolder
from striate.train.metrics import Evaluation, evaluate
from striate.train.prepare import resolve_device

__all__ = ["evaluate_run"]


def evaluate_run(
    folder: RunFolder,
    data: str | Path | Source | None = None,
    split: str = "test",
    *,
    into: nn.Module | None = None,
    device: str = "auto",
    skip_bad_images: bool = False,
    views: str = "center",
) -> Evaluation:
    """Measure the run in ``folder``.

    Args:
        folder: The run.
        data: A source; None means the one that it was trained on.
        split: Which split of it.
        into: The module to fill, for a run that trained a module of the user's own.
        device: Where to compute.
        skip_bad_images: Leave out images that cannot be read.
        views: What of each image is seen: ``center``, or several views whose answers are averaged, ``flip``,
            ``five-crop``, ``ten-crop``, ``scales``.

    Raises:
        DataError: if the source or the split is missing, has classes that the run does not know, or is not
            what the run was trained on any more and ``data`` does not name it.
        RunError: if the run has no weights.
        ConfigError: if there are no such views.
    """
    check_views(views)
    record = folder.record
    source = data if isinstance(data, Source) else open_source(record.data if data is None else data)
    if data is None and source.fingerprint != record.fingerprint:
        raise DataError(
            f"{source.name} has changed since the run was trained on it; to measure the run on what is there "
            f"now, say so: --data {source.name} (data={source.name!r})."
        )
    index = {name: i for i, name in enumerate(record.class_names)}
    strange = [name for name in source.class_names if name not in index]
    if strange:
        raise DataError(
            f"{source.name} has classes that the run does not know: {listed(strange)}. "
            f"The run knows {listed(record.class_names)}."
        )
    where = resolve_device(device)
    module = folder.module(into).to(where)
    preprocess = with_room(record.preprocess, views)
    loaded = open_split(
        source,
        split,
        preprocess.stored_shape,
        resize=preprocess.resize,
        skip_bad_images=skip_bad_images,
    )
    # The run's order of classes is the one that counts, whatever order the source has now.
    renumbered = torch.tensor([index[name] for name in source.class_names])[loaded.targets]
    dataset = dataclasses.replace(loaded, targets=renumbered)
    return evaluate(module, dataset, preprocess, record.class_names, split, where, views)
