"""What a fetch tells while it goes on: frozen values, for a progress bar or a log to read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["AlreadyThere", "Event", "Fetched", "Received", "Troubled", "Unpacked"]


@dataclass(frozen=True, kw_only=True)
class Event:
    """Base of what is told. Abstract."""


@dataclass(frozen=True, kw_only=True)
class Received(Event):
    """``done`` of the ``total`` bytes of the file called ``name`` have come, from this fetch or one before."""

    name: str
    done: int
    total: int


@dataclass(frozen=True, kw_only=True)
class Troubled(Event):
    """Something went wrong and ``then`` is done about it."""

    reason: str
    then: str


@dataclass(frozen=True, kw_only=True)
class Unpacked(Event):
    """``done`` of the ``total`` bytes of the archive called ``name`` have been unpacked."""

    name: str
    done: int
    total: int


@dataclass(frozen=True, kw_only=True)
class Fetched(Event):
    """All is in ``folder``; ``received`` bytes were downloaded for it."""

    folder: Path
    received: int


@dataclass(frozen=True, kw_only=True)
class AlreadyThere(Event):
    """All was in ``folder`` before, and each of its ``files`` is as it was fetched."""

    folder: Path
    files: int
