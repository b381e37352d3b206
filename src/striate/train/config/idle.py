"""Options that have no effect beside the others: a momentum of adamw, the epochs between the steps of a cosine."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from striate.errors import listed
from striate.train.config.training import TrainConfig

__all__ = ["idle_options", "is_taken"]

_ADAMS = ("adam", "adamw", "nadam", "radam", "muon")

_TAKEN_BY: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "optimizer": {
            "momentum": ("sgd", "rmsprop", "lars", "muon"),
            "betas": _ADAMS,
            "eps": (*_ADAMS, "adagrad", "adadelta", "rmsprop"),
            "smoothing": ("rmsprop", "adadelta"),
        },
        "schedule": {
            "floor": ("step", "multi-step", "exponential", "cosine", "one-cycle", "warm-restarts", "plateau"),
            "factor": ("step", "multi-step", "exponential", "plateau"),
            "every": ("step", "exponential", "warm-restarts"),
            "growth": ("warm-restarts",),
            "plateau": ("plateau",),
        },
        "loss": {"focus": ("focal",)},
    }
)
"""Of each group the options that are of some of its methods alone, with these."""

_TINY = 1e-9
_NEEDS = (("optimizer", "lookahead_share", "lookahead"), ("averaging", "swa_every", "swa"))
"""Options that only change another one of their group."""


def idle_options(config: TrainConfig, images: int | None = None) -> Iterator[str]:
    """Yield a sentence for each option that is not as by default and changes nothing; the loss is a chosen one.

    Args:
        config: The options.
        images: How many train; None if it is not known.
    """
    for group, options in _TAKEN_BY.items():
        part = getattr(config, group)
        for name, takers in options.items():
            if part.name not in takers and (told := _told(part, name)):
                yield f"{told} has no effect with {group}={part.name}: it is an option of {listed(takers, len(takers))}"
    for group, name, needed in _NEEDS:
        part = getattr(config, group)
        if getattr(part, needed) is None and (told := _told(part, name)):
            yield f"{told} has no effect without {needed}"
    yield from _idle_amounts(config, images)


def is_taken(config: TrainConfig, name: str) -> bool:
    """Return whether the option ``name``, such as ``schedule.every``, is one of the method that ``config`` names."""
    group, _, option = name.partition(".")
    takers = _TAKEN_BY.get(group, {}).get(option)
    return takers is None or getattr(config, group).name in takers


def _idle_amounts(config: TrainConfig, images: int | None) -> Iterator[str]:
    """Yield a sentence for each amount that is never come to."""
    optimizer, averaging, epochs = config.optimizer, config.averaging, config.epochs
    whole, part_of_it = config.batch_size, config.execution.micro_batch
    if part_of_it is not None and part_of_it >= whole:
        yield f"micro_batch={part_of_it:,} has no effect on batches of {whole:,}: it is to be smaller"
    if config.patience is not None and config.patience >= math.ceil(epochs):
        yield f"patience={config.patience:,} has no effect in {epochs:g} epochs"
    if optimizer.decay_all and not any(
        (optimizer.weight_decay, *(group.weight_decay for group in optimizer.groups))
    ):
        yield "decay_all=True has no effect with weight_decay=0"
    if (
        optimizer.lookahead is not None
        and images is not None
        and optimizer.lookahead > epochs * images / whole
    ):
        steps = math.floor(epochs * images / whole)
        yield f"lookahead={optimizer.lookahead:,} has no effect in {steps:,} steps"
    if averaging.swa is not None:
        ends = range(1, math.floor(epochs / averaging.swa_every + _TINY) + 1)
        if sum(number * averaging.swa_every >= averaging.swa * epochs for number in ends) <= 1:
            yield (
                f"swa={averaging.swa:g} has no effect in {epochs:g} epochs with swa_every={averaging.swa_every}: it "
                "takes the weights of one epoch alone"
            )


def _told(part: Any, name: str) -> str | None:
    """Return the option and its value; None if it is as by default."""
    value = getattr(part, name)
    default = next(field.default for field in dataclasses.fields(part) if field.name == name)
    if value == default:
        return None
    return f"{name}={list(value) if isinstance(value, tuple) else value}"
