"""The cache of small packs: splits that were decoded before need not be decoded again.

An entry is a pack of one split, named by a hash of all that its pixels depend on. It is written at once or not at all,
read only if every checksum agrees, and made again otherwise. Where the folder cannot be written nothing is cached.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL
import platformdirs

from striate.data.pack.format import VERSION, Settings, check_names
from striate.data.pack.packing import Gathered, check_unchanged, settings_told
from striate.data.pack.reader import PackSource
from striate.data.pack.writer import PackWriter, remove_leftovers
from striate.data.pixel_limit import pixel_limit
from striate.data.pixels import ByteArray
from striate.data.resize import STRETCH, Resize
from striate.data.source import Source
from striate.errors import DataError

__all__ = ["CacheEntry", "cache_folder", "cached", "clear_cache", "list_cache", "store"]

LEAST_IMAGES = 200  # fewer are decoded in a fraction of a second
MOST_BYTES = 2**30  # of one split
MOST_BYTES_IN_ALL = 8 * 2**30  # beyond which entries go, the longest unused first


@dataclass(frozen=True)
class CacheEntry:
    """One entry, or one file that is none any more: then ``source`` says so.

    Attributes:
        path: The file.
        bytes: Its size.
        source: What was packed.
        split: Which split of it.
        shape: ``(C, H, W)``.
        count: How many images.
    """

    path: Path
    bytes: int
    source: str
    split: str
    shape: tuple[int, ...]
    count: int


def cache_folder() -> Path | None:
    """Return the folder: ``$STRIATE_CACHE``, by default the user's cache; None if that says ``off``."""
    named = os.environ.get("STRIATE_CACHE", "")
    if named.lower() == "off":
        return None
    return Path(named) if named else platformdirs.user_cache_path("striate")


def cached(
    source: Source, split: str, shape: tuple[int, int, int], resize: Resize = STRETCH
) -> ByteArray | None:
    """Return the images of a split, ``(N, C, H, W)``, from the cache, or None if it does not hold them."""
    path = _entry(source, split, shape, resize)
    if path is None or not path.exists():
        return None
    try:
        pack = PackSource(path)
        images = pack.array(split)
        sound = images.shape[1:] == shape and np.array_equal(pack.targets[split], source.targets[split])
    except (DataError, KeyError):
        sound = False
    if not sound:
        with contextlib.suppress(OSError):
            path.unlink()
        return None
    with contextlib.suppress(OSError):
        os.utime(path)
    return images


def store(
    source: Source, split: str, images: ByteArray, gathered: Gathered, resize: Resize = STRETCH
) -> bool:
    """Keep the images of a whole split, unless that is not possible; return whether it was.

    What changed while it was read is not kept, nor what cannot be opened by name to see whether it did.
    """
    path = _entry(source, split, images.shape[1:], resize)
    if path is None:
        return False
    try:
        check_names(source.name, source.class_names, [split])
        if not gathered.verified and not check_unchanged(source):
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path.parent)
        _make_room(path.parent, images.nbytes)
        with PackWriter(path, images.shape[1:]) as writer:
            writer.add_split(split, [images], lambda: (source.targets[split], gathered.names))
            writer.finish(
                source=source.name,
                source_fingerprint=source.fingerprint,
                class_names=source.class_names,
                moments=gathered.moments,
                settings=settings_told(_SETTINGS),
            )
    except (DataError, OSError):
        return False
    return True


def list_cache() -> list[CacheEntry]:
    """Return what the cache holds, the last used first."""
    folder = cache_folder()
    entries = []
    for path in sorted(_packs(folder), key=_used, reverse=True):
        size = path.stat().st_size
        try:
            header = PackSource(path).header
            ((split, layout),) = header.splits.items()
        except (DataError, ValueError):
            entries.append(CacheEntry(path, size, "(damaged)", "", (), 0))
        else:
            entries.append(CacheEntry(path, size, header.source, split, header.shape, layout.count))
    return entries


def clear_cache() -> tuple[int, int]:
    """Remove every entry, and what killed writers left; return how many entries there were and their bytes.

    Raises:
        OSError: if one cannot be removed.
    """
    folder = cache_folder()
    count = size = 0
    for path in _packs(folder):
        with contextlib.suppress(FileNotFoundError):  # which another process has just removed
            of_one = path.stat().st_size
            path.unlink()
            count, size = count + 1, size + of_one
    if folder is not None:
        remove_leftovers(folder)
    return count, size


# What is cached must be, to the last bit, what is not cached.
_SETTINGS = Settings(jpeg="never")
_PIXELS = 2  # counted up when pixels come out in another way


def _entry(source: Source, split: str, shape: tuple[int, ...], resize: Resize) -> Path | None:
    """Return where the entry is or would be; None for what is not cached."""
    folder = cache_folder()
    count = len(source.targets[split])
    if folder is None or count < LEAST_IMAGES or count * math.prod(shape) > MOST_BYTES:
        return None
    if split in source.layouts:  # streamed: what is asked of single images reads whole shards
        return None
    # A fingerprint says nothing of the order of the images, which names give to files of a folder.
    order = hashlib.sha256(source.targets[split].tobytes())
    try:
        for index in range(count):
            order.update(source.record(split, index).name.encode(errors="surrogateescape") + b"\0")
    except DataError:
        return None
    key = [
        VERSION,
        _PIXELS,
        pixel_limit(),
        PIL.__version__,
        source.fingerprint,
        list(source.class_names),
        split,
        shape,
        dataclasses.astuple(resize),
        order.hexdigest(),
    ]
    return folder / f"{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:32]}.pack"


def _make_room(folder: Path, wanted: int) -> None:
    """Remove the longest unused entries, until ``wanted`` bytes more are within what the cache may hold."""
    entries = sorted(_packs(folder), key=_used)
    held = sum(path.stat().st_size for path in entries)
    for path in entries:
        if held + wanted <= MOST_BYTES_IN_ALL:
            return
        held -= path.stat().st_size
        path.unlink()


def _packs(folder: Path | None) -> list[Path]:
    """Return the files of the cache: those that are named as entries are, whatever else lies there."""
    return [] if folder is None else [path for path in folder.glob("?" * 32 + ".pack") if path.is_file()]


def _used(path: Path) -> float:
    return path.stat().st_mtime
