"""Ctrl-C and the signals of a machine that is about to take itself away end a run between two steps, saved."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

from striate.train.events import Event, Finished

__all__ = ["until_interrupted"]

_HANG_UP = getattr(signal, "SIGHUP", None)  # which Windows has not
_ECHO = 1.0  # seconds
_SIGNALS = [number for number in (signal.SIGINT, signal.SIGTERM, _HANG_UP) if number is not None]


def until_interrupted(events: Generator[Event, None, None]) -> Iterator[Event]:
    """Yield the events; on Ctrl-C, SIGTERM or SIGHUP let the step in hand end, then have the run save itself.

    Ctrl-C ends the stream as if the run were done. The other signals are raised again once the last event was taken,
    so that the process ends as whoever sent them expects. A second signal acts at once.
    """
    with _deferred() as received:
        over = False  # once told to end, or finished, there is nothing to interrupt
        while True:
            try:
                if received and not over:
                    over = True
                    event = events.throw(KeyboardInterrupt())
                else:
                    event = next(events)
            except StopIteration:
                break
            over = over or isinstance(event, Finished)
            yield event
    if received and received[0] != signal.SIGINT:
        sys.stdout.flush()
        signal.raise_signal(received[0])


@contextmanager
def _deferred() -> Iterator[list[int]]:
    """Note the first signal in a list; the next one acts as usual.

    Linux tells a process of its parent's death once for each thread of it, so that what follows within `_ECHO` is the
    same SIGTERM or SIGHUP.
    """
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received  # signals reach the main thread alone
        return
    before = {number: handler for number in _SIGNALS if (handler := signal.getsignal(number)) is not None}
    if before.get(_HANG_UP) is signal.SIG_IGN:  # as nohup has it
        del before[_HANG_UP]
    since = 0.0

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def note(number: int, frame: Any) -> None:
        nonlocal since
        if not received:
            since = time.monotonic()
            received.append(number)
            restore()
            if number != signal.SIGINT:
                signal.signal(number, note)
        elif time.monotonic() - since >= _ECHO:
            restore()
            signal.raise_signal(number)

    for number in before:
        signal.signal(number, note)
    try:
        yield received
    finally:
        restore()
