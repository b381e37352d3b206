"""`find_lr`: the range of learning rates of a network on its data. No run folder is made."""

from __future__ import annotations

import copy
import math
from contextlib import closing
from pathlib import Path

import torch
from torch import nn

from striate.data import Batches, Source
from striate.errors import ConfigError
from striate.spec import Network
from striate.train.config import TrainConfig
from striate.train.diverge import NotFinite
from striate.train.exhaustion import told_lack_of_memory
from striate.train.feeding import feed
from striate.train.methods.finder import RateRange, check_range, find_rates
from striate.train.prepare import Prepared, prepare, resolve_device
from striate.train.stepping import Stepper

__all__ = ["find_lr"]


def find_lr(
    network: Network | nn.Module,
    data: str | Path | Source,
    config: TrainConfig | None = None,
    *,
    low: float = 1e-6,
    high: float = 10.0,
    steps: int = 100,
) -> RateRange:
    """Train for a few steps at rates that rise from ``low`` to ``high``, and return what the losses were.

    All but rate and schedule is as in training. The weights are thrown away; a module of your own, the random state
    and the threads of torch are as before afterwards.

    Args:
        network: As for `train`.
        data: As for `train`.
        config: The training that is meant.
        low: The first rate.
        high: The last rate.
        steps: How many rates, one a step.

    Raises:
        ConfigError, DataError, ShapeError: as `train`; or unless ``0 < low < high`` and ``steps`` is 10 or more.
        TrainingError: if the loss is no number within the first two steps, or memory runs out.
    """
    check_range(low, high, steps)
    if isinstance(network, nn.Module):
        try:
            network = copy.deepcopy(network)
        except Exception as error:  # the user's own code may raise anything
            raise ConfigError(f"the module cannot be copied: {type(error).__name__}: {error}.") from error
    config = config or TrainConfig()
    device = resolve_device(config.device)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        prepared = prepare(network, data, config)
        with prepared.plan.applied(device):
            return _found(prepared, low, high, steps)


def _found(prepared: Prepared, low: float, high: float, steps: int) -> RateRange:
    config = prepared.record.training
    batches = Batches(prepared.train, config.batch_size, config.seed, config.loss.sampling)
    stepper = Stepper(prepared, steps)
    with told_lack_of_memory(config.batch_size), closing(feed(prepared, batches, range(steps))) as fed:

        def step(rate: float) -> float:
            try:
                return stepper.step_at(rate, next(fed))
            except NotFinite:
                return math.nan

        about = f"{prepared.name} on {prepared.record.data}, {config.optimizer.name}"
        return find_rates(step, low, high, steps, about)
