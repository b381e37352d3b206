"""`evaluate_run`: measure a run on a split of its own data or of another source."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch
from torch import nn

from striate.data import Dataset, Preprocess, Source, StreamedDataset, open_source, open_split
from striate.data.augment import check_views, with_room
from striate.errors import DataError, listed
from striate.train.folder import RunFolder, RunRecord
from striate.train.losses import LABEL_LOSSES
from striate.train.metrics import Evaluation, LabelEvaluation, evaluate
from striate.train.prepare import resolve_device

__all__ = ["data_of", "evaluate_run", "opened"]


def evaluate_run(
    folder: RunFolder,
    data: str | Path | Source | None = None,
    split: str = "test",
    *,
    into: nn.Module | None = None,
    device: str = "auto",
    skip_bad_images: bool = False,
    views: str = "center",
) -> Evaluation | LabelEvaluation:
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
    source = opened(folder.record.data, folder.record.fingerprint, data)
    where = resolve_device(device)
    module = folder.module(into).to(where)
    preprocess = with_room(folder.record.preprocess, views)
    dataset = data_of(folder.record, source, split, preprocess, skip_bad_images=skip_bad_images)
    return evaluate(module, dataset, preprocess, folder.record.class_names, split, where, views)


def opened(name: str, fingerprint: str, data: str | Path | Source | None) -> Source:
    """Return the source that ``data`` names; None means the one called ``name`` that a run was trained on.

    Raises:
        DataError: if it is missing, or has another fingerprint by now and ``data`` does not name it.
    """
    source = data if isinstance(data, Source) else open_source(name if data is None else data)
    if data is None and source.fingerprint != fingerprint:
        raise DataError(
            f"{source.name} has changed since the run was trained on it; to measure the run on what is there "
            f"now, say so: --data {source.name} (data={source.name!r})."
        )
    return source


def data_of(
    record: RunRecord, source: Source, split: str, preprocess: Preprocess, *, skip_bad_images: bool
) -> Dataset | StreamedDataset:
    """Return a split of ``source``, its images in the size that ``preprocess`` takes.

    Targets number the run's classes, whatever order the source has now.

    Raises:
        DataError: if the split is missing, has classes that the run does not know, or several labels an image where
            the run was trained to give one.
    """
    index = {name: i for i, name in enumerate(record.class_names)}
    strange = [name for name in source.class_names if name not in index]
    if strange:
        raise DataError(
            f"{source.name} has classes that the run does not know: {listed(strange)}. "
            f"The run knows {listed(record.class_names)}."
        )
    if source.multi_label and record.training.loss.name not in LABEL_LOSSES:
        raise DataError(
            f"{source.name}: its images may have several labels each, and the run was trained to give one, with "
            f"loss={record.training.loss.name}. Keep one label of each, or train with loss={LABEL_LOSSES[0]}."
        )
    loaded = open_split(
        source,
        split,
        preprocess.stored_shape,
        resize=preprocess.resize,
        skip_bad_images=skip_bad_images,
    )
    numbers = torch.tensor([index[name] for name in source.class_names])
    if loaded.targets.ndim == 1:
        targets = numbers[loaded.targets]
        if record.several_labels:
            targets = torch.nn.functional.one_hot(targets, len(index)).float()
    else:
        targets = torch.zeros(len(loaded), len(index)).index_copy(1, numbers, loaded.targets)
    return dataclasses.replace(loaded, targets=targets)
