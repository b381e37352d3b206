"""Texts that came from elsewhere, put so that a message can quote them: keys of files, errors of other libraries."""

from __future__ import annotations

from striate.errors import printable

__all__ = ["quoted"]

_LONGEST = 200


def quoted(text: object) -> str:
    """Return a text `printable`, a long one cut off."""
    line = printable(str(text)[: _LONGEST + 1])
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
