"""Splits that may be larger than memory: read and decoded while training goes on, a bounded number of images at once.

N images in a batch, each ``(C, H, W)``. One thread reads, in the order of `shuffling`, and keeps what is shown later as
the bytes that it read; as many threads as there are cores decode. The batch of a step is what it is in whatever order
batches are asked for.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import astuple, dataclass

import numpy as np
import PIL
import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from striate.data.batches import Dataset, check_targets, load_split
from striate.data.cores import cores
from striate.data.decode import Record
from striate.data.moments import Moments
from striate.data.pack.decoding import decoded
from striate.data.pack.format import Settings
from striate.data.pack.packing import check_left, unreadable
from striate.data.pixel_limit import pixel_limit
from striate.data.pixels import ByteArray
from striate.data.remembering import remember, remembered
from striate.data.resize import STRETCH, Resize
from striate.data.shuffling import epoch_order
from striate.data.source import IntArray, Layout, Source

__all__ = ["StreamedDataset", "open_split"]

_VERSION = 2
_AHEAD = 2  # groups that are read and decoded beyond the one that is wanted

_Read = Callable[[int], Record]


@dataclass(frozen=True, eq=False)
class StreamedDataset:
    """A split that stays where it is; what `Dataset` offers, without its images in memory.

    Attributes:
        source: Where its images come from.
        split: Which split of that.
        shape: ``(C, H, W)`` that they get.
        rows: Their numbers in the split, rising, ``(N,)``.
        layout: How these lie.
        moments: What their pixels add up to.
        targets: int64 ``(N,)``.
        skipped: Names of images that could not be read and were left out.
        resize: How images of other sizes get ``shape``.
    """

    source: Source
    split: str
    shape: tuple[int, int, int]
    rows: IntArray
    layout: Layout
    moments: Moments
    targets: Tensor
    skipped: tuple[str, ...] = ()
    resize: Resize = STRETCH

    def __len__(self) -> int:
        return len(self.targets)

    def order(self, seed: int, epoch: int) -> IntArray:
        """Return the images in the order in which an epoch shows them, ``(N,)``."""
        return epoch_order(self.layout, seed, epoch).shown

    def take(self, indices: IntArray) -> Tensor:
        """Return images by their numbers, uint8 ``(N, C, H, W)``, whatever order they are in."""
        (images,) = self._decoded(lambda read: iter([[read(i) for i in indices.tolist()]]))
        return images

    def pieces(self, size: int) -> Generator[Tensor, None, None]:
        """Yield all images as they lie, uint8 ``(n, C, H, W)``, ``size`` at a time. Close it to end its threads."""

        def groups(read: _Read) -> Iterator[list[Record]]:
            for start in range(0, len(self), size):
                yield [read(i) for i in range(start, min(start + size, len(self)))]

        return self._decoded(groups)

    def show(self, seed: int, batch_size: int, steps: range) -> Generator[Tensor, None, None]:
        """Yield the images of batch after batch. Close it to end its threads.

        Raises:
            DataError: naming the image that can be read no more.
        """
        return self._decoded(lambda read: self._shown(read, seed, batch_size, steps))

    def _shown(self, read: _Read, seed: int, batch_size: int, steps: range) -> Iterator[list[Record]]:
        """Yield what each batch holds. Read in the order of reading; keep what is shown later."""
        if not steps:
            return
        groups_left = len(steps)
        first_epoch, first = divmod(steps.start * batch_size, len(self))
        group: list[Record] = []
        for epoch in itertools.count(first_epoch):
            order = epoch_order(self.layout, seed, epoch)
            shown_at = np.empty(len(self), np.int64)
            shown_at[order.shown] = np.arange(len(self))
            waiting: dict[int, Record] = {}
            done = 0
            for place in range(first, len(self)):
                for index in order.read[done : order.needed[place]].tolist():
                    if shown_at[index] >= first:
                        waiting[index] = read(index)
                done = order.needed[place]
                group.append(waiting.pop(int(order.shown[place])))
                if len(group) == batch_size:
                    yield group
                    group = []
                    groups_left -= 1
                    if not groups_left:
                        return
            first = 0

    def _decoded(self, groups: Callable[[_Read], Iterator[list[Record]]]) -> Generator[Tensor, None, None]:
        """Yield the images of each group that one thread reads; when this is closed, its threads have ended."""
        stopped = threading.Event()

        def read(index: int) -> Record:
            if stopped.is_set():
                raise _Stopped
            return self.source.record(self.split, int(self.rows[index]))

        records = groups(read)

        def fetch() -> tuple[ByteArray, list[Future[None]]] | None:
            group = next(records, None)
            if group is None:
                return None
            images = np.empty((len(group), *self.shape), np.uint8)
            share = -(-len(group) // workers)
            starts = range(0, len(group), share)
            return images, [
                decoders.submit(
                    _decode, group[start : start + share], images[start : start + share], self.resize
                )
                for start in starts
            ]

        workers = cores()
        reader, decoders = ThreadPoolExecutor(1), ThreadPoolExecutor(workers)
        try:
            waiting = deque(reader.submit(fetch) for _ in range(_AHEAD))
            while (fetched := waiting.popleft().result()) is not None:
                waiting.append(reader.submit(fetch))
                images, parts = fetched
                for part in parts:
                    part.result()
                yield torch.from_numpy(images)
        finally:
            stopped.set()
            reader.shutdown(cancel_futures=True)  # first, because it hands work to the others
            decoders.shutdown(cancel_futures=True)


class _Stopped(Exception):
    """Nobody wants what is being read."""


def _decode(records: list[Record], images: ByteArray, resize: Resize) -> None:
    for record, image in zip(records, images, strict=True):
        image[:] = record.pixels((image.shape[0], image.shape[1], image.shape[2]), resize=resize)


def open_split(
    source: Source,
    split: str,
    shape: tuple[int, int, int],
    *,
    resize: Resize = STRETCH,
    skip_bad_images: bool = False,
) -> Dataset | StreamedDataset:
    """Return a split for training or measuring: loaded by `load_split`, or streamed where the source says so.

    What is streamed is decoded once here, so that images that cannot be read are known before the first step, and with
    them what all pixels add up to. That all can be read, and this, is remembered.

    Raises:
        DataError: as `load_split`.
    """
    layout = source.layouts.get(split)
    if layout is None:
        return load_split(source, split, shape, resize=resize, skip_bad_images=skip_bad_images)
    targets = check_targets(source, split, shape)
    key = ["moments", _VERSION, PIL.__version__, pixel_limit(), layout.digest, shape, astuple(resize)]
    known = remembered(key, _Sums) if layout.digest else None
    if known is not None and known.fits(len(targets), shape):
        moments, rows, problems = known.moments(), np.arange(len(targets)), list[str]()
    else:
        moments, rows, problems = _looked_through(source, split, shape, resize)
        if layout.digest and not problems:
            remember(key, _Sums(pixels=moments.pixels, sums=moments.sums.tolist()))
    if problems and not skip_bad_images:
        raise unreadable(source.name, problems, len(targets), f" in {split!r}")
    check_left(source, split, rows)
    return StreamedDataset(
        source=source,
        split=split,
        shape=shape,
        rows=rows,
        layout=Layout(layout.shards[rows], layout.sizes[rows], layout.buffer),
        moments=moments,
        targets=torch.from_numpy(targets[rows]),
        skipped=tuple(problems),
        resize=resize,
    )


def _looked_through(
    source: Source, split: str, shape: tuple[int, int, int], resize: Resize
) -> tuple[Moments, IntArray, list[str]]:
    """Decode a split; return what its pixels add up to, the images that can be read, and what is told of others."""
    moments = Moments.of(np.empty((0, *shape), np.uint8))
    rows: list[IntArray] = []
    problems: list[str] = []
    for piece in decoded(source, split, shape, Settings(jpeg="never"), resize=resize):
        moments += piece.moments
        rows.append(piece.kept)
        problems += piece.problems
    return moments, np.concatenate(rows), problems


class _Sums(BaseModel):
    """`Moments` as they are remembered."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    pixels: int
    sums: list[list[int]]

    def fits(self, images: int, shape: tuple[int, int, int]) -> bool:
        """Tell whether pixels of so many images can add up to this."""
        channels, height, width = shape
        return (
            self.pixels == images * height * width
            and [len(row) for row in self.sums] == [channels, channels]
            and all(0 <= a <= b <= 255 * a <= 255**2 * self.pixels for a, b in zip(*self.sums, strict=True))
        )

    def moments(self) -> Moments:
        return Moments(np.array(self.sums, np.int64), self.pixels)
