"""Memory that one step frees and the next wants again: the process keeps it for as long as steps are done."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["kept_memory"]

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3  # numbers of malloc.h
_RAISED = 2**25  # to which glibc raises the threshold by itself, and the most that some versions take
_WHILE = {_TRIM_THRESHOLD: -1, _TOP_PAD: 2**26, _MMAP_THRESHOLD: 2**30}  # -1: never
_AFTER = {_TRIM_THRESHOLD: 2 * _RAISED, _TOP_PAD: 2**17, _MMAP_THRESHOLD: _RAISED}
_OWN = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_", "GLIBC_TUNABLES")

_lock = threading.Lock()
_users = 0


@contextmanager
def kept_memory() -> Iterator[None]:
    """Have freed memory stay with the process until the last of those who asked for it is done.

    Else the C library gives large tensors back to the system, which clears their pages when the next step asks for
    them: in VGG-11 300 MB a step, a fifth of its time on a CPU. Afterwards its thresholds stand where it would raise
    them itself, and adapt no more. Where it is not glibc, or where the user has set how it allocates
    (`GLIBC_TUNABLES`, `MALLOC_…`), nothing changes.
    """
    global _users
    with _lock:
        _users += 1
        if _users == 1:
            _set(_WHILE)
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0 and _set(_AFTER):
                ctypes.CDLL(None).malloc_trim(0)


def _set(options: dict[int, int]) -> bool:
    """Set options of glibc's allocation; return whether it took them."""
    if any(name in os.environ for name in _OWN):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # macOS, musl; Windows
        return False
    taken = [mallopt(option, value) for option, value in options.items()]
    return all(taken[:-1]) and bool(taken[-1] or mallopt(_MMAP_THRESHOLD, _RAISED))
