"""`overfit_batch`: whether a network can learn one batch by heart. If not, no number of epochs will help it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from striate.data import Batch, Batches, Source
from striate.errors import ConfigError, bad_argument
from striate.spec import Network
from striate.train.config import AveragingConfig, HealthConfig, ScheduleConfig, TrainConfig
from striate.train.diverge import NotFinite
from striate.train.exhaustion import told_lack_of_memory
from striate.train.feeding import made_ready
from striate.train.losses import first_loss
from striate.train.noise import quieten
from striate.train.prepare import Prepared, prepare
from striate.train.stepping import Stepper

__all__ = ["Sanity", "overfit_batch"]

_IMAGES = 64
_LIMIT = 0.05  # of the loss of a network that knows nothing
_WARMUP = 0.05  # of the steps, at most
_FELL = 0.95  # of the first loss


@dataclass(frozen=True, kw_only=True, repr=False)
class Sanity:
    """Whether a network learned one batch by heart.

    Attributes:
        network: Its name.
        images: How many there are in the batch.
        steps: How many steps it took.
        most: After how many it would have been given up.
        first_loss: Before the first step, auxiliary heads included; None if it was no number.
        loss: Before the last step, likewise.
        limit: What the loss was to fall to.
        accuracy: Share of the batch that is right after the last step, from 0 to 1.
        causes: Why it may have failed, the likeliest first; none if it has not.
    """

    network: str
    images: int
    steps: int
    most: int
    first_loss: float | None
    loss: float | None
    limit: float
    accuracy: float
    causes: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether it did."""
        return not self.causes

    def text(self) -> str:
        """Return the verdict, and of one that failed what is likely to be wrong."""
        batch = f"one batch of {self.images} images in {self.steps} step{'' if self.steps == 1 else 's'}"
        losses = "" if self.loss is None else f"loss {self.first_loss:.4f} to {self.loss:.4f}, "
        figures = f"{losses}{self.accuracy:.2%} right"
        if self.ok:
            return f"{self.network} overfits {batch}: the network can learn ({figures})"
        wanted = f"wanted: a loss of {self.limit:.4f} or less, and all right"
        return "\n".join(
            [
                f"{self.network} does not overfit {batch} ({figures}; {wanted})",
                "likely causes:",
                *(f"  {cause}" for cause in self.causes),
            ]
        )

    def to_data(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"ok": self.ok, **asdict(self), "causes": list(self.causes)}

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return f"<pre>{escape(self.text())}</pre>"


def overfit_batch(
    network: Network | nn.Module,
    data: str | Path | Source,
    config: TrainConfig | None = None,
    *,
    steps: int = 500,
) -> Sanity:
    """Train on one batch of at most 64 images until all of it is right and the loss is 5 % of knowing nothing.

    Loss, optimizer and peak learning rate are those of ``config``. Nothing hinders learning by heart: no augmentation,
    penalty, decay, mean of weights or label smoothing; dropout and its kin are off, but for functions that a module of
    your own calls; the rate stays at its peak after a short warmup. The weights are thrown away; a module of your own,
    the random state and the threads of torch are as before afterwards. No run folder is made.

    Args:
        network: As for `train`.
        data: As for `train`.
        config: The training that is meant.
        steps: After how many it is given up.

    Raises:
        ConfigError, DataError, ShapeError: as `train`; or if ``steps`` is below 1.
        TrainingError: if memory runs out.
    """
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise ConfigError(bad_argument("steps", steps, "a whole number, 1 or more"))
    if isinstance(network, nn.Module):
        try:
            network = copy.deepcopy(network)
        except Exception as error:  # the user's own code may raise anything
            raise ConfigError(f"the module cannot be copied: {type(error).__name__}: {error}.") from error
    wanted = _unhindered(config or TrainConfig(), steps)
    gpus = list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=gpus):
        prepared = prepare(network, data, wanted)
        with prepared.plan.applied(prepared.device):
            quieten(prepared.module)
            with told_lack_of_memory(prepared.record.training.batch_size):
                return _overfit(prepared, steps)


def _unhindered(config: TrainConfig, steps: int) -> TrainConfig:
    """Return ``config`` without what keeps a network from learning by heart."""
    held = replace(config.regularization, l1=0.0, l2=0.0, max_norm=None, gradient_noise=0.0)
    groups = tuple(replace(group, weight_decay=0.0) for group in config.optimizer.groups)
    return replace(
        config,
        batch_size=min(config.batch_size, _IMAGES),
        optimizer=replace(config.optimizer, weight_decay=0.0, groups=groups),
        schedule=ScheduleConfig(name="constant", warmup=min(config.schedule.warmup, _WARMUP)),
        loss=replace(config.loss, label_smoothing=0.0, sampling="shuffle"),
        regularization=held,
        averaging=AveragingConfig(),
        images=replace(config.images, augment="none"),
        health=HealthConfig(health_every=max(1, steps - 1)),
    )


def _overfit(prepared: Prepared, most: int) -> Sanity:
    config = prepared.record.training
    size = min(config.batch_size, len(prepared.train))
    batch = Batches(prepared.train, size, config.seed)[0]
    several = batch.targets.ndim > 1
    classes = len(prepared.record.class_names)
    limit = _LIMIT * first_loss(config.loss, classes, several_labels=several)
    stepper = Stepper(prepared, most)
    losses: list[float] = []
    symptoms: dict[str, str] = {}
    failure = ""
    right = 0.0
    for step in range(most):
        try:
            loss, _ = stepper.step(made_ready(prepared, replace(batch, step=step)))
        except NotFinite as problem:
            failure = problem.message()
            break
        losses.append(loss)
        if stepper.inspected:
            symptoms |= {symptom.kind: symptom.text for symptom in stepper.inspected.symptoms}
        if loss <= limit or step + 1 == most:
            right = _right(prepared, batch)
            if loss <= limit and right == 1:
                break
    learned = not failure and losses[-1] <= limit and right == 1
    causes = () if learned else (failure,) if failure else tuple(_causes(batch, losses, symptoms))
    return Sanity(
        network=prepared.name,
        images=size,
        steps=max(1, len(losses)),
        most=most,
        first_loss=losses[0] if losses else None,
        loss=losses[-1] if losses else None,
        limit=limit,
        accuracy=right,
        causes=causes,
    )


@torch.no_grad()
def _right(prepared: Prepared, batch: Batch) -> float:
    """Return the share of the batch that is right, norms over the batch as in training."""
    images, targets = prepared.inputs(batch)
    logits: Tensor = prepared.module.train()(images)
    right = ((logits > 0) == (targets > 0.5)).all(1) if targets.ndim > 1 else logits.argmax(1) == targets
    return right.float().mean().item()


def _causes(batch: Batch, losses: list[float], symptoms: dict[str, str]) -> Iterator[str]:
    """Yield why the batch may not have been learned, the likeliest first."""
    if twins := _contradictions(batch):
        yield f"{twins} images of the batch are equal to another with another label; see striate data check."
    yield from symptoms.values()
    if losses[-1] > losses[0]:
        yield "The loss rose: lower --lr."
    elif losses[-1] > _FELL * losses[0]:
        yield "The loss hardly fell: raise --lr, and see striate check for layers that nothing passes."
    else:
        yield "The loss fell, but too slowly: raise --lr, or use a network with more weights."


def _contradictions(batch: Batch) -> int:
    """Return how many images are equal, byte for byte, to an earlier one with another target."""
    seen: dict[bytes, Tensor] = {}
    pairs = zip(batch.images, batch.targets, strict=True)
    return sum(not seen.setdefault(image.numpy().tobytes(), target).equal(target) for image, target in pairs)
