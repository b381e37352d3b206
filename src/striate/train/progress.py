"""The progress bar: a reader of the event stream that draws on stderr, and only on a terminal."""

from __future__ import annotations

import math
import sys
from functools import singledispatchmethod
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from striate.train.events import Event, Started, StepDone, Validated

__all__ = ["ProgressBar"]


class ProgressBar:
    """Shows the events it is told; a context manager. Silent where stderr is not a terminal."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[speed]}  {task.fields[loss]}  {task.fields[accuracy]}"),
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
            transient=True,
            redirect_stdout=sys.stdout.isatty(),  # else what goes to a file or pipe would be drawn instead
        )
        self._epochs = 0
        self._task = self._progress.add_task("", epoch="0", speed="", loss="", accuracy="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    @singledispatchmethod
    def show(self, event: Event) -> None:
        """Show ``event``; most kinds change nothing."""

    @show.register
    def _(self, event: Started) -> None:
        self._epochs = math.ceil(event.epochs)
        self._progress.update(self._task, total=event.steps)

    @show.register
    def _(self, event: StepDone) -> None:
        self._progress.update(
            self._task,
            completed=event.step,
            epoch=f"{min(math.ceil(event.epoch), self._epochs)} of {self._epochs}",
            speed=f"{event.images_per_second:,.0f} images/s",
            loss=f"loss {event.loss:.4f}",
        )

    @show.register
    def _(self, event: Validated) -> None:
        self._progress.update(self._task, accuracy=f"val accuracy {event.accuracy:.2%}")
