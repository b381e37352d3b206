"""Decodes a split on all cores, piece by piece, in order. What becomes of pieces and of bad images, others decide.

Threads, not processes: Pillow decodes and resizes without the interpreter's lock. On 2 cores, 2 threads are 1.8 times
as fast as one, as are 2 forked processes (photographs of 320×240 to 160×160); new processes would first have to start.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from striate.data.cores import cores
from striate.data.decode import Record
from striate.data.moments import Moments
from striate.data.pack.format import Settings, images_per_block
from striate.data.pixels import ByteArray
from striate.data.resize import STRETCH, Resize, prepare
from striate.data.source import IntArray, Source
from striate.errors import ChangedError, DataError

__all__ = ["Piece", "decoded"]

_FEW = 16  # images, for which no threads are started
_MANY = 1500  # which repay what the compiled resizing takes to load
_MOST_AT_ONCE = 64  # images of a piece, so that many small ones are spread over the cores


@dataclass(frozen=True)
class Piece:
    """Some images of a split that follow one another.

    Attributes:
        images: uint8 ``(n, C, H, W)``, those that could be decoded.
        kept: Their indices in the split, ``(n,)``.
        names: What their records are called, n.
        problems: What is told of each of the others.
        moments: Of the images.
        verified: Whether each was what the fingerprint of its source had counted, when it was read.
    """

    images: ByteArray
    kept: IntArray
    names: tuple[str, ...]
    problems: tuple[str, ...]
    moments: Moments
    verified: bool


def decoded(
    source: Source,
    split: str,
    shape: tuple[int, int, int],
    settings: Settings,
    workers: int | None = None,
    resize: Resize = STRETCH,
) -> Iterator[Piece]:
    """Yield the images of ``split`` as uint8 of ``shape`` ``(C, H, W)``, in order, with a few pieces in memory at once.

    Args:
        source: Where they come from.
        split: Which.
        shape: What they become.
        settings: How they are decoded.
        workers: Threads; None means one per core.
        resize: How images of other sizes get this one.

    Raises:
        ChangedError: naming a file that is not what it was when ``source`` was opened.
    """
    count = len(source.targets[split])
    stored = source.array(split) if source.shape == shape and split in source.in_place else None
    size = min(images_per_block(shape), _MOST_AT_ONCE) if stored is None else images_per_block(shape)
    workers = cores() if workers is None else workers
    if stored is None and count >= _MANY:
        prepare()
    starts = range(0, count, size)

    def asked(start: int) -> list[Record | str]:
        # One after another: a source may hold one file open for all its images.
        return [_record(source, split, i) for i in range(start, min(start + size, count))]

    if stored is not None:
        for start in starts:
            part = stored[start : start + size]
            kept = np.arange(start, start + len(part))
            names = tuple(source.record(split, i).name for i in kept.tolist())
            yield Piece(part, kept, names, (), Moments.of(part), verified=False)
    elif workers == 1 or count <= _FEW:
        for start in starts:
            yield _decode(asked(start), start, shape, settings, resize)
    else:
        with ThreadPoolExecutor(workers) as pool:
            waiting: deque[Future[Piece]] = deque()
            try:
                for start in starts:
                    waiting.append(pool.submit(_decode, asked(start), start, shape, settings, resize))
                    if len(waiting) > 2 * workers:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)


def _record(source: Source, split: str, index: int) -> Record | str:
    try:
        return source.record(split, index)
    except ChangedError:
        raise
    except DataError as error:
        return str(error)


def _decode(
    records: list[Record | str], start: int, shape: tuple[int, int, int], settings: Settings, resize: Resize
) -> Piece:
    images = np.empty((len(records), *shape), np.uint8)
    kept: list[int] = []
    names: list[str] = []
    problems: list[str] = []
    verified = True
    for index, record in enumerate(records, start):
        try:
            if isinstance(record, str):
                raise DataError(record)
            images[len(kept)] = record.pixels(shape, settings.least(*shape[1:]), settings.max_pixels, resize)
        except ChangedError:
            raise
        except DataError as error:
            problems.append(str(error).rstrip("."))
        else:
            kept.append(index)
            names.append(record.name)
            verified = verified and record.digest is not None
    images = images[: len(kept)]
    return Piece(
        images, np.array(kept, np.int64), tuple(names), tuple(problems), Moments.of(images), verified
    )
