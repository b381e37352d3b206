"""How long training will take, from one measured step; an estimate."""

from __future__ import annotations

from striate.data.cores import cores
from striate.train.check.report import Time
from striate.train.check.subject import Findings, Subject, finding
from striate.train.check.trial import Trial
from striate.train.config import TrainConfig

__all__ = ["duration", "estimate", "slow_decoding", "slow_training"]

_VALIDATION = 1 / 3  # of a training step: the forward pass of three passes
_LONG_TO_DECODE = 20  # seconds
_DAY, _HOUR, _MINUTE = 86_400, 3_600, 60


def estimate(
    trial: Trial, config: TrainConfig, train: int, val: int, decode_seconds: float | None, *, streamed: bool
) -> Time:
    """Return what follows from the measured step for ``train`` and ``val`` images.

    ``decode_seconds`` is what one image takes one core, and None if images are stored as they are needed.
    """
    step = trial.step_seconds(config.batch_size)
    per_image = step / config.batch_size
    decoding = 0.0 if decode_seconds is None else decode_seconds * (train + val) / cores()
    waiting = decoding if streamed else 0.0
    validations = max(1, round(config.epochs))
    return Time(
        measured_batch=trial.batch,
        repeats=trial.repeats,
        step=step,
        images_per_second=1 / per_image,
        epoch=max(per_image * (train + _VALIDATION * val), waiting),
        total=max(
            per_image * (config.epochs * train + validations * _VALIDATION * val), config.epochs * waiting
        ),
        decoding=decoding,
        streamed=streamed,
    )


def slow_training(subject: Subject) -> Findings:
    """Whether it takes days."""
    time = subject.time
    if time is not None and time.total > _DAY:
        yield finding(
            "warning",
            "slow",
            f"{subject.config.epochs:g} epochs take about {duration(time.total)} here",
            "Use a smaller input or network, fewer epochs, weights learned elsewhere, or a GPU (--device cuda).",
        )


def slow_decoding(subject: Subject) -> Findings:
    """Whether reading the images takes longer than learning from them."""
    time = subject.time
    if time is None or subject.shape is None:
        return
    learning = (subject.images("train") + _VALIDATION * subject.images("val")) / time.images_per_second
    if time.decoding < max(0.5 * learning, _LONG_TO_DECODE):
        return
    size = f"{subject.shape[1]}x{subject.shape[2]}"
    when = "in every epoch" if time.streamed else "before the first step"
    yield finding(
        "note",
        "slow-decoding",
        f"decoding the images takes about {duration(time.decoding)} {when}, learning from them {duration(learning)} "
        "an epoch",
        f"Do it once for all runs: striate data pack {subject.data.source} --size {size} --channels "
        f"{subject.shape[0]} --out images.pack, then --data images.pack.",
    )


def duration(seconds: float) -> str:
    """Write a time with one unit: ``0.4 s``, ``12 min``, ``3.5 h``, ``2.1 days``."""
    for unit, size in (("days", _DAY), ("h", _HOUR), ("min", _MINUTE)):
        if seconds >= 2 * size:
            count = seconds / size
            return f"{count:.0f} {unit}" if count >= 10 else f"{count:.1f} {unit}"
    if seconds >= 0.1:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    return f"{1000 * seconds:.1f} ms"
