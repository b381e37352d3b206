"""One step of training, as the configuration says: what changes a module, from batch to batch.

Every random draw is a function of (seed, step). It knows neither epochs nor folders.
"""

from __future__ import annotations

import hashlib
import math

import torch
from torch import Tensor

from striate.data import Batch
from striate.nn import aux_losses
from striate.train.diverge import NotFinite, first_not_finite
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
    """

    def __init__(self, prepared: Prepared, steps: int) -> None:
        self.prepared = prepared
        self.config = prepared.record.training
        self.module = prepared.module
        self.steps = steps
        self.steps_per_epoch = len(prepared.train) / self.config.batch_size
        self.halved = self.config.precision == "bf16"
        if self.halved:  # convolutions in bfloat16 are fast in this order alone
            self.module.to(memory_format=torch.channels_last)
        self.optimizer = make_optimizer(self.module, self.config.optimizer)
        self.average = make_average(self.module, self.config.averaging, steps, self.steps_per_epoch)

    def step(self, batch: Batch, falls: int = 0) -> tuple[float, float]:
        """Do one step; return its loss, without penalties, and its learning rate.

        Args:
            batch: What is learned from.
            falls: How often the rate has fallen, of the schedule ``plateau``.

        Raises:
            NotFinite: if the loss is no number; the weights are then as they were before.
        """
        config, step = self.config, batch.step
        rate = learning_rate(
            config.schedule, config.optimizer.lr, step, self.steps, self.steps_per_epoch, falls
        )
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["lr_factor"]
        torch.manual_seed(_step_seed(config.seed, step))  # dropout is a function of (seed, step)
        self.module.train()
        images, targets = self.prepared.inputs(batch)
        if self.halved:
            images = images.contiguous(memory_format=torch.channels_last)

        def loss_of(logits: Tensor) -> Tensor:
            return self.prepared.loss(logits, targets)

        with self._precision():
            loss = loss_of(self.module(images))
            for extra in aux_losses(self.module, loss_of):
                loss = loss + extra
        value = loss.item()
        if not math.isfinite(value):
            torch.manual_seed(_step_seed(config.seed, step))  # the same dropout again
            with self._precision():
                raise NotFinite("loss", step + 1, config.optimizer.lr, *first_not_finite(self.module, images))
        self._update(loss, step)
        return value, rate

    def _precision(self) -> torch.autocast:
        """Return what the network is to be called within."""
        return torch.autocast(self.prepared.device.type, torch.bfloat16, enabled=self.halved)

    def _update(self, loss: Tensor, step: int) -> None:
        """Change the weights by the gradient of ``loss``."""
        held = self.config.regularization
        if held.l1 or held.l2:
            loss = loss + penalty(self.module, held.l1, held.l2)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        clip_gradients(self.module, held.clip_norm, held.clip_value)
        if held.gradient_noise:
            add_gradient_noise(self.module, held.gradient_noise, self.config.seed, step)
        self.optimizer.step()
        if held.max_norm is not None:
            project_max_norm(self.module, held.max_norm)
        if self.average is not None:
            self.average.update(self.module, step + 1)


def _step_seed(seed: int, step: int) -> int:
    digest = hashlib.sha256(f"step/{seed}/{step}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1
