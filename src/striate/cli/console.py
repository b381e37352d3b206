"""How the command line prints texts for people, in which names may stand that came from elsewhere."""

from __future__ import annotations

import sys

from striate.errors import printable

__all__ = ["say", "warn"]


def say(text: object) -> None:
    """Print ``text`` on stdout, at once, also into a pipe or a file; of control characters only newlines stay."""
    print(_plain(text), flush=True)


def warn(text: object) -> None:
    """Print ``text`` on stderr likewise."""
    print(_plain(text), file=sys.stderr, flush=True)


def _plain(text: object) -> str:
    return "\n".join(map(printable, str(text).split("\n")))
