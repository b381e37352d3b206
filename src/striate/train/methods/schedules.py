"""The learning rate as a pure function of the step. It does not know of optimizers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from striate.errors import ConfigError, bad_argument
from striate.train.config import ScheduleConfig

__all__ = ["check_schedule", "learning_rate", "plateau_falls"]

_RISE = 0.3
"""Share of one-cycle over which the rate rises."""
_LOW = 1 / 25
"""Share of the peak at which one-cycle begins."""
_TINY = 1e-9
"""What an epoch's end may be missed by, where the steps of an epoch are no whole number."""


def learning_rate(
    schedule: ScheduleConfig, lr: float, step: int, steps: int, steps_per_epoch: float, falls: int = 0
) -> float:
    """Return the rate of step ``step`` (from 0) of ``steps``.

    Over the warmup it rises linearly, to what the schedule gives where the warmup ends; nothing else is below
    ``floor * lr``. Then, as shares of ``lr``:

    - ``constant``: 1.
    - ``step``: ``factor`` to the power of the falls so far, one every ``every`` epochs of the run; ``auto`` is a third
      of them.
    - ``multi-step``: the same with a fall at each epoch of ``at``.
    - ``exponential``: ``factor ** (epochs since the warmup / every)``; ``auto`` is a third of those after the warmup.
    - ``cosine``: half a cosine to the floor (Loshchilov and Hutter 2017).
    - ``one-cycle``: linearly from 1/25 up over three tenths of the steps, and linearly down to the floor (Smith and
      Topin 2018; momentum stays as it is).
    - ``warm-restarts``: half cosines, the first ``every`` epochs long, each ``growth`` times as long as the one
      before (SGDR, Loshchilov and Hutter 2017). ``auto`` is a third of the epochs after the warmup.
    - ``plateau``: ``factor ** falls``; see `plateau_falls`.

    Args:
        schedule: Which schedule, and how it is set.
        lr: The peak.
        step: The step, from 0.
        steps: All steps of the run.
        steps_per_epoch: Images over batch size; may be a fraction.
        falls: How often the rate fell at a plateau.
    """
    warm = round(schedule.warmup * steps)
    share = _share(schedule, max(step, warm), warm, steps, steps_per_epoch, falls)
    return lr * share * min(1.0, (step + 1) / max(warm, 1))


def _share(
    schedule: ScheduleConfig, step: int, warm: int, steps: int, steps_per_epoch: float, falls: int
) -> float:
    floor, since = schedule.floor, step - warm
    if schedule.every == "auto":
        period = (steps if schedule.name == "step" else max(steps - warm, 1)) / 3
    else:
        period = schedule.every * steps_per_epoch
    done = since / max(steps - warm, 1)
    match schedule.name:
        case "constant":
            return 1.0
        case "step":
            return max(floor, schedule.factor ** math.floor(step / period + _TINY))
        case "multi-step":
            epoch = step / steps_per_epoch + _TINY
            return max(floor, schedule.factor ** sum(at <= epoch for at in schedule.at))
        case "exponential":
            return max(floor, math.pow(schedule.factor, since / period))
        case "cosine":
            return _half_cosine(done, floor)
        case "one-cycle":
            low = max(_LOW, floor)
            if done < _RISE:
                return low + (1 - low) * done / _RISE
            return floor + (1 - floor) * (1 - done) / (1 - _RISE)
        case "warm-restarts":
            return _half_cosine(_done_of_cycle(since / period, schedule.growth), floor)
        case "plateau":
            return max(floor, schedule.factor**falls)


def _half_cosine(done: float, floor: float) -> float:
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * done))


def _done_of_cycle(time: float, growth: float) -> float:
    """Return how much of its cycle is over at ``time``, in lengths of the first."""
    if growth == 1:
        whole = math.floor(time + _TINY)
        return max(0.0, time - whole)
    cycle = math.floor(math.log1p(time * (growth - 1)) / math.log(growth) + _TINY)
    begin = (growth**cycle - 1) / (growth - 1)
    return max(0.0, (time - begin) / growth**cycle)


def plateau_falls(losses: Sequence[float], patience: int) -> int:
    """Return how often the rate falls over validations of these losses, the first one first.

    It falls after ``patience`` validations in a row without one better than all before, and they count anew.
    """
    best, waited, falls = math.inf, 0, 0
    for loss in losses:
        waited = 0 if loss < best else waited + 1
        best = min(best, loss)
        if waited == patience:
            falls, waited = falls + 1, 0
    return falls


def check_schedule(schedule: ScheduleConfig, epochs: float) -> None:
    """Check that every fall and restart of ``schedule`` comes within ``epochs``.

    Raises:
        ConfigError: naming the option, the value it has and what is allowed.
    """
    name, every, at = schedule.name, schedule.every, schedule.at
    if name == "multi-step":
        if not at:
            fix = "Set it with --at 5,8 (at=[5, 8])."
            raise ConfigError(
                bad_argument("at", list(at), "epochs at which the rate falls, such as [5, 8]", fix)
            )
        if any(later <= earlier for earlier, later in pairwise(at)):
            raise ConfigError(bad_argument("at", list(at), "epochs in rising order, none of them twice"))
        if at[-1] >= epochs:
            raise ConfigError(
                bad_argument(
                    "at", list(at), f"epochs below epochs={epochs:g}", "Remove those, or train longer."
                )
            )
    elif at:
        raise ConfigError(
            bad_argument("at", list(at), f"empty for {name}", "schedule=multi-step has such epochs.")
        )
    if name == "step" and every != "auto" and every >= epochs:
        raise ConfigError(
            bad_argument("every", every, f"below epochs={epochs:g}, or the rate would never fall")
        )
    if name == "warm-restarts" and every != "auto" and every >= epochs * (1 - schedule.warmup):
        left = f"{epochs * (1 - schedule.warmup):g}"
        raise ConfigError(
            bad_argument(
                "every", every, f"below the {left} epochs after the warmup, or nothing would restart"
            )
        )
    if name == "plateau" and schedule.plateau + 1 >= epochs:
        if epochs <= 2:
            raise ConfigError(
                bad_argument("epochs", epochs, "above 2 for schedule=plateau, or the rate could never fall")
            )
        allowed = f"below {epochs - 1:g} for epochs={epochs:g}, or the rate could never fall"
        raise ConfigError(bad_argument("plateau", schedule.plateau, allowed, "Or train longer."))
