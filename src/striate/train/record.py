"""The readers of the event stream that every run has: ``events.jsonl`` and TensorBoard's files."""

from __future__ import annotations

import errno
import itertools
import json
import os
import socket
import time
from collections.abc import Generator, Iterable
from contextlib import ExitStack, closing, suppress
from functools import singledispatchmethod
from pathlib import Path
from typing import TextIO

from tensorboard.compat.proto.event_pb2 import Event as BoardEvent
from tensorboard.compat.proto.event_pb2 import SessionLog
from tensorboard.compat.proto.histogram_pb2 import HistogramProto
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from striate.errors import RunError
from striate.spec.files import sync_folder
from striate.train.events import Event, Histogram, Inspected, Resumed, Started, StepDone, Validated
from striate.train.keeping.checkpoint import Progress

__all__ = ["cut_log", "recorded", "sync_log"]

_POINTS = 2000
_WAIT = 0.25


def recorded(
    events: Generator[Event, None, None], folder: Path, untold: Iterable[Event] = ()
) -> Generator[Event, None, None]:
    """Write each event to ``folder`` and pass it on; what is thrown in or closed reaches ``events``.

    When it is closed, what is ``untold`` by then, though it happened, is written too.

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
    except GeneratorExit:
        events.close()
        for event in untold:
            log.write(event)
        raise
    finally:
        with closing(log):
            events.close()


def sync_log(path: Path) -> None:
    """Have the log at ``path`` on the disk, not only on its way there: no checkpoint is to be ahead of it.

    TensorBoard's curves are handed to the system, which a process that is killed does not take along.

    Raises:
        RunError: if that fails.
    """
    if path in _OPEN:
        _OPEN[path].hand_over()
    try:
        with path.open("ab") as file:
            os.fsync(file.fileno())
    except OSError as error:
        if error.errno != errno.EINVAL:  # as of a pipe, which nothing can be lost of
            raise _unwritten(path, error) from None


def cut_log(path: Path, progress: Progress) -> None:
    """Leave in the log at ``path`` what had happened when ``progress`` was saved.

    Raises:
        RunError: if it cannot be read or written.
    """
    if not path.exists():
        return
    new = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with path.open("rb") as lines, new.open("wb") as kept:
            kept.writelines(line for line in lines if _happened(line, progress))
            kept.flush()
            os.fsync(kept.fileno())
        new.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            new.unlink()
        raise _unwritten(path, error) from None


def _happened(line: bytes, progress: Progress) -> bool:
    """Return whether a line is of what had happened; half a line, the last of a process that was killed, is not."""
    if not line.endswith(b"\n"):
        return False
    try:
        event = json.loads(line)
        step = event.get("step", 0)
        kind = event["event"]
        if step == progress.step and kind == "Replanned":  # in the step after it, which may still be to come
            return progress.micro_batch is not None and bool(progress.micro_batch <= event["micro_batch"])
        if step == progress.step > progress.validated:  # whose validation is still to come
            return bool(kind != "Validated" and event.get("which") != "best")
        return bool(step <= progress.step)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False


def _unwritten(path: Path, error: OSError) -> RunError:
    return RunError(f"{path}: the event log cannot be written: {error.strerror or error}.")


class _Log:
    """Appends events to the files of a run folder.

    Every step goes into the log, some of them together, at most `_WAIT` seconds later; into the curves about `_POINTS`
    at most, of which TensorBoard shows a thousand.
    """

    def __init__(self, folder: Path) -> None:
        self._stride = 1
        self._waiting: list[tuple[float, Event]] = []
        self._path = folder / "events.jsonl"
        try:
            with ExitStack() as opened:
                self._lines: TextIO = opened.enter_context(self._path.open("a", encoding="utf-8"))
                self._board = opened.enter_context(closing(_Board(folder / "tensorboard")))
                opened.pop_all()  # both are open, and stay so
        except OSError as error:
            raise _unwritten(self._path, error) from None
        _OPEN[self._path] = self

    def write(self, event: Event) -> None:
        """Append ``event``, of a step soon."""
        now = time.time()
        self._waiting.append((now, event))
        if not isinstance(event, StepDone) or not 0 <= now - self._waiting[0][0] < _WAIT:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        waiting, self._waiting = self._waiting, []
        lines = [json.dumps({"time": round(at, 3), **event.to_data()}) + "\n" for at, event in waiting]
        try:
            self._lines.write("".join(lines))
            self._lines.flush()
            for _, event in waiting:
                self._curves(event)
        except OSError as error:
            raise _unwritten(self._path, error) from None

    def hand_over(self) -> None:
        """Write what waits, and hand all of it to the system."""
        self.flush()
        try:
            self._board.flush()
        except OSError as error:
            raise _unwritten(self._path, error) from None

    def close(self) -> None:
        """Flush and close."""
        del _OPEN[self._path]
        try:
            with closing(self._board), self._lines:
                self.flush()
        except OSError as error:
            raise _unwritten(self._path, error) from None

    @singledispatchmethod
    def _curves(self, event: Event) -> None:
        """Add what TensorBoard can draw of ``event``: by default nothing."""

    @_curves.register
    def _(self, event: Started) -> None:
        self._stride = max(1, event.steps // _POINTS)

    @_curves.register
    def _(self, event: Resumed) -> None:
        self._stride = max(1, event.steps // _POINTS)
        # TensorBoard no longer shows what an earlier process wrote of later steps.
        start = SessionLog(status=SessionLog.START)
        self._board.add_event(BoardEvent(step=event.step + 1, wall_time=time.time(), session_log=start))

    @_curves.register
    def _(self, event: StepDone) -> None:
        if event.step % self._stride:
            return
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
        self._board.flush()

    @_curves.register
    def _(self, event: Inspected) -> None:
        self._scalars(
            event.step,
            {
                f"health/{name}/{layer.path}": value
                for layer in event.layers
                for name in ("dead", "gradient_norm", "weight_norm", "update_ratio")
                if (value := getattr(layer, name)) is not None
            },
        )
        self._summarize(event.step, [Summary.Value(tag=h.tag, histo=_proto(h)) for h in event.histograms])

    def _scalars(self, step: int, values: dict[str, float]) -> None:
        self._summarize(step, [Summary.Value(tag=tag, simple_value=v) for tag, v in values.items()])

    def _summarize(self, step: int, values: list[Summary.Value]) -> None:
        self._board.add_event(BoardEvent(step=step, wall_time=time.time(), summary=Summary(value=values)))


_OPEN: dict[Path, _Log] = {}
"""The logs that are being written, whose last events may still wait."""


class _Board:
    """Writes TensorBoard's file, as its `EventFileWriter` does but at once: a thread beside takes turns with ours."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        began, number = int(time.time()), next(_numbers)
        name = f"events.out.tfevents.{began:010d}.{socket.gethostname()}.{os.getpid()}.{number}"
        with ExitStack() as opened:
            self._file = opened.enter_context((folder / name).open("xb"))
            self._records = RecordWriter(self._file)
            self.add_event(BoardEvent(wall_time=time.time(), file_version="brain.Event:2"))
            self.flush()
            opened.pop_all()

    def add_event(self, event: BoardEvent) -> None:
        """Append ``event``; `flush` shows it to others."""
        self._records.write(event.SerializeToString())

    def flush(self) -> None:
        """Hand what was written to the system."""
        self._file.flush()

    def close(self) -> None:
        """Flush and close."""
        self._file.close()


_numbers = itertools.count()


def _proto(histogram: Histogram) -> HistogramProto:
    """Return what TensorBoard takes, each count with where its bin ends; the first, of none, ends where they begin."""
    return HistogramProto(
        min=histogram.least,
        max=histogram.greatest,
        num=histogram.count,
        sum=histogram.total,
        sum_squares=histogram.squares,
        bucket_limit=histogram.edges,
        bucket=[0, *histogram.counts],
    )
