"""What the network is fed: batches made ready, on the device, in their order; several at once where that is quicker."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import NamedTuple

from torch import Tensor

from striate.data import Batch, Batches, Dataset
from striate.train.plan.execution import laid_out
from striate.train.prepare import Prepared

__all__ = ["Inputs", "feed", "made_ready"]

_BYTES = 2**19  # of uint8 images made ready at once; of more, what is made leaves the cache
_AHEAD = 2  # batches


class Inputs(NamedTuple):
    """A batch as the network takes it, on its device, augmented.

    Attributes:
        images: ``(N, C, *size)``.
        targets: ``(N,)``, or ``(N, K)``.
        step: Which batch of the run it is, from 0.
    """

    images: Tensor
    targets: Tensor
    step: int


def made_ready(prepared: Prepared, batch: Batch) -> Inputs:
    """Return ``batch`` as the network takes it, or what this process computes of it."""
    images, targets = prepared.inputs(batch, prepared.share)
    return Inputs(laid_out(images, prepared.plan), targets, batch.step)


def feed(prepared: Prepared, batches: Batches, steps: range) -> Generator[Inputs, None, None]:
    """Yield what the network is fed in ``steps``; close it to end what goes on beside."""
    together = _BYTES // max(1, prepared.train.shape[0] * prepared.train.shape[1] * prepared.train.shape[2])
    count = together // batches.batch_size
    apart = prepared.share is not None or (prepared.augment is not None and prepared.augment.mixes)
    if not apart and count > 1 and isinstance(prepared.train, Dataset):
        made = _together(prepared, batches, steps, count)
    else:
        made = _each(prepared, batches, steps)
    return _ahead(made) if prepared.plan.ahead else made


def _each(prepared: Prepared, batches: Batches, steps: range) -> Generator[Inputs, None, None]:
    with closing(batches.ahead(steps)) as shown:
        for batch in shown:
            yield made_ready(prepared, batch)


def _together(
    prepared: Prepared, batches: Batches, steps: range, count: int
) -> Generator[Inputs, None, None]:
    """Make ``count`` batches ready at a time: of small ones each would take longer to ask for than to make."""
    for start in range(steps.start, steps.stop, count):
        some = range(start, min(start + count, steps.stop))
        images, targets, _ = made_ready(prepared, batches.joined(some))
        size = batches.batch_size
        for place, step in enumerate(some):
            part = slice(place * size, (place + 1) * size)
            yield Inputs(images[part], targets[part], step)


def _ahead(made: Generator[Inputs, None, None]) -> Generator[Inputs, None, None]:
    """Have what ``made`` yields made on a thread beside, `_AHEAD` of them in advance."""
    ready: queue.Queue[Inputs | BaseException | None] = queue.Queue(_AHEAD)
    closed = threading.Event()

    def work() -> None:
        last: BaseException | None = None
        try:
            with closing(made):
                for inputs in made:
                    ready.put(inputs)
                    if closed.is_set():
                        return
        except BaseException as error:  # told where it is waited for
            last = error
        ready.put(last)

    thread = threading.Thread(target=work, name="striate feed", daemon=True)
    thread.start()
    try:
        yield from _taken(ready)
    finally:
        closed.set()
        while thread.is_alive():  # it may wait for room
            _drain(ready)
            thread.join(0.01)


def _taken(ready: queue.Queue[Inputs | BaseException | None]) -> Iterator[Inputs]:
    while True:
        match ready.get():
            case None:
                return
            case BaseException() as error:
                raise error
            case inputs:
                yield inputs


def _drain(ready: queue.Queue[Inputs | BaseException | None]) -> None:
    try:
        while True:
            ready.get_nowait()
    except queue.Empty:
        pass
