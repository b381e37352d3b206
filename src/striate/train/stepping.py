"""One step of training, as the configuration says: what changes a module, from batch to batch.

Every random draw is a function of (seed, step). It knows neither epochs nor folders.
"""

from __future__ import annotations

import hashlib
import math
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn.utils import get_total_norm

from striate.data import Batch
from striate.nn import aux_losses
from striate.train.diverge import NotFinite, first_bad_gradient, first_not_finite
from striate.train.events import Inspected, Symptom
from striate.train.health import Inspection, judge_layers, judge_start
from striate.train.methods import (
    add_gradient_noise,
    clip_gradients,
    learning_rate,
    make_average,
    make_optimizer,
    penalty,
    project_max_norm,
)
from striate.train.prepare import Prepared

__all__ = ["Stepper"]


class Stepper:
    """The state that changes from step to step: a module, its optimizer, a mean of its weights.

    Args:
        prepared: What is trained.
        steps: How many steps the run has.

    Attributes:
        inspected: What the last step showed of every layer; None if it was not looked at.
    """

    def __init__(self, prepared: Prepared, steps: int) -> None:
        self.prepared = prepared
        self.config = prepared.record.training
        self.module = prepared.module
        self.steps = steps
        self.steps_per_epoch = len(prepared.train) / self.config.batch_size
        self.halved = self.config.precision == "bf16"
        if self.halved:
            _put_channels_last(self.module)
        self.optimizer = make_optimizer(self.module, self.config.optimizer)
        self.average = make_average(self.module, self.config.averaging, steps, self.steps_per_epoch)
        self.inspected: Inspected | None = None

    def step(self, batch: Batch, falls: int = 0) -> tuple[float, float]:
        """Do one step at the rate of the schedule; return its loss, without penalties, and its learning rate.

        Args:
            batch: What is learned from.
            falls: How often the rate has fallen, of the schedule ``plateau``.

        Raises:
            NotFinite: as `step_at`.
        """
        schedule, lr = self.config.schedule, self.config.optimizer.lr
        rate = learning_rate(schedule, lr, batch.step, self.steps, self.steps_per_epoch, falls)
        return self.step_at(rate, batch), rate

    def step_at(self, rate: float, batch: Batch) -> float:
        """Do one step at the learning rate ``rate``; return its loss, without penalties.

        Raises:
            NotFinite: if the loss or a gradient is no number; the weights are then as they were before.
        """
        step = batch.step
        self.inspected = None
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["lr_factor"]
        self.module.train()
        images, targets = self.prepared.inputs(batch)
        if self.halved:
            images = images.contiguous(memory_format=torch.channels_last)
        inspection = Inspection(self.module) if self._look_is_due(step) else None
        with inspection.of_values() if inspection else nullcontext():
            logits, answered, loss = self._losses(images, targets, step)
        value = loss.item()
        if not math.isfinite(value):
            self._seed(step)  # the same dropout again
            with self._precision():
                found = first_not_finite(self.module, images, targets)
            raise NotFinite("loss", step + 1, self.config.optimizer.lr, *found)
        self.optimizer.zero_grad(set_to_none=True)
        self._penalized(loss).backward()  # type: ignore[no-untyped-call]
        self._check_gradients(images, targets, step)
        if inspection:
            inspection.look_at_gradients()
        self._update(step)
        if inspection:
            layers = inspection.layers()
            symptoms = judge_layers(layers, rate / self.config.optimizer.lr, first=step == 0)
            if step == 0:
                symptoms += self._start(images, logits, answered)
            seen = inspection.histograms
            self.inspected = Inspected(step=step + 1, layers=layers, symptoms=symptoms, histograms=seen)
        return value

    def _losses(self, images: Tensor, targets: Tensor, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits, their loss, and the loss with what auxiliary heads add."""

        def loss_of(logits: Tensor) -> Tensor:
            return self.prepared.loss(logits, targets)

        self._seed(step)
        with self._precision():
            logits = self.module(images)
            answered = loss = loss_of(logits)
            for extra in aux_losses(self.module, loss_of):
                loss = loss + extra
        return logits, answered, loss

    def _seed(self, step: int) -> None:
        """Make dropout a function of (seed, step)."""
        torch.manual_seed(_step_seed(self.config.seed, step))

    def _start(self, images: Tensor, logits: Tensor, loss: Tensor) -> tuple[Symptom, ...]:
        """Return what is to be said of the loss of the first step."""
        several = self.prepared.train.targets.ndim > 1
        found = judge_start(loss.item(), self.config.loss, images, logits.detach(), several_labels=several)
        return () if found is None else (found,)

    def _look_is_due(self, step: int) -> bool:
        """Return whether every layer is looked at in ``step``, from 0: in the first one, and so often after it."""
        every = self.config.health.health_every
        if every is None:
            return False
        if every == "epoch":
            size, epoch = self.config.batch_size, len(self.prepared.train)
            return step == 0 or step * size // epoch > (step - 1) * size // epoch
        return step % every == 0

    def _precision(self) -> torch.autocast:
        """Return what the network is to be called within."""
        return torch.autocast(self.prepared.device.type, torch.bfloat16, enabled=self.halved)

    def _penalized(self, loss: Tensor) -> Tensor:
        held = self.config.regularization
        return loss + penalty(self.module, held.l1, held.l2) if held.l1 or held.l2 else loss

    def _check_gradients(self, images: Tensor, targets: Tensor, step: int) -> None:
        """Raise `NotFinite` if a gradient is no number."""
        gradients = [p.grad for p in self.module.parameters() if p.grad is not None]
        # Their length is quick to say, and may be infinite where none of them is.
        if get_total_norm(gradients).isfinite() or all(g.isfinite().all() for g in gradients):
            return
        self.optimizer.zero_grad(set_to_none=True)
        found = first_bad_gradient(
            self.module, lambda: self._penalized(self._losses(images, targets, step)[2])
        )
        raise NotFinite("gradient", step + 1, self.config.optimizer.lr, *found)

    def _update(self, step: int) -> None:
        """Change the weights by their gradients."""
        held = self.config.regularization
        clip_gradients(self.module, held.clip_norm, held.clip_value)
        if held.gradient_noise:
            add_gradient_noise(self.module, held.gradient_noise, self.config.seed, step)
        self.optimizer.step()
        if held.max_norm is not None:
            project_max_norm(self.module, held.max_norm)
        if self.average is not None:
            self.average.update(self.module, step + 1)


def _put_channels_last(module: nn.Module) -> None:
    """Put the windows of 2-d convolutions into the order in which bfloat16 is fast; the module keeps it."""
    for weight in module.parameters():
        if weight.ndim == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)


def _step_seed(seed: int, step: int) -> int:
    digest = hashlib.sha256(f"step/{seed}/{step}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1
