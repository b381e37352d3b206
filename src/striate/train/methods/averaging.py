"""Means of the weights of many steps: exponential (EMA), and stochastic weight averaging (SWA).

``torch.optim.swa_utils.AveragedModel`` is a second module that is called in the first one's place; here means are
tensors that are put into the one module for a while, so that whatever holds on to it goes on working.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import final

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn, get_swa_multi_avg_fn

from striate.errors import ConfigError, WeightsError, listed
from striate.train.config import AveragingConfig

__all__ = ["Average", "Ema", "Swa", "make_average"]

_COUNT = "count"
_MEAN = "mean/"


class Average(ABC):
    """Means of the parameters and floating-point buffers of a module, of at least float32.

    Buffers that count, such as those of BatchNorm, stay the module's. Running statistics are averaged like weights:
    right for EMA, and for SWA what stands there until `recalibrate` measures them.

    Args:
        module: Whose weights they are; the means begin with them.
    """

    def __init__(self, module: nn.Module) -> None:
        self._count = 0
        self._mean = {
            name: value.detach().to(torch.promote_types(value.dtype, torch.float32), copy=True)
            for name, value in _floats(module).items()
        }

    @property
    def count(self) -> int:
        """How many weights are in the mean."""
        return self._count

    @abstractmethod
    def update(self, module: nn.Module, step: int) -> bool:
        """Take the weights after ``step`` steps, 1 or more, into the mean if it is their turn; tell whether it was."""

    @final
    def state(self) -> dict[str, Tensor]:
        """Return everything that changes, for a checkpoint; the tensors are those of the mean itself."""
        return {_COUNT: torch.tensor(self._count)} | {_MEAN + n: value for n, value in self._mean.items()}

    @final
    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take on what `state` returned.

        Raises:
            WeightsError: if it is not of this module; nothing is changed.
        """
        own = self.state()
        odd = [n for n in sorted(own.keys() | state.keys()) if _signature(own, n) != _signature(state, n)]
        if odd:
            raise WeightsError(
                f"means of weights do not fit the module: {listed(odd)} are missing, unexpected or of another shape. "
                "Resume with the network and the averaging that the run began with."
            )
        self._count = int(state[_COUNT])
        for name, value in self._mean.items():
            value.copy_(state[_MEAN + name])

    @final
    @contextmanager
    def in_place_of(self, module: nn.Module) -> Iterator[None]:
        """Put the mean into ``module`` for a while, then what stood there before, buffers too, to the bit.

        As long as nothing is in the mean, the module stays as it is.
        """
        before = {n: value.clone() for n, value in module.state_dict().items() if torch.is_tensor(value)}
        try:
            if self._count:
                self._put(module, self._mean)
            yield
        finally:
            self._put(module, before)

    @final
    @torch.no_grad()
    def _put(self, module: nn.Module, values: Mapping[str, Tensor]) -> None:
        own = module.state_dict()
        for name, value in values.items():
            own[name].copy_(value)

    @final
    def _current(self, module: nn.Module) -> list[Tensor]:
        now = _floats(module)
        return [now[name].to(mean.dtype) for name, mean in self._mean.items()]


@final
class Ema(Average):
    """The exponential mean: ``mean ← d · mean + (1 − d) · weights`` after each step.

    ``d = min(decay, (1 + t) / (10 + t))`` with ``t = step − 1``, so that the first weights, which are noise,
    are forgotten as fast as the mean grows old.

    Args:
        module: Whose weights they are.
        decay: What ``d`` comes to.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        super().__init__(module)
        self._decay = decay

    def update(self, module: nn.Module, step: int) -> bool:
        """Take the weights after ``step`` steps into the mean."""
        decay = min(self._decay, step / (step + 9))
        blend = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        blend(list(self._mean.values()), self._current(module), self._count)
        self._count += 1
        return True


@final
class Swa(Average):
    """The equal mean of the weights at the ends of late epochs (Izmailov et al. 2018).

    Args:
        module: Whose weights they are.
        first: The step from which on weights are taken; those after the last step are, if no others were.
        last: The last step.
        period: Steps between two of them, perhaps a fraction: they are taken after the first step that ends one.
    """

    def __init__(self, module: nn.Module, first: int, last: int, period: float) -> None:
        super().__init__(module)
        self._first, self._last, self._period = first, last, period

    def update(self, module: nn.Module, step: int) -> bool:
        """Take the weights after ``step`` steps into the mean, if they end a period."""
        ended = [math.floor(done / self._period + 1e-9) for done in (step - 1, step)]
        due = step >= self._first and ended[0] < ended[1]
        if not due and not (step == self._last and self._count == 0):
            return False
        now = self._current(module)
        if self._count == 0:
            for mean, value in zip(self._mean.values(), now, strict=True):
                mean.copy_(value)
        else:
            blend = get_swa_multi_avg_fn()  # type: ignore[no-untyped-call]
            blend(list(self._mean.values()), now, self._count)
        self._count += 1
        return True


def make_average(
    module: nn.Module, config: AveragingConfig, steps: int, steps_per_epoch: float
) -> Ema | Swa | None:
    """Return the mean that ``config`` asks for, or None.

    Raises:
        ConfigError: if it asks for two.
    """
    if config.ema is not None and config.swa is not None:
        raise ConfigError(
            f"ema={config.ema:g} and swa={config.swa:g}: one mean answers; leave one of them out."
        )
    if config.ema is not None:
        return Ema(module, config.ema)
    if config.swa is not None:
        return Swa(module, math.ceil(config.swa * steps), steps, config.swa_every * steps_per_epoch)
    return None


def _floats(module: nn.Module) -> dict[str, Tensor]:
    values = module.state_dict().items()
    return {name: value for name, value in values if torch.is_tensor(value) and value.is_floating_point()}


def _signature(state: Mapping[str, Tensor], name: str) -> tuple[torch.dtype, torch.Size] | None:
    return (state[name].dtype, state[name].shape) if name in state else None
