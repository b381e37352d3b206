"""Waiting for other machines in several threads at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

__all__ = ["in_threads"]

_THREADS = 16
Item = TypeVar("Item")
Result = TypeVar("Result")


def in_threads(
    system: AbstractFileSystem,
    call: Callable[[Item], Result],
    items: Iterable[Item],
    stop: Callable[[], None] = lambda: None,
) -> Iterator[Result]:
    """Yield ``call`` of every item, in the order in which they end; the first error ends all.

    A file system that is not made for several threads is asked by one. ``stop`` tells calls that are under way that
    nobody wants their results any more; they are waited for.
    """
    count = _THREADS if getattr(system, "async_impl", False) else 1
    pool = ThreadPoolExecutor(count)
    waiting: set[Future[Any]] = set()
    try:
        for item in items:
            if len(waiting) >= 2 * count:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
            waiting.add(pool.submit(call, item))
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
    finally:
        stop()
        pool.shutdown(cancel_futures=True)
