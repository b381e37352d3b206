"""What the command line shows of a fetch: a bar on stderr, only on a terminal, troubles, and the outcome."""

from __future__ import annotations

import sys
from functools import singledispatchmethod
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from striate.cli.console import warn
from striate.data.fetch import AlreadyThere, Event, Fetched, Received, Troubled, Unpacked

__all__ = ["FetchReader"]


class FetchReader:
    """Shows the events it is told; a context manager.

    Attributes:
        received: Bytes that were downloaded.
        outcome: A line on what came of it.
    """

    def __init__(self) -> None:
        self.received = 0
        self.outcome = ""
        self._tasks: dict[str, Any] = {}
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
            transient=True,
            redirect_stdout=False,
        )

    def __enter__(self) -> FetchReader:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    @singledispatchmethod
    def show(self, event: Event) -> None:
        """Show ``event``."""
        raise AssertionError(f"{event} is not shown")

    @show.register
    def _(self, event: Received) -> None:
        self._draw(event.name, event.done, event.total)

    @show.register
    def _(self, event: Unpacked) -> None:
        self._draw(f"unpacking {event.name}", event.done, event.total)

    @show.register
    def _(self, event: Troubled) -> None:
        warn(f"{event.reason}; {event.then}")

    @show.register
    def _(self, event: Fetched) -> None:
        self.received = event.received
        self.outcome = f"{event.folder}: fetched ({event.received / 1e6:,.1f} MB) and checked"

    @show.register
    def _(self, event: AlreadyThere) -> None:
        files = f"{event.files:,} file{'s' if event.files > 1 else ''}"
        self.outcome = f"{event.folder}: already there, {files} read and unchanged; nothing downloaded"

    def _draw(self, what: str, done: int, total: int) -> None:
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=total)
        self._progress.update(self._tasks[what], completed=done)
