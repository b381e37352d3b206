"""`Readers`: tells events to readers that may be slow or fail, without the training noticing."""

from __future__ import annotations

import queue
import threading
import warnings
from collections.abc import Iterable
from contextlib import suppress

from striate.errors import printable
from striate.train.events import Event, Finished, Started
from striate.train.readers.reader import Reader, check_readers, new_reader

__all__ = ["ReaderWarning", "Readers"]

_PATIENCE = 60.0
_WORDS = 240


class ReaderWarning(UserWarning):
    """A reader is not told all of a run."""


class Readers:
    """Readers by their names, each in a thread of its own. One that fails is told no more, with a warning.

    Args:
        names: Of `READERS`.
        patience: Seconds that `close` waits for a reader that still has something to tell.

    Raises:
        ConfigError: if there is no such reader, or its package is not installed.
    """

    def __init__(self, names: Iterable[str] = (), patience: float = _PATIENCE) -> None:
        self._patience = patience
        self._began = False
        self._told = [_Told(name) for name in check_readers(names)]

    def show(self, event: Event) -> None:
        """Pass ``event`` on; returns at once, but for the last one, which a signal may follow: that waits as `close`.

        Nothing is told of a run that was over before it went on.
        """
        self._began = self._began or isinstance(event, Started)
        if not self._began:
            return
        for told in self._told:
            told.events.put(event)
            if told.problem is not None:
                _warn(f"{told.problem} The training goes on without it.")
        self._told = [told for told in self._told if told.problem is None]
        if isinstance(event, Finished):
            self.close()

    def close(self) -> None:
        """Wait until all is told."""
        for told in self._told:
            told.events.put(None)
        for told in self._told:
            told.thread.join(self._patience)
            if told.thread.is_alive():
                _warn(
                    f"{told.name} has not taken everything in {self._patience:g} s; the rest is lost to it."
                )
            elif told.problem is not None:
                _warn(told.problem)
        self._told = []


class _Told:
    """One reader, its thread, and what it has still to be told; None is the end.

    Attributes:
        problem: Why it stopped before the end.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self.problem: str | None = None
        # As a daemon it does not keep the process alive where the network holds it.
        self.thread = threading.Thread(target=self._tell, name=f"striate-{name}", daemon=True)
        self.thread.start()

    def _tell(self) -> None:
        try:
            reader: Reader = new_reader(self.name)
            try:
                while (event := self.events.get()) is not None:
                    reader.show(event)
            except Exception:
                with suppress(Exception):  # what was told before may still be passed on
                    reader.close()
                raise
            reader.close()
        except Exception as error:  # whatever it is, the run is worth more
            told = printable(" ".join(str(error).split())).rstrip(".")
            told = told if len(told) <= _WORDS else f"{told[:_WORDS]} …"
            self.problem = f"{self.name} is told no more of the run: {type(error).__name__}: {told}."


def _warn(words: str) -> None:
    warnings.warn(words, ReaderWarning, stacklevel=3)
