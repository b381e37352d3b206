"""WebDataset shards: tar files of samples, on this machine or elsewhere, in any number; images are read one by one.

Nothing is unpacked. Opening reads each shard once, for its index (`shards_index`); training streams them
(`striate.data.streaming`), and whatever wants single images reads them by their place.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from striate.data.cores import cores
from striate.data.decode import Record
from striate.data.labels import check_class_names, several, single
from striate.data.remembering import trim
from striate.data.remote import is_remote
from striate.data.source import ByteArray, IntArray, Layout, Source, named_path
from striate.data.sources.dividing import SPLIT_NAMES, completed, split_called
from striate.data.sources.encoded import content_fingerprint, taken_labels
from striate.data.sources.options import split_options, with_options
from striate.data.sources.shards_index import ShardIndex, Wanted, forget_index, index_of
from striate.data.sources.shards_patterns import is_folder, matching
from striate.data.sources.shards_places import Shard, below, shard_at, text_beside, told
from striate.errors import ChangedError, DataError, bad_argument, listed

__all__ = ["ShardSource", "wds"]

_OPTIONS = ("image", "label", *SPLIT_NAMES, "buffer")
_NAME_FILES = ("classes.txt", "classnames.txt")
_BUFFER = 2048
_MAX_BUFFER = 10_000_000
_HELD = 4  # shards of which something read ahead is kept
_AT_ONCE = 16  # shards asked for at a time: on another machine that is waiting, not work


def wds(location: Path | str) -> ShardSource:
    """Open shards: a tar file, a folder of them, ``train-{000000..000012}.tar`` or ``*.tar``, or a URL of such.

    After a ``?`` may stand ``image=jpg;png``, the extension of images; ``label=cls``, ``txt`` or ``json.KEY``;
    ``train=PATTERN&val=PATTERN&test=PATTERN`` within the folder; and ``buffer=N``, of how many images training draws
    the next. Otherwise folders called train, val, test or the names of shards say the splits. What names none is
    divided by content.

    Raises:
        DataError: naming the shard, and the member where there is one, that cannot be read.
    """
    place, options = _divided(str(location))
    name = f"wds:{told(place)}"
    wanted = Wanted(_extensions(name, options), options.get("label", "").strip().lstrip(".") or None)
    buffer = _buffer(name, options)
    root = place if is_folder(place) else place.rpartition("/")[0]
    found = _shards(place, root, options)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        shards = list(pool.map(shard_at, [shard for places in found.values() for shard in places]))
    indexes = _indexes(shards, wanted)
    parts: dict[str, list[int]] = {}
    count = total = 0
    for split, places in found.items():
        size = sum(len(index.names) for index in indexes[count : count + len(places)])
        if size:
            parts[split] = list(range(total, total + size))
        count, total = count + len(places), total + size
    names = _class_names(root)
    return ShardSource(with_options(name, options), shards, indexes, parts, names, wanted, buffer)


def _divided(location: str) -> tuple[str, dict[str, str]]:
    """Divide the options from a location; a URL may have others of its own."""
    location = location.removeprefix("file://")
    if is_remote(location):
        own = {part.partition("=")[0] for part in location.rpartition("?")[2].split("&")}
        return split_options("wds", location, _OPTIONS) if own & {*_OPTIONS} else (location, {})
    place, options = split_options("wds", location, _OPTIONS)
    return named_path(place).resolve().as_posix(), options


class ShardSource(Source):
    """Images in shards, each read from its place when it is asked for, and refused if it is another than was indexed.

    Args:
        name: What `open_source` finds it by.
        shards: The files.
        indexes: What each holds.
        parts: For each split the numbers of its samples; ``""`` is the split of shards that name none.
        names: The classes, in the order of their numbers; None for those that labels name.
        wanted: What the indexes were made for.
        buffer: Of how many images training draws the next.

    Raises:
        DataError: as `dividing.completed`; if there are no images, or a label is not among ``names``.
    """

    def __init__(
        self,
        name: str,
        shards: Sequence[Shard],
        indexes: Sequence[ShardIndex],
        parts: dict[str, list[int]],
        names: Sequence[str] | None,
        wanted: Wanted,
        buffer: int,
    ) -> None:
        counts = [len(index.names) for index in indexes]
        where = name.partition("?")[0]
        if not sum(counts):
            raise DataError(f"{where}: holds no images.")
        self.name = name
        self._shards = list(shards)
        self._wanted = wanted
        self._starts = np.cumsum([0, *counts])
        texts = [text.encode() for index in indexes for text in index.names]
        self._names, self._name_ends = b"".join(texts), np.cumsum([0, *map(len, texts)])
        self._offsets = _joined(index.offsets for index in indexes)
        self._sizes = _joined(index.sizes for index in indexes)
        self._digests = np.frombuffer(
            b"".join(bytes.fromhex(d) for index in indexes for d in index.digests), np.uint8
        ).reshape(-1, hashlib.sha256().digest_size)
        labels, many, self.class_names = _labels(where, indexes, names)
        digests = [digest.tobytes() for digest in self._digests]
        fix = "name splits by ?train=PATTERN&val=PATTERN, or shards train-000.tar, val-000.tar"
        rows = completed(where, parts, digests, labels, self.class_names, fix=fix)
        self.fingerprint = content_fingerprint(self.class_names, rows, digests, labels)
        chosen = {split: [labels[i] for i in part] for split, part in rows.items()}
        self.targets = {
            s: several(p, len(self.class_names)) if many else single(p) for s, p in chosen.items()
        }
        self._rows: dict[str, IntArray] = {split: np.array(part, np.int64) for split, part in rows.items()}
        numbers = np.repeat(np.arange(len(counts)), counts)
        self.layouts = {
            split: Layout(numbers[part], self._sizes[part], buffer, _digest(self._digests[part]))
            for split, part in self._rows.items()
        }
        self._held: dict[int, None] = {}  # shards by their last use
        self._lock = threading.Lock()

    @property
    def shape(self) -> tuple[int, int, int] | None:
        """None: images may be of any size."""
        return None

    def record(self, split: str, index: int) -> Record:
        """Return the bytes of one image.

        Raises:
            DataError: if they cannot be read.
            ChangedError: if they are others than were indexed.
        """
        place = self.checked_index(split, index)
        row = int(self._rows[split][place])
        number = int(np.searchsorted(self._starts, row, "right")) - 1
        shard = self._shards[number]
        self._hold(number)
        name = f"{shard.name}: {self._names[self._name_ends[row] : self._name_ends[row + 1]].decode()}"
        data = shard.read(int(self._offsets[row]), int(self._sizes[row]))
        if hashlib.sha256(data).digest() != self._digests[row].tobytes():
            forget_index(shard, self._wanted)
            raise ChangedError(
                f"{name}: has changed since it was indexed. Once it is at rest, do the same again."
            )
        return Record(name, data)

    def array(self, split: str) -> ByteArray | None:
        """None: images are decoded one by one."""
        return None

    def _hold(self, number: int) -> None:
        """Note that a shard is used, and release the one that has not been for longest."""
        with self._lock:
            self._held.pop(number, None)
            self._held[number] = None
            oldest = next(iter(self._held)) if len(self._held) > _HELD else None
            if oldest is not None:
                del self._held[oldest]
        if oldest is not None:
            self._shards[oldest].release()


def _digest(digests: ByteArray) -> str:
    return hashlib.sha256(digests.tobytes()).hexdigest()


def _joined(columns: Any) -> IntArray:
    return np.concatenate([np.array(column, np.int64) for column in columns])


def _extensions(name: str, options: dict[str, str]) -> tuple[str, ...] | None:
    if "image" not in options:
        return None
    extensions = tuple(part.strip().lstrip(".").lower() for part in options["image"].split(";"))
    if not all(extensions):
        raise DataError(f"{name}: " + bad_argument("image", options["image"], "extensions such as jpg;png"))
    return extensions


def _buffer(name: str, options: dict[str, str]) -> int:
    said = options.get("buffer", str(_BUFFER))
    if not (said.isascii() and said.isdigit() and len(said) < 9 and 1 <= int(said) <= _MAX_BUFFER):
        allowed = f"a whole number of images from 1 to {_MAX_BUFFER:,}"
        raise DataError(f"{name}: " + bad_argument("buffer", said, allowed))
    return int(said)


def _shards(place: str, root: str, options: dict[str, str]) -> dict[str, list[str]]:
    """Return for each split the places of its shards; ``""`` is the split of those that name none."""
    name = f"wds:{told(place)}"
    chosen = {split: options[split] for split in SPLIT_NAMES if split in options}
    if chosen:
        if not is_folder(place):
            raise DataError(
                f"{name}: ?train=, ?val= and ?test= name shards within a folder; name the folder."
            )
        return _each_once(name, {s: matching(f"{root.rstrip('/')}/{p}") for s, p in chosen.items()})
    if not is_folder(place):
        return _each_once(name, _by_name(name, matching(place)))
    inside = below(place)
    tars = inside.pop("", [])
    found: dict[str, list[str]] = {}
    for folder, shards in inside.items():
        split = split_called(folder)
        if split in found:
            raise DataError(f"{name}: has two folders that mean {split!r}; keep one.")
        if split is not None:
            found[split] = shards
    if tars and found:
        raise DataError(f"{name}: has shards beside the folders {listed(found)}; put each into one of them.")
    if not tars and not found:
        raise DataError(
            f"{name}: holds no files that end in .tar, nor do folders train, val and test in it. Packed ones, .tar.gz, "
            "are to be unpacked."
        )
    return found or _by_name(name, tars)


def _by_name(name: str, shards: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for shard in shards:
        stem = told(shard).partition("?")[0].rpartition("/")[2]
        splits = {split for part in re.split(r"[-_.]", stem) if (split := split_called(part))}
        if len(splits) > 1:
            raise DataError(
                f"{shard}: its name says {listed(sorted(splits))}; keep one of {listed(SPLIT_NAMES)}."
            )
        found.setdefault(next(iter(splits), ""), []).append(shard)
    if "" in found and len(found) > 1:
        raise DataError(
            f"{name}: the names of {listed((told(s).rpartition('/')[2] for s in found['']), 3)} say no split and "
            "others do; name them as train-000000.tar, or say ?train=PATTERN&val=PATTERN."
        )
    return found


def _each_once(name: str, found: dict[str, list[str]]) -> dict[str, list[str]]:
    seen: set[str] = set()
    for shard in (shard for shards in found.values() for shard in shards):
        if shard in seen:
            raise DataError(f"{name}: names {told(shard)} twice; each shard is read once.")
        seen.add(shard)
    return found


def _indexes(shards: list[Shard], wanted: Wanted) -> list[ShardIndex]:
    def index(shard: Shard) -> ShardIndex:
        try:
            return index_of(shard, wanted)
        finally:
            shard.release()

    with ThreadPoolExecutor(cores()) as pool:
        try:
            return list(pool.map(index, shards))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            trim()


def _class_names(root: str) -> tuple[str, ...] | None:
    for name in _NAME_FILES:
        text = text_beside(root, name)
        if text is not None:
            lines = [line.strip() for line in text.splitlines()]
            return check_class_names(f"{told(root)}/{name}", [line for line in lines if line])
    return None


def _labels(
    where: str, indexes: Sequence[ShardIndex], names: Sequence[str] | None
) -> tuple[list[list[int]], bool, tuple[str, ...]]:
    """Return the classes of every sample, whether there may be several, and the names of all."""
    said: list[Any] = [label for index in indexes for label in index.labels]
    values = {value for label in said for value in (label if isinstance(label, list) else [label])}
    if names is None or any(isinstance(value, int) for value in values):
        return taken_labels(where, said, names)
    number = {name: i for i, name in enumerate(names)}
    strange = sorted(value for value in values if value not in number)
    if strange:
        raise DataError(f"{where}: labels that are no classes of {_NAME_FILES[0]}: {listed(strange)}.")
    numbered = [[number[v] for v in label] if isinstance(label, list) else number[label] for label in said]
    return taken_labels(where, numbered, names)
