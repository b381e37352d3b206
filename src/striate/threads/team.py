"""`Team`: threads that share the parts of one piece of work, done by code that releases the GIL."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

__all__ = ["Team"]

_CORES = os.cpu_count() or 1


class Team:
    """Threads that are started when they are first needed, and anew in a forked process; at most one per core.

    Args:
        name: What their names begin with.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._gather()
        if hasattr(os, "register_at_fork"):  # threads stay behind in the parent
            os.register_at_fork(after_in_child=self._gather)

    def in_parts(self, work: Callable[..., None], parts: Sequence[Sequence[Any]], threads: int) -> None:
        """Call ``work`` with each of ``parts`` as its arguments, on at most ``threads`` threads, this one among them.

        A thread takes the next part when it is done with one, so that none waits for another that the machine keeps
        busy. All have left the work when this ends, also by an error, which is raised here.
        """
        left = iter(parts)

        def take() -> None:
            for part in left:
                work(*part)

        others = [self._pool.submit(take) for _ in range(min(threads, _CORES, len(parts)) - 1)]
        try:
            take()
        finally:
            begun = [other for other in others if not other.cancel()]
            for other in begun:
                other.exception()  # waits, in 2 µs where `concurrent.futures.wait` takes 6
        for other in begun:
            other.result()

    def _gather(self) -> None:
        self._pool = ThreadPoolExecutor(_CORES, thread_name_prefix=self._name)
