"""What a check of a network comes to: figures, findings, and the report that holds them. Measures nothing."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from striate.data.check.report import Finding, Judged, Report

__all__ = ["Figures", "Loss", "Memory", "NetworkReport", "Signal", "Time"]

SCHEMA = 1

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Bytes that training takes, in float32, by arithmetic; what the libraries take for themselves is not counted.

    Attributes:
        weights: Of all parameters; as much again are their gradients.
        optimizer: What it keeps for each parameter: two numbers by AdamW, one by SGD with momentum.
        images: The batch itself.
        activations: Outputs of all layers for the batch, which the backward pass needs.
        data: The images of train and val as bytes, but for a split that is streamed, or stored so and only mapped.
        free: What is free now on the device; None if it does not tell.
        largest_batch: The largest batch for which 90 % of what is free is enough; None if that is not known.
        peak: The most that PyTorch held in the measured step, on CUDA; None elsewhere.
    """

    weights: int
    gradients: int
    optimizer: int
    images: int
    activations: int
    data: int
    free: int | None
    largest_batch: int | None
    peak: int | None = None

    @property
    def step(self) -> int:
        """What a step of training takes, without the data set."""
        return self.weights + self.gradients + self.optimizer + self.images + self.activations


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """The loss at the start, in nats, and what to hold it against.

    Attributes:
        first: Loss of a real batch before the first step.
        uniform: That of a network which takes all classes for equally likely: of cross-entropy ln(classes).
        prior: That of one which has learned nothing but how frequent each class is in train; None but of cross-entropy.
        named: What ``uniform`` is, in words: ``ln 10``.
    """

    first: float | None
    uniform: float
    prior: float | None
    named: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Time:
    """What was measured of one step, and what follows from it. All in seconds.

    Attributes:
        measured_batch: Images of the measured step: fewer than in training where those would have taken too long.
        step: One step of training at its batch size; the median of ``repeats``, scaled from the measured batch.
        epoch: All steps of an epoch, and the validation, for which an image counts a third; of streamed data at
            least the decoding.
        total: All epochs.
        decoding: Reading train and val once, on all cores; 0 where they are stored as needed.
        streamed: Whether that happens anew in every epoch, while steps go on, and not once before the first.
    """

    measured_batch: int
    repeats: int
    step: float
    images_per_second: float
    epoch: float
    total: float
    decoding: float
    streamed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """What a layer gives for a real batch before the first step.

    Attributes:
        path: The layer's, as in the module.
        kind: The class of its module.
        std: Standard deviation of all its values.
        spread: How much a value differs from image to image: the root mean square of that standard deviation.
        dead: Share of its units (of maps: channels) that are 0 for every image; None unless it is a ReLU.
        saturated: Share of its values within 2 % of an end of its range; None unless it has two ends.
        gradient: Length of its weights' gradient divided by that of the weights; None without weights to train.
        finite: Whether all its values are finite numbers.
    """

    path: str
    kind: str
    std: float
    spread: float
    dead: float | None
    saturated: float | None
    gradient: float | None
    finite: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The figures of a network on its data; None where they are not known.

    Attributes:
        macs: Multiply-accumulates for one image.
        input: Shape that every image is brought to, ``(C, H, W)``.
        output: Shape of one output.
        receptive_field: What one unit of the last map sees of the image, ``(height, width)``, and which layer that is.
        signals: A row for each layer, in the order they run; none if no step could be measured.
    """

    parameters: int | None
    macs: int | None
    input: Shape | None
    output: Shape | None
    classes: int
    train_images: int
    val_images: int
    batch_size: int
    epochs: float
    steps_per_epoch: int
    receptive_field: tuple[int, int] | None
    receptive_field_at: str | None
    memory: Memory | None
    loss: Loss | None
    time: Time | None
    signals: tuple[Signal, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class NetworkReport(Judged):
    """What `check_network` found.

    Attributes:
        network: The name of the network.
        device: What the step was measured on.
        findings: Those of network and data, the gravest first.
        data: The report on the data alone.
        remarks: What was not looked at, and how it was measured.
    """

    network: str
    device: str
    findings: tuple[Finding, ...]
    figures: Figures
    data: Report
    remarks: tuple[str, ...] = ()

    def to_data(self) -> dict[str, Any]:
        """Return everything but the pictures, as plain values for JSON; what is no finite number becomes None."""
        return {
            "schema": SCHEMA,
            "network": self.network,
            "source": self.data.source,
            "device": self.device,
            "ok": self.ok,
            "counts": self.counts,
            "findings": [finding.to_data() for finding in self.findings],
            "figures": _finite(dataclasses.asdict(self.figures)),
            "remarks": list(self.remarks),
            "data": {k: v for k, v in self.data.to_data().items() if k not in ("findings", "counts", "ok")},
        }

    def to_html(self) -> str:
        """Return a page of its own; it needs no other file and no network."""
        from striate.train.check.page import page

        return page(self)

    def text(self, names: int | None = 5) -> str:
        """Return the report for a terminal, with as many names for each finding; None means all."""
        from striate.train.check.text import text

        return text(self, names)

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        from striate.train.check.page import body

        return body(self)


def _finite(value: Any) -> Any:
    """Return plain values with None for what JSON has no number for."""
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
