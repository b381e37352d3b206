"""The progress of a run on stderr, a reader of the event stream: a bar on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import math
import sys
import time
from collections import deque
from collections.abc import Callable
from functools import singledispatchmethod
from statistics import fmean
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from striate.train.events import Event, Finished, Started, StepDone, Validated

__all__ = ["ProgressBar"]

_RECENT = 50
_SILENCE = 30.0

Clock = Callable[[], float]


class ProgressBar:
    """Shows the events it is told; a context manager.

    Where stderr is not a terminal it writes a line after every 30 seconds without a validation, so that long epochs are
    not silent.

    Args:
        clock: Seconds that only grow.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._pace = _Pace(clock)
        self._display: _Display = _Bar() if sys.stderr.isatty() else _Lines(clock)

    def __enter__(self) -> Self:
        self._display.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._display.stop()

    @singledispatchmethod
    def show(self, event: Event) -> None:
        """Show ``event``; most kinds change nothing."""

    @show.register
    def _(self, event: Started) -> None:
        self._pace.start(event)
        self._display.update(self._pace)

    @show.register
    def _(self, event: StepDone) -> None:
        self._pace.add(event)
        self._display.update(self._pace)

    @show.register
    def _(self, event: Validated) -> None:
        self._pace.accuracy = event.accuracy
        self._display.validated(self._pace)

    @show.register
    def _(self, event: Finished) -> None:
        self._display.stop()  # a signal may end the process before anything else can


class _Pace:
    """Where a run is, and how fast it has been lately.

    Attributes:
        step: Steps done, of ``steps``.
        epoch: The epoch under way, from 1, of ``epochs``.
        loss: Mean of the last `_RECENT` steps; None before the first.
        images_per_second: Over the same steps, what happens between them left out.
        accuracy: Of the last validation; None before the first.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._losses: deque[float] = deque(maxlen=_RECENT)
        self._seconds_per_image: deque[float] = deque(maxlen=_RECENT)
        self._began = (0.0, 0)
        self.step = self.steps = self.epoch = self.epochs = 0
        self.accuracy: float | None = None

    def start(self, event: Started) -> None:
        """Begin at the first step, or where a run that is resumed goes on."""
        self.step, self.steps = getattr(event, "step", 0), event.steps
        self.epochs = math.ceil(event.epochs)
        self._began = (self._clock(), self.step)

    def add(self, event: StepDone) -> None:
        """Note a step."""
        self.step = event.step
        self.epoch = min(math.ceil(event.epoch), self.epochs)
        self._losses.append(event.loss)
        self._seconds_per_image.append(1 / event.images_per_second)

    @property
    def loss(self) -> float | None:
        return fmean(self._losses) if self._losses else None

    @property
    def images_per_second(self) -> float | None:
        return 1 / fmean(self._seconds_per_image) if self._seconds_per_image else None

    @property
    def seconds_left(self) -> float | None:
        """Seconds to the end at the pace since the start, validations included; None before the first step."""
        at, step = self._began
        if self.step <= step:
            return None
        return (self._clock() - at) / (self.step - step) * (self.steps - self.step)

    @property
    def figures(self) -> list[str]:
        """What has been measured, in words."""
        told = []
        if self.images_per_second is not None:
            told.append(f"{self.images_per_second:,.0f} images/s")
        if self.loss is not None:
            told.append(f"loss {self.loss:.4f}")
        if self.accuracy is not None:
            told.append(f"val {self.accuracy:.2%}")
        return told


class _Display(Protocol):
    """Where a pace is shown."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def update(self, pace: _Pace) -> None: ...

    def validated(self, pace: _Pace) -> None: ...


class _Bar:
    """A bar that is drawn over, and gone at the end."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=24),  # narrower where there is less room
            TextColumn("{task.completed}/{task.total}"),
            TextColumn("{task.fields[figures]}"),
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=sys.stdout.isatty(),  # else what goes to a file or pipe would be drawn instead
        )
        self._task = self._progress.add_task("", total=None, epoch="…", figures="")

    def start(self) -> None:
        self._progress.start()

    def stop(self) -> None:
        self._progress.stop()

    def update(self, pace: _Pace) -> None:
        left = pace.seconds_left
        figures = [*([] if left is None else [f"{_clock_face(left)} left"]), *pace.figures]
        self._progress.update(
            self._task,
            total=pace.steps,
            completed=pace.step,
            epoch=f"{pace.epoch} of {pace.epochs}",
            figures="  ".join(figures),
        )

    validated = update


class _Lines:
    """A line for a log after every `_SILENCE` seconds in which nothing else was told of the run."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told = clock()

    def start(self) -> None:
        self._told = self._clock()

    def stop(self) -> None:
        """There is nothing to take away."""

    def update(self, pace: _Pace) -> None:
        left = pace.seconds_left
        if left is None or self._clock() - self._told < _SILENCE:
            return
        self._told = self._clock()
        words = [
            f"step {pace.step:,} of {pace.steps:,}",
            f"epoch {pace.epoch} of {pace.epochs}",
            *pace.figures,
        ]
        print(", ".join([*words, f"{_clock_face(left)} left"]), file=sys.stderr, flush=True)

    def validated(self, pace: _Pace) -> None:
        self._told = self._clock()


def _clock_face(seconds: float) -> str:
    """Write a time as ``1:02:03`` or ``2:03``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
