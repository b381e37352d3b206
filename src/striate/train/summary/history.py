"""`History`: what the event log of a run tells of its course. Legend: S steps that were logged."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from striate.errors import RunError
from striate.train.log import read_events
from striate.train.once import Once

__all__ = ["CUT_SHORT", "History", "Measured", "read_history", "smoothed"]

CUT_SHORT = "still running, or cut short"
"""How a run ended that did not say so."""

_WINDOWS = 40
_LARGEST = 1e30  # that is drawn
_MOST_EPOCHS = 1e9
_LATEST = 1e12  # seconds since 1970

Floats = np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A validation during training; ``accuracy`` is a share of images, or what `History.measure` says."""

    step: int
    epoch: float
    loss: float
    accuracy: float
    best: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class History:
    """The course of a run.

    Attributes:
        epochs: Epochs done after each step ``(S,)``.
        losses: Training losses ``(S,)``.
        rates: Learning rates ``(S,)``.
        validations: In their order.
        steps: Steps done.
        planned_steps: Steps that were to be done, by ``planned_epochs``.
        device: What it was trained on.
        params: Parameters of the network.
        seconds: Time spent training, all sessions of a run that was resumed together.
        images_per_second: Median over the steps; None if none tells it.
        ending: How it ended, in words.
        notes: What the run told its user.
        measure: What `Measured.accuracy` is.
        warnings: What was seen of layers that do not learn well, each with its step, as it was told once.
    """

    epochs: Floats
    losses: Floats
    rates: Floats
    validations: tuple[Measured, ...]
    steps: int
    planned_steps: int
    planned_epochs: float
    device: str
    params: int | None
    seconds: float
    images_per_second: float | None
    ending: str
    notes: tuple[str, ...]
    measure: str
    warnings: tuple[str, ...] = ()

    @property
    def best(self) -> Measured | None:
        """The last validation that was better than all before, if it can be drawn."""
        drawn = (each for each in self.validations if math.isfinite(each.loss + each.accuracy))
        return next((measured for measured in reversed([*drawn]) if measured.best), None)


def read_history(folder: Path) -> History:
    """Read the event log of the run in ``folder``.

    Raises:
        RunError: if it is missing or damaged.
    """
    reading = _Reading()
    try:
        reading.all(read_events(folder / "events.jsonl"))
        return reading.history()
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise RunError(f"{folder / 'events.jsonl'}: is damaged ({type(error).__name__}: {error}).") from None


def smoothed(epochs: Floats, values: Floats, points: int = 300) -> tuple[Floats, Floats]:
    """Return at most ``points`` places of a curve ``(S,)``, and the mean of its values around each.

    A mean reaches over a fortieth of the run, half of it to either side; over less at the beginning, where a loss
    falls steeply. Where steps are fewer than that, each stands for itself.
    """
    count = len(values)
    reach = count // (2 * _WINDOWS)
    places = np.unique(np.linspace(0, max(count - 1, 0), min(points, count)).round().astype(int))
    sums = np.concatenate([[0.0], np.cumsum(np.where(np.isfinite(values), values, 0.0))])
    known = np.concatenate([[0], np.cumsum(np.isfinite(values))])
    around = np.minimum(reach, places)
    low, high = places - around, np.minimum(places + around, count - 1) + 1
    with np.errstate(invalid="ignore"):
        means = (sums[high] - sums[low]) / (known[high] - known[low])
    return epochs[places], means


@dataclass
class _Reading:
    """What has been read so far."""

    steps: list[tuple[float, ...]] = field(default_factory=list)
    validations: list[Measured] = field(default_factory=list)
    started: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    since: float = 0.0
    last: float = 0.0
    ending: str = ""
    notes: list[str] = field(default_factory=list)
    measure: str = "accuracy"
    warnings: list[str] = field(default_factory=list)
    once: Once = field(default_factory=Once)

    def all(self, events: Iterable[dict[str, Any]]) -> None:
        """Read every event; kinds that are not known are passed over."""
        now = 0.0
        for event in events:
            now = _within(event.get("time", now), _LATEST)
            match event["event"]:
                case "StepDone":
                    rest = (_drawn(event[name]) for name in ("loss", "lr", "images_per_second"))
                    self.steps.append((int(event["step"]), _within(event["epoch"], _MOST_EPOCHS), *rest))
                case "Validated":
                    self._validated(event)
                case "Inspected":
                    self._inspected(event)
                case "Started" | "Resumed":
                    self.seconds += max(0.0, self.last - self.since)
                    self.since, self.ending = now, ""
                    self._began(event)
                case "Diverged":
                    self.ending = f"diverged at step {int(event['step']):,}"
                case "Finished":
                    words = {"completed": "completed", "early stop": "stopped early"}
                    self.ending = words.get(event["reason"], "interrupted")
                    self.notes += map(str, event.get("notes", ()))
            self.last = now
        self.seconds += max(0.0, self.last - self.since)

    def history(self) -> History:
        """Return the history that was read."""
        table = np.array(self.steps, dtype=float).reshape(-1, 5)
        speeds = table[np.isfinite(table[:, 4]), 4]
        params = self.started.get("params")
        return History(
            epochs=table[:, 1],
            losses=table[:, 2],
            rates=table[:, 3],
            validations=tuple(self.validations),
            steps=int(table[-1, 0]) if len(table) else 0,
            planned_steps=int(self.started.get("steps", 0)),
            planned_epochs=float(self.started.get("epochs", 0.0)),
            device=str(self.started.get("device", "")),
            params=params if isinstance(params, int) else None,
            seconds=self.seconds,
            images_per_second=float(np.median(speeds)) if len(speeds) else None,
            ending=self.ending or CUT_SHORT,
            notes=tuple(dict.fromkeys(self.notes)),
            measure=self.measure,
            warnings=tuple(self.warnings),
        )

    def _inspected(self, event: dict[str, Any]) -> None:
        for symptom in event.get("symptoms", ()):
            if self.once.new(str(symptom["kind"]), [str(layer) for layer in symptom["layers"]]):
                self.warnings.append(f"step {int(event['step']):,}: {symptom['text']}")

    def _began(self, event: dict[str, Any]) -> None:
        self.started = event
        self.notes += map(str, event.get("notes", ()))

    def _validated(self, event: dict[str, Any]) -> None:
        self.measure = str(event.get("measure", self.measure))
        self.validations.append(
            Measured(
                step=int(event["step"]),
                epoch=_within(event["epoch"], _MOST_EPOCHS),
                loss=_drawn(event["loss"]),
                accuracy=_drawn(event["accuracy"]),
                best=bool(event["best"]),
            )
        )


def _within(value: Any, most: float) -> float:
    """Return a number that a curve can be drawn over."""
    number = float(value)
    if not 0 <= number <= most:
        raise ValueError(f"{number:g} is not from 0 to {most:g}")
    return number


def _drawn(value: Any) -> float:
    """Return a number that a curve can have, or NaN, which leaves a gap."""
    number = float(value)
    return number if abs(number) <= _LARGEST else math.nan
