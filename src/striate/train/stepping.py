"""One step of training, as the configuration says: what changes a module, from batch to batch.

Every random draw is a function of (seed, step). It knows neither epochs nor folders. A step is done, or begun and told
of later.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from striate.train.diverge import NotFinite, first_bad_gradient, first_not_finite
from striate.train.events import Inspected, Symptom
from striate.train.feeding import Inputs
from striate.train.health import Inspection, judge_layers, judge_start
from striate.train.late import Doubt, Later, latency
from striate.train.loss_scale import LossScale
from striate.train.methods import (
    add_gradient_noise,
    clip_gradients,
    learning_rate,
    make_average,
    make_optimizer,
    penalty,
    project_max_norm,
)
from striate.train.plan.execution import Execution, Losses
from striate.train.prepare import Prepared

__all__ = ["Begun", "Stepper"]


class Begun(NamedTuple):
    """A step that was begun.

    Attributes:
        step: Which, from 0.
        rate: Its learning rate.
        loss: Without penalties; or where it will be, beside whether a number of the step was none.
        inspected: What it showed of every layer, if it was looked at.
    """

    step: int
    rate: float
    loss: float | Later
    inspected: Inspected | None


class Stepper:
    """The state that changes from step to step: a module, its optimizer, a mean of its weights.

    Args:
        prepared: What is trained.
        steps: How many steps the run has.

    Attributes:
        inspected: What the last step showed of every layer; None if it was not looked at.
        latency: How many steps may be begun before the first is told of.
        updating: Whether a step came as far as changing the weights, and no further.
        stop_wanted: Whether this process is to end the run; to be set from outside.
        stopped: Whether one of the processes was, as all know since the last step.
    """

    def __init__(self, prepared: Prepared, steps: int) -> None:
        self.prepared = prepared
        self.config = prepared.record.training
        self.module = prepared.module
        self.steps = steps
        self.steps_per_epoch = len(prepared.train) / self.config.batch_size
        self.peers = prepared.peers
        self.execution = Execution(self.module, prepared.loss, prepared.plan, prepared.device, self.peers)
        self.optimizer = make_optimizer(self.module, self.config.optimizer)
        self.loss_scale = LossScale(prepared.plan, prepared.device)
        self._weights = tuple(self.module.parameters())
        self._buffers = tuple(self.module.buffers())
        self._buffers_before: tuple[Tensor, ...] = ()
        self.average = make_average(self.module, self.config.averaging, steps, self.steps_per_epoch)
        self.latency = latency(prepared.device, prepared.plan, self.optimizer, self.peers)
        self._doubt = Doubt(prepared.device) if self.latency else None
        self.inspected: Inspected | None = None
        self.updating = self.stop_wanted = self.stopped = False

    def step(self, inputs: Inputs, falls: int = 0) -> tuple[float, float]:
        """Do one step at the rate of the schedule; return its loss, without penalties, and its learning rate.

        Args:
            inputs: What is learned from.
            falls: How often the rate has fallen, of the schedule ``plateau``.

        Raises:
            NotFinite: as `step_at`.
        """
        rate = self._rate(inputs.step, falls)
        return self.step_at(rate, inputs), rate

    def begin(self, inputs: Inputs, falls: int = 0) -> Begun:
        """Begin one step at the rate of the schedule; `loss_of` tells how it went.

        Raises:
            NotFinite: as `step_at`, if it is done at once, as without `latency`, or if layers are looked at.
        """
        rate = self._rate(inputs.step, falls)
        doubt = self._doubt
        if doubt is not None and self.looks_at(inputs.step):
            doubt = None
        return Begun(inputs.step, rate, self._stepped(rate, inputs, doubt), self.inspected)

    def loss_of(self, begun: Begun, again: Callable[[int], Inputs]) -> float:
        """Return the loss of a step that was begun; of those begun, each is to be asked for in its turn.

        Args:
            begun: The step.
            again: Gives what a step was fed.

        Raises:
            NotFinite: as `step_at`; no step that was begun after it has changed the weights either.
        """
        if not isinstance(begun.loss, Later):
            return begun.loss
        loss, doubt = begun.loss.numbers()
        if doubt:
            self.step_at(begun.rate, again(begun.step))  # which finds the layer, and raises
            figure = "gradient" if math.isfinite(loss) else "loss"
            raise NotFinite(figure, begun.step + 1, self.config.optimizer.lr, None, "")
        return loss

    def step_at(self, rate: float, inputs: Inputs) -> float:
        """Do one step at the learning rate ``rate``; return its loss, without penalties.

        Raises:
            NotFinite: if the loss or a gradient is no number; the weights are then as they were before.
        """
        loss = self._stepped(rate, inputs)
        assert isinstance(loss, float)
        return loss

    def _rate(self, step: int, falls: int) -> float:
        schedule, lr = self.config.schedule, self.config.optimizer.lr
        return learning_rate(schedule, lr, step, self.steps, self.steps_per_epoch, falls)

    def _stepped(self, rate: float, inputs: Inputs, doubt: Doubt | None = None) -> float | Later:
        """Do one step; with a ``doubt``, wait for none of its numbers."""
        images, targets, step = inputs
        self.inspected, self.updating = None, False
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["lr_factor"]
        if not self.module.training:
            self.module.train()
        inspection = Inspection(self.module) if self.looks_at(step) else None
        for weight in self._weights:
            weight.grad = None
        self._keep_buffers()
        seen, value = self._learned(images, targets, step, inspection, doubt)
        self.updating = True
        self.loss_scale.unscale(self.optimizer)
        if self._has_gradients(images, targets, step, doubt):
            if inspection:
                inspection.look_at_gradients()
            self._update(step, doubt)
        if self.average is not None:
            self.average.update(self.module, step + 1)
        if inspection:
            layers = inspection.layers()
            symptoms = judge_layers(layers, rate / self.config.optimizer.lr, first=step == 0)
            if step == 0:
                symptoms += self._start(images, seen)
            shown = inspection.histograms
            self.inspected = Inspected(step=step + 1, layers=layers, symptoms=symptoms, histograms=shown)
        told = doubt.figures(value) if doubt and isinstance(value, Tensor) else float(value)
        self.updating = False
        return told

    def compute_at_a_time(self, images: int) -> None:
        """Compute so many images at a time from here on, and add up their gradients."""
        self.execution.plan = replace(self.execution.plan, micro_batch=images)

    def halve(self) -> int | None:
        """Do a step that was not done anew, with half as many images at a time from here on.

        Returns:
            How many; or None if it was one, or the step had begun to change the weights.
        """
        size = self.execution.plan.micro_batch or self.config.batch_size
        if size == 1 or self.updating:
            return None
        for weight in self._weights:
            weight.grad = None
        with torch.no_grad():
            for buffer, before in zip(self._buffers, self._buffers_before, strict=True):
                buffer.copy_(before)
        if self.prepared.device.type == "cuda":
            torch.cuda.empty_cache()
        self.compute_at_a_time(math.ceil(size / 2))
        return self.execution.plan.micro_batch

    @torch.no_grad()
    def _keep_buffers(self) -> None:
        """Keep the buffers as they are before a step, which may have to be done anew; several processes do not."""
        if self.peers.world.size > 1 or not self._buffers:
            return
        kept = self._buffers_before
        if [tensor.shape for tensor in kept] == [buffer.shape for buffer in self._buffers]:
            torch._foreach_copy_(kept, self._buffers)
        else:
            self._buffers_before = tuple(buffer.clone() for buffer in self._buffers)

    def _learned(
        self, images: Tensor, targets: Tensor, step: int, inspection: Inspection | None, doubt: Doubt | None
    ) -> tuple[Losses, float | Tensor]:
        """Add up the gradients of a batch; return what its first part gave, and the loss of all."""
        self._seed(step)
        first: Losses | None = None
        value: float | Tensor = 0.0
        for part, wanted, share in self.execution.parts(images, targets):
            if inspection and first is None and self.execution.joins_layers(step):
                self._look(part, wanted, step, inspection)
                looking: AbstractContextManager[object] = nullcontext()
            else:
                looking = inspection.of_values() if inspection and first is None else nullcontext()
            with looking:
                losses = self.execution.losses(part, wanted, step)
            first = first or losses
            if doubt is None:
                loss, stops = self.peers.sums(losses.whole.item() * float(share), self.stop_wanted)
                value, self.stopped = value + loss, stops > 0
                if not math.isfinite(value):
                    raise self._not_finite(part, wanted, step)
            else:
                value = value + losses.whole.detach().double() * share
                doubt.look_at(value)
            factor = share * self.peers.world.size  # as of the processes' gradients the mean is taken
            whole = losses.whole if isinstance(factor, float) and factor == 1.0 else losses.whole * factor
            whole = self._penalized(whole) if first is losses else whole
            self.loss_scale.scaled(whole).backward()  # type: ignore[no-untyped-call]
        assert first is not None
        self.peers.spread(self._buffers)
        return first, value

    def _look(self, images: Tensor, targets: Tensor, step: int, inspection: Inspection) -> None:
        """Look at the values of a step that does not run layer by layer, in a pass beside it."""
        buffers = [(buffer, buffer.clone()) for buffer in self.module.buffers()]
        with torch.no_grad(), inspection.of_values():
            self.execution.eager_losses(images, targets)
            for buffer, before in buffers:
                buffer.copy_(before)
        self._seed(step)

    def _not_finite(self, images: Tensor, targets: Tensor, step: int) -> NotFinite:
        self._seed(step)  # the same dropout again
        with self.prepared.plan.autocast(self.prepared.device):
            found = first_not_finite(self.module, images, targets)
        found = self.peers.first(found, found != (None, "loss"))
        return NotFinite("loss", step + 1, self.config.optimizer.lr, *found)

    def _seed(self, step: int) -> None:
        """Make dropout a function of (seed, step), another one in each process."""
        seed = _step_seed(self.config.seed, step, self.peers.world.rank)
        # torch.manual_seed notes, of every accelerator that was not used yet, where it was called: 1 ms.
        torch.default_generator.manual_seed(seed)
        if self.prepared.device.type != "cpu":
            torch.get_device_module(self.prepared.device).manual_seed(seed)

    def _start(self, images: Tensor, seen: Losses) -> tuple[Symptom, ...]:
        """Return what is to be said of the loss of the first step."""
        several = self.prepared.train.targets.ndim > 1
        shown = images[: len(seen.logits)]
        loss, logits = seen.answered.item(), seen.logits.detach()
        found = judge_start(loss, self.config.loss, shown, logits, several_labels=several)
        return () if found is None else (found,)

    def looks_at(self, step: int) -> bool:
        """Return whether every layer is looked at in ``step``, from 0: in the first one, and so often after it."""
        every = self.config.health.health_every
        if every is None:
            return False
        if every == "epoch":
            size, epoch = self.config.batch_size, len(self.prepared.train)
            return step == 0 or step * size // epoch > (step - 1) * size // epoch
        return step % every == 0

    def _penalized(self, loss: Tensor) -> Tensor:
        held = self.config.regularization
        return loss + penalty(self.module, held.l1, held.l2) if held.l1 or held.l2 else loss

    def _has_gradients(self, images: Tensor, targets: Tensor, step: int, doubt: Doubt | None) -> bool:
        """Return whether gradients are there to step by, as far as is known, and not lost to too large a loss scale.

        Raises:
            NotFinite: if one is no number, and would be none at any scale.
        """
        gradients = [p.grad for p in self._weights if p.grad is not None]
        if doubt is not None:
            doubt.look_at(*gradients)
            return True
        # Their lengths are quick to say, and may be infinite where none of them is.
        lengths = torch.stack(torch._foreach_norm(gradients)) if gradients else torch.zeros(1)
        if math.isfinite(lengths.sum().item()) or all(g.isfinite().all() for g in gradients):
            return True
        if self.loss_scale.explains_overflow():
            return False
        self.optimizer.zero_grad(set_to_none=True)
        self._seed(step)
        found = first_bad_gradient(
            self.module, lambda: self._penalized(self.execution.eager_losses(images, targets).whole)
        )
        found = self.peers.first(found, found[0] is not None)
        raise NotFinite("gradient", step + 1, self.config.optimizer.lr, *found)

    def _update(self, step: int, doubt: Doubt | None) -> None:
        """Change the weights by their gradients, unless there is a doubt."""
        held = self.config.regularization
        if held.clip_norm is not None or held.clip_value is not None:
            clip_gradients(self.module, held.clip_norm, held.clip_value)
        if held.gradient_noise:
            add_gradient_noise(self.module, held.gradient_noise, self.config.seed, step)
        if doubt is None:
            self.optimizer.step()
        else:
            doubt.step(self.optimizer)
        if held.max_norm is not None:
            project_max_norm(self.module, held.max_norm)


def _step_seed(seed: int, step: int, rank: int) -> int:
    words = f"step/{seed}/{step}/{rank}" if rank else f"step/{seed}/{step}"
    digest = hashlib.sha256(words.encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1
