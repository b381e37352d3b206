"""Texts that came from elsewhere, put so that a message can quote them: names of files, errors of other libraries."""

from __future__ import annotations

__all__ = ["printable", "quoted"]

_LONGEST = 200


def printable(text: str) -> str:
    """Return a text in one line, without characters that would move the cursor or color the screen."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def quoted(text: object) -> str:
    """Return a text `printable`, a long one cut off."""
    line = printable(str(text)[: _LONGEST + 1])
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
