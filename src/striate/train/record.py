"""The readers of the event stream that every run has: ``events.jsonl`` and TensorBoard's files."""

from __future__ import annotations

import json
import time
from collections.abc import Generator
from contextlib import ExitStack, closing
from functools import singledispatchmethod
from pathlib import Path
from typing import TextIO

from tensorboard.compat.proto.event_pb2 import Event as BoardEvent
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from striate.errors import RunError
from striate.train.events import Event, StepDone, Validated

__all__ = ["recorded"]


def recorded(events: Generator[Event, None, None], folder: Path) -> Generator[Event, None, None]:
    """Write each event to ``folder`` and pass it on; what is thrown in or closed reaches ``events``.

    Raises:
        RunError: if the log cannot be written.
    """
    log = _Log(folder)
    try:
        event = next(events)
        while True:
            log.write(event)
            try:
                yield event
            except KeyboardInterrupt as interrupt:
                event = events.throw(interrupt)
            else:
                event = next(events)
    except StopIteration:
        return
    finally:
        events.close()
        log.close()


class _Log:
    """Appends events to the files of a run folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "events.jsonl"
        try:
            with ExitStack() as opened:
                self._lines: TextIO = opened.enter_context(self._path.open("a", encoding="utf-8"))
                self._board = EventFileWriter(str(folder / "tensorboard"))
                opened.pop_all()  # both are open, and stay so
        except OSError as error:
            raise self._failed(error) from None

    def write(self, event: Event) -> None:
        """Append ``event``."""
        try:
            self._lines.write(json.dumps({"time": round(time.time(), 3), **event.to_data()}) + "\n")
            self._lines.flush()
            self._curves(event)
        except OSError as error:
            raise self._failed(error) from None

    def close(self) -> None:
        """Flush and close."""
        try:
            with closing(self._board):
                self._lines.close()
        except OSError as error:
            raise self._failed(error) from None

    @singledispatchmethod
    def _curves(self, event: Event) -> None:
        """Add what TensorBoard can draw of ``event``: by default nothing."""

    @_curves.register
    def _(self, event: StepDone) -> None:
        self._scalars(
            event.step,
            {
                "train/loss": event.loss,
                "train/lr": event.lr,
                "train/images_per_second": event.images_per_second,
            },
        )

    @_curves.register
    def _(self, event: Validated) -> None:
        self._scalars(event.step, {"val/loss": event.loss, "val/accuracy": event.accuracy})

    def _scalars(self, step: int, values: dict[str, float]) -> None:
        summary = Summary(value=[Summary.Value(tag=tag, simple_value=v) for tag, v in values.items()])
        self._board.add_event(BoardEvent(step=step, wall_time=time.time(), summary=summary))

    def _failed(self, error: OSError) -> RunError:
        return RunError(f"{self._path}: the event log cannot be written: {error.strerror or error}.")
