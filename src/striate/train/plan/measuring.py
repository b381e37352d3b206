"""What a plan takes for a step, on the real shapes."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from striate.nn.fused import fuse_for_training, pending, ready, unfuse
from striate.train.losses import Loss
from striate.train.plan.checking import Checker, Deviation
from striate.train.plan.execution import Execution
from striate.train.plan.plan import Plan

__all__ = ["Bench", "Measured"]

_CHECKED, _CHECKED_IF_SLOW = 32, 8  # images
_SLOW = 0.2  # seconds of a step
_MOST = 100


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A plan that was tried.

    Attributes:
        seconds: Of a forward and a backward pass, the least of ``repeats``; None if it could not be done. If it was
            timed on a part of a batch, what the whole would take.
        preparation: Seconds of the first pass, which compiles what is to be compiled.
        deviation: From the plan that computes as described; None for that plan itself.
        failure: Why it could not be done; empty if it could.
        unchecked: Whether its numbers were not compared with those of that plan.
    """

    plan: Plan
    seconds: float | None
    preparation: float = 0.0
    repeats: int = 0
    deviation: Deviation | None = None
    failure: str = ""
    unchecked: bool = False

    @property
    def refused(self) -> str:
        """Why it must not be used; empty if it may."""
        if self.unchecked:
            return "another is faster, so its numbers were not checked"
        return self.failure or (self.deviation.problem if self.deviation else "")


class Bench:
    """Tries plans on one batch; weights, gradients, buffers and the random state are as before afterwards.

    Args:
        module: On its device.
        loss: Of logits and targets.
        images: A batch as the network takes it, or the first of it.
        targets: Of these images.
        described: The plan that computes as described, in float32.
        size: Of the batch; None means that these are all of it.
    """

    def __init__(
        self,
        module: nn.Module,
        loss: Loss,
        images: Tensor,
        targets: Tensor,
        described: Plan,
        size: int | None = None,
    ) -> None:
        self.module = module
        self.loss = loss
        self.size = size or len(images)
        self.images = images
        self.targets = targets
        self.described = described
        self._checker: Checker | None = None

    def of(self, count: int) -> Bench:
        """Return what tries plans on the first ``count`` images, and tells what the batch would take."""
        images, targets = self.images[:count], self.targets[:count]
        return Bench(self.module, self.loss, images, targets, self.described, self.size)

    def measure(
        self,
        plan: Plan,
        repeats: int,
        until: float = math.inf,
        least: float = 0.0,
        slowest: float = math.inf,
    ) -> Measured:
        """Time ``plan``.

        Args:
            plan: How to compute.
            repeats: How often to time it at the least; the first time may prepare what the others use again.
            until: When to stop, of `time.perf_counter`; it is timed at least twice, if ``repeats`` is not one.
            least: Seconds to time it all together, as what is quick differs much; not more than `_MOST` times.
            slowest: Seconds of a batch, with which it is of no use: then it is timed as seldom as can be.
        """
        whole = replace(plan, micro_batch=None)
        device = self.images.device
        scale = self.size / len(self.images)
        try:
            with whole.applied(device), self._unchanged():
                if plan.fused and not self._has_layers_to_fuse(whole):
                    return Measured(plan=plan, seconds=None, failure="it has no layers that can be fused")
                execution = Execution(self.module, self.loss, whole, device)
                images = execution.taken(self.images)
                seconds = [self._timed(execution, images)]
                preparation = seconds[0]
                while len(seconds) < min(repeats, 2) or (
                    min(seconds) * scale < slowest
                    and (len(seconds) < repeats or sum(seconds) < least)
                    and len(seconds) < _MOST
                    and time.perf_counter() < until
                ):
                    seconds.append(self._timed(execution, images))
        except Exception as error:  # the module, or a compiler, may raise anything
            return _failed(plan, error)
        return Measured(
            plan=plan,
            seconds=min(seconds) * scale,
            preparation=preparation,
            repeats=len(seconds),
            unchecked=plan != self.described,
        )

    def checked(self, row: Measured) -> Measured:
        """Return ``row`` with how far its plan is from the one that is described."""
        if not row.unchecked:
            return row
        whole = replace(row.plan, micro_batch=None)
        try:
            with whole.applied(self.images.device), self._unchanged():
                slow = row.seconds is not None and row.seconds > _SLOW
                deviation = self._deviation(whole, _CHECKED_IF_SLOW if slow else _CHECKED)
        except Exception as error:
            return _failed(row.plan, error)
        if deviation.rounds_nothing:
            return Measured(plan=row.plan, seconds=None, failure="this device computes it in float32")
        return replace(row, deviation=deviation, unchecked=False)

    def load_fused(self, patience: float | None) -> bool:
        """Have the code of fused layers loaded, if there is a use for it.

        Args:
            patience: Seconds to wait for it, at most; None waits to the end, some ten seconds where it is compiled.

        Returns:
            Whether no more is being loaded.
        """
        if self.images.device.type == "cpu":
            with suppress(Exception), self._unchanged():  # what fails is told where it is timed
                fuse_for_training(self.module, self.images, patience)
        if pending():  # perhaps begun for another network
            ready(patience)
        return not pending()

    def _has_layers_to_fuse(self, plan: Plan) -> bool:
        with plan.autocast(self.images.device):
            found = fuse_for_training(self.module, self.images)
        unfuse(self.module)
        return bool(found)

    def _deviation(self, plan: Plan, count: int) -> Deviation:
        device = self.images.device
        images, targets = self.images[:count], self.targets[:count]
        if self._checker is None:
            with self.described.applied(device):
                described = Execution(self.module, self.loss, self.described, device)
                self._checker = Checker(described, images, targets)
        return self._checker.deviation(Execution(self.module, self.loss, plan, device))

    def _timed(self, execution: Execution, images: Tensor) -> float:
        self._wait()
        start = time.perf_counter()
        self.module.zero_grad(set_to_none=True)
        losses = execution.losses(images, self.targets, execution.plan.compiled_from or 0)
        losses.whole.backward()  # type: ignore[no-untyped-call]
        self._wait()
        return time.perf_counter() - start

    def _wait(self) -> None:
        if self.images.device.type != "cpu":
            torch.get_device_module(self.images.device).synchronize()

    @contextmanager
    def _unchanged(self) -> Iterator[None]:
        """Have the module train, and everything of it as before afterwards."""
        device = self.images.device
        training = {part: part.training for part in self.module.modules()}
        buffers = [
            (part, name, buffer, buffer.clone())
            for part in self.module.modules()
            for name, buffer in part.named_buffers(recurse=False)
        ]
        weights = [(p, p.data, p.grad) for p in self.module.parameters()]
        try:
            with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
                self.module.train()
                yield
        finally:
            for part, trained in training.items():
                part.training = trained
            with torch.no_grad():
                for part, name, buffer, value in buffers:
                    setattr(part, name, buffer.copy_(value))
            for weight, value, gradient in weights:
                weight.data, weight.grad = value, gradient
            unfuse(self.module)


def _failed(plan: Plan, error: Exception) -> Measured:
    lines = str(error).strip().splitlines() or [""]
    return Measured(plan=plan, seconds=None, failure=f"{type(error).__name__}: {lines[0]:.200}")
