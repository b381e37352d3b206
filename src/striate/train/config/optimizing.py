"""How weights are changed: the optimizer, and its learning rate over the steps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from striate.errors import ConfigError
from striate.train.config.base import (
    BelowOne,
    Count,
    NotNegative,
    Positive,
    Share,
    listed_values,
    option,
    part,
)

__all__ = ["USUAL", "Group", "OptimizerConfig", "ScheduleConfig"]

Optimizer = Literal[
    "sgd", "adagrad", "adadelta", "rmsprop", "adam", "adamw", "nadam", "radam", "lars", "muon"
]
Schedule = Literal[
    "constant", "step", "multi-step", "exponential", "cosine", "one-cycle", "warm-restarts", "plateau"
]


@part
class Group:
    """Weights that are trained in another way.

    Attributes:
        paths: A pattern of paths, as in a shell: ``stage1.*``, ``*.bias``. The first group that matches counts.
    """

    paths: str = option("*", "Pattern of the paths of weights, as in a shell.")
    lr_factor: NotNegative = option(1.0, "Their learning rate over that of the others; 0 freezes them.")
    weight_decay: NotNegative | None = option(None, "Their decay; none means that of the others.")


def _groups(value: Any) -> Any:
    """Read groups as files write them, each a mapping."""
    if not isinstance(value, list | tuple) or not all(isinstance(entry, dict | Group) for entry in value):
        raise ValueError("must be a list of groups, such as [{paths: conv1.*, lr_factor: 0.1}]")
    try:
        groups = tuple(
            Group(**{str(key): given for key, given in entry.items()}) if isinstance(entry, dict) else entry
            for entry in value
        )
    except ConfigError as error:
        told = str(error).removeprefix("training: ").replace("training has", "a group has", 1)
        raise ValueError(f"must be a list of groups: {told.rstrip('.')}") from None
    paths = [group.paths for group in groups]
    if twice := next((pattern for pattern in paths if paths.count(pattern) > 1), None):
        raise ValueError(
            f"must be a list of groups of different paths: {twice!r} stands twice, and the first group that matches "
            "counts"
        )
    return groups


USUAL: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "sgd": {"lr": 0.05},
        "adagrad": {"lr": 0.01},
        "adadelta": {"lr": 1.0, "eps": 1e-6},
        "rmsprop": {"lr": 0.001},
        "lars": {"lr": 3.0},
        "muon": {"lr": 0.01},
    }
)
"""What an optimizer has by default in the place of what others have, found on two small networks."""


@part
class OptimizerConfig:
    """Which optimizer, and how it is set."""

    name: Optimizer = option(
        "adamw", "sgd, adagrad, adadelta, rmsprop, adam, adamw, nadam, radam, lars, muon."
    )
    lr: Positive = option(
        2e-3, "Peak rate; sgd 0.05, lars 3, adadelta 1, adagrad and muon 0.01, rmsprop 0.001."
    )
    momentum: BelowOne = option(0.9, "Momentum of sgd, rmsprop, lars and muon.")
    nesterov: bool = option(False, "Nesterov's momentum, of sgd and muon.")
    betas: Annotated[
        tuple[BelowOne, BelowOne], listed_values("a list of two numbers such as [0.9, 0.999]", 2)
    ] = option((0.9, 0.999), "Decays of Adam and its kin.")
    eps: Annotated[float, Field(gt=0, le=1)] = option(
        1e-8, "What keeps adaptive rates finite; adadelta 1e-6."
    )
    smoothing: BelowOne = option(0.9, "Decay of the mean square of rmsprop and adadelta.")
    weight_decay: NotNegative = option(
        0.01, "Decay of weights; apart from the gradient in adamw, nadam, radam, muon."
    )
    decay_all: bool = option(False, "Let norms and biases decay as well.")
    lookahead: Count | None = option(None, "Steps between two of Lookahead's; none means without it.")
    lookahead_share: Share = option(0.5, "How far Lookahead goes toward the fast weights.")
    groups: Annotated[tuple[Group, ...], BeforeValidator(_groups)] = option(
        (), "Weights that are trained in another way."
    )

    @staticmethod
    def arranged(options: dict[str, Any]) -> dict[str, Any]:
        """Return ``options`` with the defaults that an optimizer has of its own."""
        name = options.get("name")
        return {**(USUAL.get(name, {}) if isinstance(name, str) else {}), **options}


def _every(value: Any) -> Any:
    """Read what a command line says: auto, or a number."""
    if value == "auto":
        return value
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 0 < number < math.inf:
        raise ValueError("must be auto, or a number of epochs above 0")
    return number


@part
class ScheduleConfig:
    """The learning rate as a function of the step."""

    name: Schedule = option(
        "cosine", "constant, step, multi-step, exponential, cosine, one-cycle, warm-restarts, plateau."
    )
    warmup: BelowOne = option(0.05, "Share of the steps over which the learning rate rises from 0.")
    floor: Share = option(0.0, "Share of the peak that the rate does not fall below.")
    factor: Annotated[float, Field(gt=0, lt=1)] = option(
        0.1, "What the rate is multiplied with at a step or plateau."
    )
    every: Annotated[Literal["auto"] | float, BeforeValidator(_every)] = option(
        "auto", "Epochs between falls of step, or of the first warm restart; auto is a third."
    )
    at: Annotated[tuple[Positive, ...], listed_values("a list of epochs such as [5, 8]")] = option(
        (), "Epochs of the falls of multi-step, such as 5,8."
    )
    growth: Annotated[float, Field(ge=1, le=100)] = option(2.0, "How much longer each warm restart takes.")
    plateau: Count = option(5, "Epochs without a better validation before the rate falls, of plateau.")
