"""Why a place does not give what was asked: the errors of many file systems, in the words of one."""

from __future__ import annotations

import errno
import http.client
import re
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from striate.data.fetch.web import Trouble
from striate.data.remote.places import Place

__all__ = ["Absent", "asked", "trouble_of"]

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_DENIED = frozenset({401, 403, 407})
_ABSENT = frozenset({404, 410})
_NO_PARTS = re.compile("range requests|seek streaming")  # in what fsspec says of the web


_PAUSE = 1.0  # seconds before a question is put once more
Answer = TypeVar("Answer")


class Absent(Trouble):
    """There is nothing at a place."""


def asked(question: Callable[[], Answer], place: Place) -> Answer:
    """Return what a file system answers, asked once more if that may help.

    Raises:
        Trouble: telling why there is no answer.
    """
    try:
        return question()
    except Exception as error:  # of any file system
        trouble = trouble_of(error, place)
        if not trouble.passing:
            raise trouble from None
    time.sleep(_PAUSE)
    try:
        return question()
    except Exception as error:
        raise trouble_of(error, place) from None


def trouble_of(error: BaseException, place: Place) -> Trouble:
    """Return what ``error``, of fsspec or what it uses, means.

    fsspec tells any failure of the web as a missing file, and the true one as its cause.
    """
    chain = list(_causes(error))
    status = next((s for e in chain if isinstance(s := getattr(e, "status", None), int)), None)
    if status is not None:
        said = f"it answers {status} {http.client.responses.get(status, '')}".rstrip()
        if status in _DENIED:
            said = f"{said}; permission is denied{_how(place)}"
        elif status in _ABSENT:
            return Absent(f"there is nothing there ({status}); check the address", passing=False)
        return Trouble(said, passing=status in _PASSING)
    last = chain[-1]
    text = place.scrubbed(str(getattr(last, "strerror", None) or last))
    told = f"{type(last).__name__}: {text}" if text else type(last).__name__
    absent = [last] if place.web else chain
    if any(isinstance(e, FileNotFoundError) for e in absent) or type(last).__name__.startswith("NoSuch"):
        return Absent("there is nothing there; check the address", passing=False)
    if any(isinstance(e, PermissionError) for e in chain) or "Credentials" in type(last).__name__:
        return Trouble(f"permission is denied ({told}){_how(place)}", passing=False)
    if isinstance(last, OSError) and last.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
        return Trouble(f"its copy cannot be written here ({told})", passing=False)
    if isinstance(last, IsADirectoryError | NotADirectoryError):
        return Trouble(f"it is not what was asked for ({told})", passing=False)
    if place.web and isinstance(last, ValueError) and _NO_PARTS.search(text):
        fix = "copy the shards to this machine, or serve them by one that does (nginx, S3)"
        return Trouble(f"its server does not give parts of files; {fix}", passing=False)
    return Trouble(f"it cannot be reached ({told})", passing=True)


def _causes(error: BaseException) -> Iterator[BaseException]:
    current: BaseException | None = error
    for _ in range(8):
        if current is None:
            return
        yield current
        current = current.__cause__


def _how(place: Place) -> str:
    if place.web:
        return "; keep the host's name and password in ~/.netrc, or write https://NAME:PASSWORD@host/…"
    return "; give the credentials as the tools of that service take them, from the environment or their own files"
