"""Gathers what the checks look at: arithmetic, what training itself says, and the measured step. Judges nothing."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn
from torch.nn.parameter import UninitializedParameter

from striate.analyze import Analysis, analyze
from striate.data import Source, open_source
from striate.data.check.report import Report
from striate.errors import DataError, ShapeError, StriateError
from striate.spec import Network
from striate.train import fits
from striate.train.check import memory, pace
from striate.train.check.report import Loss, Memory
from striate.train.check.sample import Sample, blank, draw
from striate.train.check.subject import Subject
from striate.train.check.trial import Trial, try_out
from striate.train.config import TrainConfig
from striate.train.losses import LABEL_LOSSES, chosen_loss, first_loss
from striate.train.prepare import Prepared, prepare

__all__ = ["look", "opened"]

_SLOWEST = 2e9  # multiply-accumulates in a second, which any machine does
_LONGEST = 60.0  # seconds that a step of two images may take, at that pace

Shape = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    """What came of trying to train."""

    refusal: str | None = None
    data_refusal: str | None = None
    failure: str | None = None
    trial: Trial | None = None
    decode_seconds: float | None = None
    parameters: int | None = None
    remarks: tuple[str, ...] = ()


def look(
    network: Network | nn.Module,
    data: Source | DataError,
    report: Report,
    config: TrainConfig,
    device: torch.device,
) -> Subject:
    """Return all there is to judge of ``network`` on ``data``, which `opened` gave and whose report is ``report``."""
    data_refusal = str(data) if isinstance(data, DataError) else _without_split(data)
    source = None if isinstance(data, DataError) or data_refusal else data
    train, val = (report.statistics.splits.get(split, 0) for split in ("train", "val"))
    analysis = _analyzed(network, config)
    parameters = _parameters(network, analysis)
    shape = _image_shape(network, source)
    needs = None if analysis is None else memory.estimate(analysis, source, train, val, config, device)
    # A seed is set on every GPU, whichever is used.
    used = device.type == "cuda" or torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    gpus = range(torch.cuda.device_count()) if used else []
    with torch.random.fork_rng(devices=list(gpus)):
        done = _attempted(network, source, report, config, shape, analysis, needs)
    time = None
    if done.trial is not None:
        streamed = source is not None and "train" in source.layouts
        time = pace.estimate(done.trial, config, train, val, done.decode_seconds, streamed=streamed)
        needs = None if needs is None else replace(needs, peak=done.trial.peak)
    return Subject(
        name=network.name if isinstance(network, Network) else type(network).__name__,
        network=network if isinstance(network, Network) else None,
        analysis=analysis,
        parameters=done.parameters if parameters is None else parameters,
        data=report,
        config=config,
        shape=shape,
        refusal=done.refusal,
        data_refusal=data_refusal or done.data_refusal,
        failure=done.failure,
        memory=needs,
        loss=_loss(report, config, done.trial, several_labels=source is not None and source.multi_label),
        time=time,
        trial=done.trial,
        remarks=done.remarks,
    )


def opened(data: str | Path | Source) -> Source | DataError:
    """Return the source, or why training would refuse it."""
    try:
        return data if isinstance(data, Source) else open_source(data)
    except DataError as error:
        return error


def _without_split(source: Source) -> str | None:
    """Return what training would say of a source that lacks images to train with or to validate by."""
    try:
        for split in ("train", "val"):
            source.check_split(split)
            if not len(source.targets[split]):
                return f"{source.name}: the split {split!r} holds no images. Add images."
    except DataError as error:
        return str(error)
    return None


def _analyzed(network: Network | nn.Module, config: TrainConfig) -> Analysis | None:
    try:
        return analyze(network, batch_size=config.batch_size) if isinstance(network, Network) else None
    except ShapeError:
        return None


def _parameters(network: Network | nn.Module, analysis: Analysis | None) -> int | None:
    """Return how many there are; None while lazy layers have not seen an image."""
    if isinstance(network, Network):
        return None if analysis is None else analysis.totals.params
    parameters = list(network.parameters())
    if any(isinstance(parameter, UninitializedParameter) for parameter in parameters):
        return None
    return sum(parameter.numel() for parameter in parameters)


def _image_shape(network: Network | nn.Module, source: Source | None) -> Shape | None:
    if not isinstance(network, Network):
        return None if source is None else source.shape
    if len(network.input) != 3:
        return None
    channels, height, width = network.input
    return channels, height, width


def _loss(report: Report, config: TrainConfig, trial: Trial | None, *, several_labels: bool) -> Loss | None:
    """Return what the loss is, and what it would be without knowing more than the classes or their shares."""
    classes = len(report.class_names)
    counts = report.statistics.counts.get("train", {})
    total = sum(counts.values())
    if classes < 2 or not total:
        return None
    chosen = chosen_loss(config.loss, several_labels=several_labels)
    if several_labels and chosen.name not in LABEL_LOSSES:
        return None  # which training refuses
    prior = None
    if chosen.name == "cross-entropy":
        smoothing = chosen.label_smoothing
        shares = [(1 - smoothing) * count / total + smoothing / classes for count in counts.values()]
        prior = -sum(share * math.log(share) for share in shares if share)
    return Loss(
        first=None if trial is None else trial.loss,
        uniform=first_loss(chosen, classes, several_labels=several_labels),
        prior=prior,
        named={"cross-entropy": f"ln {classes}", "binary": "ln 2"}.get(chosen.name, "knowing nothing"),
    )


def _attempted(
    network: Network | nn.Module,
    source: Source | None,
    report: Report,
    config: TrainConfig,
    shape: Shape | None,
    analysis: Analysis | None,
    needs: Memory | None,
) -> _Attempt:
    """Let training itself look at the network, then do a few steps."""
    no_room = needs is not None and needs.largest_batch == 0
    try:
        if not isinstance(network, Network):
            network = copy.deepcopy(network)
    except Exception as error:  # the user's own code may raise anything
        return _Attempt(
            remarks=(f"No step was measured: the module cannot be copied ({_first_line(error)}).",)
        )
    sample, no_sample = _drawn(source, shape, config)
    held = blank(report.source, report.class_names, shape) if sample is None else sample.source
    try:
        if source is not None and shape is None and not isinstance(network, Network):
            prepare(network, source, config)  # which says what to do about images of many sizes
        if no_room and isinstance(network, Network):
            fits.check_network(network, report.class_names, 1, torch.device("cpu"))
            return _Attempt(data_refusal=no_sample)
        prepared = prepare(network, held, config)
    except StriateError as error:
        return _Attempt(refusal=str(error))
    if sample is None:
        return _Attempt(data_refusal=no_sample)
    on_cpu = prepared.device.type == "cpu"
    if on_cpu and analysis is not None and 6 * analysis.totals.macs / _SLOWEST > _LONGEST:
        return _Attempt(remarks=("No step was measured: it would take too long here.",))
    return _tried(prepared, sample, config, None if needs is None else needs.largest_batch)


def _drawn(
    source: Source | None, shape: Shape | None, config: TrainConfig
) -> tuple[Sample | None, str | None]:
    """Return images to measure with, or why there are none."""
    if source is None or shape is None:
        return None, None
    try:
        return draw(source, shape, config.batch_size, config.seed), None
    except DataError as error:
        return None, str(error)


def _tried(prepared: Prepared, sample: Sample, config: TrainConfig, most: int | None) -> _Attempt:
    try:
        trial = try_out(prepared, most)
    except Exception as error:  # the user's own code may raise anything
        return _Attempt(failure=_first_line(error), decode_seconds=sample.seconds)
    parameters = sum(parameter.numel() for parameter in prepared.module.parameters())
    remarks = []
    if trial.batch < config.batch_size:
        remarks.append(
            f"Measured with {trial.batch} images at a time, and scaled to {config.batch_size}, which would have taken "
            "too long or too much memory."
        )
    if not sample.whole:
        remarks.append(
            f"Mean and standard deviation are those of {len(sample.source.targets['train']):,} images."
        )
    return _Attempt(trial=trial, decode_seconds=sample.seconds, parameters=parameters, remarks=tuple(remarks))


def _first_line(error: Exception) -> str:
    first = (str(error).splitlines() or [""])[0].rstrip(".")
    return f"{type(error).__name__}: {first}"
