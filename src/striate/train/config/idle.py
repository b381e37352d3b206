"""Options that have no effect beside the others: a momentum of adamw, the epochs between the steps of a cosine."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from striate.errors import listed
from striate.train.config.training import TrainConfig

__all__ = ["idle_options"]

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

_NEEDS = (("optimizer", "lookahead_share", "lookahead"), ("averaging", "swa_every", "swa"))
"""Options that only change another one of their group."""


def idle_options(config: TrainConfig) -> Iterator[str]:
    """Yield a sentence for each option that is not as by default and changes nothing; the loss is a chosen one."""
    for group, options in _TAKEN_BY.items():
        part = getattr(config, group)
        for name, takers in options.items():
            if part.name not in takers and (told := _told(part, name)):
                yield f"{told} has no effect with {group}={part.name}: it is an option of {listed(takers, len(takers))}"
    for group, name, needed in _NEEDS:
        part = getattr(config, group)
        if getattr(part, needed) is None and (told := _told(part, name)):
            yield f"{told} has no effect without {needed}"
    whole, part_of_it = config.batch_size, config.execution.micro_batch
    if part_of_it is not None and part_of_it >= whole:
        yield f"micro_batch={part_of_it:,} has no effect on batches of {whole:,}: it is to be smaller"


def _told(part: Any, name: str) -> str | None:
    """Return the option and its value; None if it is as by default."""
    value = getattr(part, name)
    default = next(field.default for field in dataclasses.fields(part) if field.name == name)
    if value == default:
        return None
    return f"{name}={list(value) if isinstance(value, tuple) else value}"
