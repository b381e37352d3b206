"""`pack_source`: a whole source into one pack file."""

from __future__ import annotations

import dataclasses
import math
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import PIL

from striate.analyze import bytes_text
from striate.data.moments import Moments
from striate.data.pack.decoding import Piece, decoded
from striate.data.pack.format import Header, Settings, check_names
from striate.data.pack.writer import PackWriter
from striate.data.pixels import ByteArray, check_channels
from striate.data.source import IntArray, Source, Targets
from striate.errors import DataError, bad_argument, listed

__all__ = ["Gathered", "check_left", "check_unchanged", "pack_source", "settings_told", "unreadable"]

_MANY = 10
_BYTES_PER_NAME = 200
_MAX_SIDE = 2**16 - 1


@dataclass
class Gathered:
    """What the pieces of a split say beside their images, gathered as they pass."""

    kept: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    moments: Moments | None = None
    verified: bool = True

    def images(self, pieces: Iterator[Piece]) -> Iterator[ByteArray]:
        """Yield the images of ``pieces``."""
        for piece in pieces:
            self.kept += piece.kept.tolist()
            self.names += piece.names
            self.problems += piece.problems
            self.moments = piece.moments if self.moments is None else self.moments + piece.moments
            self.verified = self.verified and piece.verified
            yield piece.images


def pack_source(
    source: Source,
    path: str | Path,
    shape: tuple[int, int, int],
    settings: Settings | None = None,
    *,
    skip_bad_images: bool = False,
    workers: int | None = None,
) -> Header:
    """Decode all images of ``source``, once, and write them to ``path``.

    Args:
        source: What to pack.
        path: The file to make; it must not exist.
        shape: ``(C, H, W)`` of every image; others are stretched.
        settings: How images are decoded; None means the defaults.
        skip_bad_images: Leave out images that cannot be read.
        workers: Threads that decode; None means one per core.

    Raises:
        DataError: if ``path`` exists or cannot be written; if images cannot be read: they are counted and named, all at
            once; if a class or a split has a name that packs refuse; or if the source changed meanwhile. Nothing is
            left behind then.
    """
    if not isinstance(source, Source):
        raise DataError(bad_argument("source", source, "a Source, as open_source(name) gives it"))
    path, settings = Path(path), settings or Settings()
    check_names(source.name, source.class_names, source.targets)
    _check_shape(shape)
    if path.exists() or path.is_symlink():
        raise DataError(f"{path}: exists already; remove it, or give another name.")
    if workers is not None and workers < 1:
        raise DataError(bad_argument("workers", workers, "1 or more, or None for one per core"))
    _check_room(source, path, shape)
    skipped: list[str] = []
    verified = True
    measured: Moments | None = None
    with PackWriter(path, shape) as writer:
        for split, targets in source.targets.items():
            gathered = Gathered()

            def labels(
                targets: Targets = targets, gathered: Gathered = gathered
            ) -> tuple[Targets, list[str]]:
                return targets[np.array(gathered.kept, np.int64)], gathered.names

            pieces = decoded(source, split, shape, settings, workers)
            writer.add_split(split, gathered.images(pieces), labels)
            skipped += gathered.problems
            verified = verified and gathered.verified
            measured = gathered.moments if split == "train" else measured
            if skip_bad_images and gathered.problems:
                check_left(source, split, np.array(gathered.kept, np.int64))
        if skipped and not skip_bad_images:
            raise unreadable(source.name, skipped, sum(map(len, source.targets.values())))
        if not verified:
            check_unchanged(source)
        return writer.finish(
            source=source.name,
            source_fingerprint=source.fingerprint,
            class_names=source.class_names,
            moments=measured,
            settings=settings_told(settings),
            skipped=tuple(skipped),
        )


def settings_told(settings: Settings) -> dict[str, str | int | None]:
    """Return ``settings`` as a header tells them, with the version of what decodes."""
    return {**dataclasses.asdict(settings), "pillow": PIL.__version__}


def unreadable(name: str, problems: list[str], count: int, where: str = "") -> DataError:
    """Return the error that names the images that cannot be read."""
    shown = "; ".join(problems[:_MANY])
    more = f"; and {len(problems) - _MANY} more" if len(problems) > _MANY else ""
    return DataError(
        f"{name}: {len(problems)} of {count} images{where} cannot be read: {shown}{more}. "
        "Repair or remove them, or go on without them with --skip-bad-images (skip_bad_images=True)."
    )


def check_left(source: Source, split: str, kept: IntArray) -> None:
    """Check that the images that can be read, ``kept``, are enough to go on with.

    Raises:
        DataError: if there are none, or in ``train`` none of some class.
    """
    targets = source.targets[split]
    if not len(kept):
        raise DataError(f"{source.name}: none of the {len(targets)} images in {split!r} can be read.")
    lost = sorted({*targets.tolist()} - {*targets[kept].tolist()}) if targets.ndim == 1 else []
    if lost and split == "train":
        raise DataError(
            f"{source.name}: no image in 'train' for the class{'es' if len(lost) > 1 else ''} "
            f"{listed(source.class_names[t] for t in lost)} can be read. "
            "Repair them or add others, or remove the class from every split."
        )


def check_unchanged(source: Source) -> bool:
    """Return whether what ``source`` was opened from can be opened again, by its name.

    Raises:
        DataError: if it can, and holds something else now.
    """
    from striate.data.sources.opening import open_source  # which opens packs, too

    try:
        now = open_source(source.name)
    except DataError:  # a source made in Python, of whatever name
        return False
    if now.fingerprint != source.fingerprint:
        raise DataError(
            f"{source.name}: has changed while its images were read. Once it is at rest, do the same again."
        )
    return True


def _check_shape(shape: tuple[int, int, int]) -> None:
    three = isinstance(shape, tuple | list) and len(shape) == 3
    if not three or not all(isinstance(n, int | np.integer) and 1 <= n <= _MAX_SIDE for n in shape[1:]):
        raise DataError(bad_argument("shape", shape, f"(C, H, W) with sides from 1 to {_MAX_SIDE}"))
    check_channels(shape[0])


def _check_room(source: Source, path: Path, shape: tuple[int, int, int]) -> None:
    """Refuse at once what would fill the disk after hours."""
    wanted = sum(map(len, source.targets.values())) * (math.prod(shape) + _BYTES_PER_NAME)
    try:
        free = shutil.disk_usage(path.parent).free
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror or error}.") from None
    if free < wanted:
        raise DataError(
            f"{path}: the pack takes about {bytes_text(wanted)}, and {bytes_text(free)} are free there."
        )
