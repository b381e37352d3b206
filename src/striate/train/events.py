"""Events: what a training run tells its readers. Frozen values, in the order things happen."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Checkpointed", "Diverged", "Event", "Finished", "Started", "StepDone", "Validated"]

Reason = Literal["completed", "early stop", "interrupted"]
Which = Literal["last", "best"]


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened. Abstract."""

    def to_data(self) -> dict[str, Any]:
        """Return the event as it stands in ``events.jsonl``."""
        return {"event": type(self).__name__, **dataclasses.asdict(self)}


@dataclass(frozen=True, kw_only=True)
class Started(Event):
    """The run folder exists and the first step is next.

    Attributes:
        run: The run folder.
        sizes: Images in each split that is used.
        notes: What the user should know, one sentence each.
    """

    run: str
    network: str
    params: int
    device: str
    steps: int
    epochs: float
    sizes: dict[str, int]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StepDone(Event):
    """One step of the optimizer.

    Attributes:
        step: Steps done, from 1.
        epoch: Epochs done, a fraction.
        loss: Training loss of the batch before the step, auxiliary heads included.
        lr: Learning rate of the step.
        images_per_second: Over this step alone.
    """

    step: int
    epoch: float
    loss: float
    lr: float
    images_per_second: float


@dataclass(frozen=True, kw_only=True)
class Validated(Event):
    """The network was measured on the validation split.

    Attributes:
        best: Whether none before was better; of equal accuracies the lower loss is.
    """

    step: int
    epoch: float
    loss: float
    accuracy: float
    best: bool


@dataclass(frozen=True, kw_only=True)
class Checkpointed(Event):
    """The state of the run is safe on disk."""

    step: int
    which: Which
    path: str


@dataclass(frozen=True, kw_only=True)
class Diverged(Event):
    """The loss is no longer a number; training stops with an error.

    Attributes:
        layer: Path of the layer where the first value that is not a number appeared; None if every layer's
            values are numbers and the loss alone is not.
        what: ``"weights"`` or ``"output"`` of that layer, or ``"loss"``.
    """

    step: int
    layer: str | None
    what: str


@dataclass(frozen=True, kw_only=True)
class Finished(Event):
    """The run is over and its weights are in ``model.safetensors``.

    Attributes:
        reason: All steps were done, validation did not improve, or the user stopped it.
        best_accuracy: The best on the validation split, and that of the weights kept; None before the
            first validation.
    """

    run: str
    step: int
    reason: Reason
    best_accuracy: float | None
    best_step: int | None
    seconds: float
