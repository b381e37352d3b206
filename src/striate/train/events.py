"""Events: what a training run tells its readers. Frozen values, in the order things happen."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = [
    "Checkpointed",
    "Diverged",
    "Event",
    "Finished",
    "Histogram",
    "Inspected",
    "LayerHealth",
    "Replanned",
    "Resumed",
    "Started",
    "StepDone",
    "Symptom",
    "Validated",
]

Reason = Literal["completed", "early stop", "interrupted"]
Which = Literal["last", "best"]


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened. Abstract."""

    def to_data(self) -> dict[str, Any]:
        """Return the event as it stands in ``events.jsonl``."""
        data = dataclasses.asdict(self)
        for unlogged in (f.name for f in dataclasses.fields(self) if not f.metadata.get("logged", True)):
            del data[unlogged]
        return {"event": type(self).__name__, **data}


@dataclass(frozen=True, kw_only=True)
class Started(Event):
    """The run folder exists and the first step is next.

    Attributes:
        run: The run folder.
        threads: How many torch uses.
        plan: How steps are computed: see `striate.train.plan`.
        sizes: Images in each split that is used.
        notes: What the user should know, one sentence each.
    """

    run: str
    network: str
    params: int
    device: str
    threads: int
    plan: str
    steps: int
    epochs: float
    sizes: dict[str, int]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Resumed(Started):
    """A run that was cut short goes on; the step after ``step`` is next.

    What the log told of later steps is no longer in it: they come again, the same.

    Attributes:
        step: Steps done.
        epoch: Epochs done, a fraction.
    """

    step: int
    epoch: float


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

    def to_data(self) -> dict[str, Any]:
        """Return the event as it stands in ``events.jsonl``; of so many it is to be quick."""
        return {"event": "StepDone", **vars(self)}


@dataclass(frozen=True, kw_only=True)
class Replanned(Event):
    """Memory ran out, and the step after ``step`` is computed in smaller parts, as all that follow.

    Attributes:
        step: Steps done.
        plan: How steps are computed from here on.
        micro_batch: Images at a time.
        reason: What was said of the memory.
    """

    step: int
    plan: str
    micro_batch: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerHealth:
    """What a layer showed in a step.

    Attributes:
        path: The layer's, as in the module.
        kind: The class of its module.
        mean: Of all values it gave for the batch; None if one of them is not finite.
        std: Their standard deviation.
        dead: Share of its units (of maps: channels) that are nowhere above 0; None unless it is a ReLU.
        units: How many it has.
        seen: How many values of each unit were looked at: images times positions.
        gradient_norm: Length of its weights' gradient, before clipping; None without weights of two or more axes.
        weight_norm: Length of those weights before the step.
        update_ratio: How far they moved in the step, in lengths of them; None if they are all 0.
    """

    path: str
    kind: str
    mean: float | None
    std: float | None
    dead: float | None = None
    units: int | None = None
    seen: int | None = None
    gradient_norm: float | None = None
    weight_norm: float | None = None
    update_ratio: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptom:
    """What is not as in a network that learns well.

    Attributes:
        kind: ``dead-units``, ``no-gradient``, ``vanishing-gradient``, ``small-updates``, ``large-updates`` or
            ``first-loss``.
        layers: Paths of the layers that have it, the worst first.
        text: What it is and how to mend it.
    """

    kind: str
    layers: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """How many finite values of a tensor are in each of several bins of one width, the last of which has both ends.

    Attributes:
        tag: What it is of: ``values/<layer>`` or ``gradients/<weight>``.
        least: The least value.
        greatest: The greatest.
        low: Where the first bin begins.
        high: Where the last one ends.
        total: Sum of the values.
        squares: Sum of their squares.
    """

    tag: str
    least: float
    greatest: float
    low: float
    high: float
    counts: tuple[int, ...]
    total: float
    squares: float

    @property
    def count(self) -> int:
        """How many values there are."""
        return sum(self.counts)

    @property
    def mean(self) -> float:
        """Their mean."""
        return self.total / self.count

    @property
    def std(self) -> float:
        """Their standard deviation."""
        return math.sqrt(max(0.0, self.squares / self.count - self.mean**2))

    @property
    def edges(self) -> tuple[float, ...]:
        """Where the bins begin and end, one more than there are bins."""
        bins = len(self.counts)
        return tuple(self.low + (self.high - self.low) * i / bins for i in range(bins + 1))


@dataclass(frozen=True, kw_only=True)
class Inspected(Event):
    """Every layer was looked at in the step that was just done.

    Attributes:
        layers: In the order they ran.
        symptoms: What is not as it should be.
        histograms: Of values and gradients; TensorBoard gets them, ``events.jsonl`` does not.
    """

    step: int
    layers: tuple[LayerHealth, ...]
    symptoms: tuple[Symptom, ...]
    histograms: tuple[Histogram, ...] = field(default=(), repr=False, metadata={"logged": False})


@dataclass(frozen=True, kw_only=True)
class Validated(Event):
    """The network was measured on the validation split.

    Attributes:
        accuracy: Share of images answered rightly; or what ``measure`` says it is.
        best: Whether none before was better; of equal accuracies the lower loss is.
        measure: ``accuracy``; or ``mean average precision`` where images may have several labels.
    """

    step: int
    epoch: float
    loss: float
    accuracy: float
    best: bool
    measure: str = "accuracy"


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
        what: ``"weights"`` or ``"output"`` of that layer; its ``"gradient"``, made in its backward pass; its
            ``"output gradient"``, which reached it so from what is no layer; ``"loss"``, ``"images"``, ``"targets"``;
            empty if all were numbers when the step was repeated.
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
        measure: What it is, as in `Validated`.
        seconds: Since the run began or was resumed.
        notes: What the user should know, one sentence each.
    """

    run: str
    step: int
    reason: Reason
    best_accuracy: float | None
    best_step: int | None
    seconds: float
    measure: str = "accuracy"
    notes: tuple[str, ...] = ()
