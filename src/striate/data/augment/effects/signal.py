"""What is done to signals in time, float32 ``(N, C, L)``. Shifts and stretches become one map of time."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from striate.data.augment import signals as functions
from striate.data.augment.draws import Floats, Streams
from striate.data.augment.effects.base import (
    Effect,
    Probability,
    Range,
    Spread,
    Switch,
    Values,
    between,
    effect_kind,
    log_between,
)
from striate.data.augment.plan import Entry, Plan, Rows
from striate.data.moving import moved

__all__ = ["Gain", "Polarity", "Signal", "SignalNoise", "TimeMask", "TimeShift", "TimeStretch"]


class Signal(Effect):
    """An effect on signals. Abstract."""

    stage: ClassVar[Literal["signal"]] = "signal"

    @abstractmethod
    def change(self, signals: Tensor, values: Values) -> Tensor:
        """Return ``signals`` ``(n, C, L)`` changed, in a new tensor."""

    def enter(self, plan: Plan, rows: Rows, values: Values) -> None:
        plan.later.append(Entry(self, rows, values))


class _Timing(Effect):
    """An effect that moves what happens in time. Abstract."""

    stage: ClassVar[Literal["signal"]] = "signal"

    @abstractmethod
    def maps(self, values: Values, length: int) -> Floats:
        """Return the maps ``(n, 3, 3)`` from times after the effect to times before, which are their x."""

    def enter(self, plan: Plan, rows: Rows, values: Values) -> None:
        plan.move(rows, self.maps(values, plan.frame[1]))


def _times(step: Floats, start: Floats) -> Floats:
    maps = np.tile(np.eye(3), (len(step), 1, 1))
    maps[:, 0, 0], maps[:, 0, 2] = step, start
    return maps


@effect_kind
class TimeShift(_Timing):
    """Let things happen later or earlier.

    Attributes:
        amount: As a share of the signal's length, within -1 to 1.
    """

    draws: ClassVar[int] = 1
    words: ClassVar[str] = "shifted {amount:+.1%}"

    amount: Annotated[Range, Spread(0, -1, 1)] = (-0.1, 0.1)

    def values(self, uniforms: Floats, keys: Streams) -> Values:
        return {"amount": between(self.amount, uniforms[:, 0])}

    def maps(self, values: Values, length: int) -> Floats:
        return _times(np.ones(len(values["amount"])), -length * values["amount"])


@effect_kind
class TimeStretch(_Timing):
    """Let things last longer or shorter, about the middle of the signal.

    Attributes:
        factor: The new duration over the old, within 0.1 to 10.
    """

    draws: ClassVar[int] = 1
    words: ClassVar[str] = "stretched ×{factor:.2f}"

    factor: Annotated[Range, Spread(1, 0.1, 10)] = (0.9, 1.1)

    def values(self, uniforms: Floats, keys: Streams) -> Values:
        return {"factor": log_between(self.factor, uniforms[:, 0])}

    def maps(self, values: Values, length: int) -> Floats:
        step = 1 / values["factor"]
        return _times(step, length / 2 * (1 - step))


@effect_kind
class Gain(Signal):
    """Make louder or softer.

    Attributes:
        decibels: Within -60 to 60.
    """

    draws: ClassVar[int] = 1
    words: ClassVar[str] = "{decibels:+.1f} dB"

    decibels: Annotated[Range, Spread(0, -60, 60)] = (-6.0, 6.0)

    def values(self, uniforms: Floats, keys: Streams) -> Values:
        return {"decibels": between(self.decibels, uniforms[:, 0])}

    def change(self, signals: Tensor, values: Values) -> Tensor:
        factors = torch.from_numpy(10 ** (values["decibels"] / 20))
        return functions.gain(signals, moved(factors, signals.device, signals.dtype))


@effect_kind
class Polarity(Switch, Signal):
    """Change the sign."""

    words: ClassVar[str] = "upside down"

    p: Probability = 0.5

    def change(self, signals: Tensor, values: Values) -> Tensor:
        return -signals


@effect_kind
class SignalNoise(Signal):
    """Add normal noise.

    Attributes:
        std: In units of each channel's own standard deviation, within 0 to 10.
    """

    draws: ClassVar[int] = 1
    words: ClassVar[str] = "noise {std:.3f}"

    std: Annotated[Range, Spread(0, 0, 10)] = (0.0, 0.1)

    def values(self, uniforms: Floats, keys: Streams) -> Values:
        return {"std": between(self.std, uniforms[:, 0]), "keys": keys()}

    def change(self, signals: Tensor, values: Values) -> Tensor:
        std = moved(torch.from_numpy(values["std"]), signals.device, signals.dtype)
        return functions.add_noise(signals, std, values["keys"])


@effect_kind
class TimeMask(Signal):
    """Silence a span of time (Park et al. 2019, SpecAugment).

    Attributes:
        share: Of the signal's length, within 0 to 1.
        fill: What the span becomes: ``zero``, or the ``mean`` of each channel.
    """

    draws: ClassVar[int] = 2
    words: ClassVar[str] = "{share:.0%} masked"

    share: Annotated[Range, Spread(0, 0, 1)] = (0.0, 0.1)
    fill: Literal["zero", "mean"] = "zero"

    def values(self, uniforms: Floats, keys: Streams) -> Values:
        return {"share": between(self.share, uniforms[:, 0]), "at": uniforms[:, 1]}

    def change(self, signals: Tensor, values: Values) -> Tensor:
        length = signals.shape[2]
        count = np.rint(values["share"] * length)
        first = np.floor(values["at"] * (length - count + 1))
        spans = moved(torch.from_numpy(np.stack([first, count], 1).astype(np.int64)), signals.device)
        return functions.mask(signals, spans, self.fill)
