"""One step of training, watched and timed: loss, values and gradients of every layer, seconds, peak of memory.

N images, C channels or units. The number of threads of torch is as before afterwards; the random state is not.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from striate.data import Batches
from striate.nn import aux_losses
from striate.train.check.report import Signal
from striate.train.methods import make_optimizer
from striate.train.prepare import Prepared

__all__ = ["BUDGET", "Trial", "try_out"]

BUDGET = 9.0  # seconds for all steps, which are three at least: one watched, two timed
_TIMED = 1.0  # seconds after which two timed steps are enough
_MOST_STEPS = 20
_END = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What was seen.

    Attributes:
        batch: Images of the step.
        loss: Cross-entropy of the first batch, without what auxiliary heads add.
        logit_std: How much the logits of one image differ, on average.
        signals: A row for each layer, in the order they run.
        untrained: Parameters that are to be trained and get no gradient at all, or none but 0.
        repeats: How many steps were timed.
        pass_seconds: From taking the batch to its gradients, the median.
        update_seconds: Of the optimizer, which does not grow with the batch.
        peak: Bytes, on CUDA.
    """

    batch: int
    loss: float
    logit_std: float
    signals: tuple[Signal, ...]
    untrained: tuple[str, ...]
    repeats: int
    pass_seconds: float
    update_seconds: float
    peak: int | None

    def step_seconds(self, batch_size: int) -> float:
        """Return what a step of ``batch_size`` images takes."""
        return self.pass_seconds * batch_size / self.batch + self.update_seconds


def try_out(prepared: Prepared, most: int | None = None) -> Trial:
    """Do a few steps with the weights of ``prepared``, which they change.

    Args:
        prepared: A run that is ready to start.
        most: Images for which there is memory; None if that is not known.

    Raises:
        Exception: whatever the module raises.
    """
    torch.manual_seed(prepared.record.training.seed)
    with prepared.plan.applied(prepared.device):
        return _Steps(prepared).done(most)


class _Steps:
    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        self.config = prepared.record.training
        self.module = prepared.module
        self.optimizer = make_optimizer(self.module, self.config.optimizer)

    def done(self, most: int | None) -> Trial:
        wanted = self.config.batch_size
        few = min(2, wanted)
        per_image = 3 * self._forward_seconds(few) / few
        size = min(wanted, max(2, int(BUDGET / 3 / max(per_image, 1e-9))), most or wanted)
        if self.prepared.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.prepared.device)
        watched = self._watched(size)
        passes, updates = self._timed(size)
        # What gets no gradient at first, such as a body behind a scale of 0, may get one in the second step.
        untrained = tuple(name for name in self._without_gradient() if name in watched.untrained)
        peak = None
        if self.prepared.device.type == "cuda":
            peak = torch.cuda.max_memory_allocated(self.prepared.device)
        return replace(
            watched,
            untrained=untrained,
            repeats=len(passes),
            pass_seconds=statistics.median(passes),
            update_seconds=statistics.median(updates),
            peak=peak,
        )

    def _forward_seconds(self, count: int) -> float:
        """Return what one forward pass takes, the better of two; nothing of the module changes."""
        images, _ = self._batch(count)
        self.module.eval()
        seconds = []
        with torch.no_grad():
            for _ in range(2):
                start = time.perf_counter()
                self.module(images)
                self._wait()
                seconds.append(time.perf_counter() - start)
                if seconds[0] > BUDGET / 6:
                    break
        return min(seconds)

    def _batch(self, size: int, step: int = 0) -> tuple[Tensor, Tensor]:
        batch = Batches(self.prepared.train, size, self.config.seed)[step]
        return self.prepared.inputs(batch)

    def _losses(self, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits, their loss, and the loss with what auxiliary heads add."""

        def loss_of(logits: Tensor) -> Tensor:
            return self.prepared.loss(logits, targets)

        self.module.train()
        logits = self.module(images)
        loss = loss_of(logits)
        whole = loss
        for extra in aux_losses(self.module, loss_of):
            whole = whole + extra
        return logits, loss, whole

    def _watched(self, size: int) -> Trial:
        images, targets = self._batch(size)
        with _watching(self.module) as seen:
            logits, loss, whole = self._losses(images, targets)
        whole.backward()  # type: ignore[no-untyped-call]
        gradients = dict(_gradients(self.module))
        signals = tuple(replace(signal, gradient=gradients.get(signal.path)) for signal in seen)
        return Trial(
            batch=size,
            loss=loss.item(),
            logit_std=logits.detach().std(1).mean().item(),
            signals=signals,
            untrained=tuple(self._without_gradient()),
            repeats=0,
            pass_seconds=0.0,
            update_seconds=0.0,
            peak=None,
        )

    def _without_gradient(self) -> list[str]:
        return [
            name
            for name, parameter in self.module.named_parameters()
            if parameter.requires_grad and (parameter.grad is None or not parameter.grad.any())
        ]

    def _timed(self, size: int) -> tuple[list[float], list[float]]:
        """Return, of some whole steps, the seconds from the batch to its gradients, and those of the optimizer."""
        passes: list[float] = []
        updates: list[float] = []
        while len(passes) < 2 or (sum(passes) < _TIMED and len(passes) < _MOST_STEPS):
            start = time.perf_counter()
            _, _, loss = self._losses(*self._batch(size, len(passes)))
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self._wait()
            between = time.perf_counter()
            self.optimizer.step()
            self._wait()
            passes.append(between - start)
            updates.append(time.perf_counter() - between)
        return passes, updates

    def _wait(self) -> None:
        """Wait for a device that works on its own."""
        device = self.prepared.device.type
        if device == "cuda":
            torch.cuda.synchronize(self.prepared.device)
        elif device == "mps":
            torch.mps.synchronize()


@contextmanager
def _watching(module: nn.Module) -> Iterator[list[Signal]]:
    """Note what every layer gives while the block runs; of one that runs several times, the first."""
    seen: dict[str, Signal] = {}

    def watch(path: str) -> Callable[..., None]:
        def hook(part: nn.Module, inputs: Any, output: Any) -> None:
            if (
                path not in seen
                and isinstance(output, Tensor)
                and output.is_floating_point()
                and output.numel()
            ):
                seen[path] = _signal(path, part, output.detach())

        return hook

    signals: list[Signal] = []
    handles = [
        part.register_forward_hook(watch(path))
        for path, part in module.named_modules()
        if not list(part.children()) or list(part.parameters(recurse=False))
    ]
    try:
        yield signals
    finally:
        for handle in handles:
            handle.remove()
        signals += seen.values()


_ENDS: dict[type[nn.Module], tuple[float, float]] = {
    nn.Tanh: (-1, 1),
    nn.Sigmoid: (0, 1),
    nn.Hardsigmoid: (0, 1),
    nn.Hardtanh: (-1, 1),
}


def _signal(path: str, part: nn.Module, output: Tensor) -> Signal:
    values = output.float()
    dead = saturated = None
    if isinstance(part, nn.ReLU | nn.ReLU6) and values.dim() > 1:
        dead = _dead(values)
    if type(part) in _ENDS:
        low, high = _ENDS[type(part)]
        room = _END * (high - low)
        saturated = ((values < low + room) | (values > high - room)).float().mean().item()
    return Signal(
        path=path,
        kind=type(part).__name__,
        std=values.std(correction=0).item(),
        spread=values.var(0, correction=0).mean().sqrt().item(),
        dead=dead,
        saturated=saturated,
        gradient=None,
        finite=bool(torch.isfinite(values).all()),
    )


def _dead(values: Tensor) -> float:
    """Return the share of units, of ``(N, C, ...)``, that are 0 in every image and position."""
    return (values.transpose(0, 1).flatten(1) == 0).all(1).float().mean().item()


def _gradients(module: nn.Module) -> Iterator[tuple[str, float]]:
    """Yield for each layer with weights how long their gradient is, in lengths of the weights."""
    for path, part in module.named_modules():
        own = [p for p in part.parameters(recurse=False) if p.requires_grad and p.ndim > 1]
        if own and all(p.grad is not None for p in own):
            weight = torch.cat([p.detach().flatten() for p in own]).norm().item()
            gradient = torch.cat([p.grad.flatten() for p in own if p.grad is not None]).norm().item()
            yield path, gradient / weight if weight else float("inf") if gradient else 0.0
