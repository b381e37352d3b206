"""A copy here of what is wanted of a remote place: fetched once, brought up to date each time it is opened.

It lies in ``remote/HASH`` of the cache: ``files`` as they lie there, and ``record.json``, which says of each the
version it had there and the size and time it has here. A file that agrees in all is not fetched again; one that is no
longer there, or no longer wanted, is removed. One process at a time brings a mirror up to date; others wait.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from striate.data.fetch.lock import Held, locked
from striate.data.fetch.web import Trouble
from striate.data.pack.cache import CacheEntry, cache_folder
from striate.data.remote.places import Place, filesystem
from striate.data.remote.transfer import Budget, bring
from striate.data.remote.tree import Entry
from striate.data.remote.work import in_threads
from striate.errors import DataError, bad_argument
from striate.spec.files import sync_folder

__all__ = ["Mirror", "clear_mirrors", "list_mirrors", "mirrored"]

LIMIT = "STRIATE_REMOTE_LIMIT"
_USUAL_LIMIT = 50 * 10**9
_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_SCHEMA = 1
_RECORD, _FILES, _PARTS = "record.json", "files", "parts"
_NOTED_EVERY = 10.0  # seconds: what has come by then is not fetched again if this process is killed
_WAITING = 0.2
_Known = dict[str, tuple[str, int, int]]


@dataclass
class Mirror:
    """The copy of a place, while it is brought up to date.

    Attributes:
        place: What it is of.
        folder: Where the files lie.
        file: What of them is opened; empty for the folder itself.
    """

    place: Place
    folder: Path
    known: _Known = field(repr=False)
    file: str = ""

    def bring(self, wanted: Mapping[str, Entry]) -> None:
        """Fetch those of ``wanted``, by their path in the folder, that are not here as they are there.

        Raises:
            DataError: if one cannot be had, or all are more than the limit or the disk takes.
        """
        limit = _limit()
        refusal = DataError(
            f"{self.place.name}: holds more than {_told_size(limit)}; to fetch as much, set the environment variable "
            f"{LIMIT}, such as {LIMIT}=200GB."
        )
        total = sum(entry.size or 0 for entry in wanted.values())
        if total > limit:
            raise DataError(
                f"{self.place.name}: {len(wanted):,} files of {_told_size(total)} are wanted; at most "
                f"{_told_size(limit)} are fetched. Name a part of it, or raise the limit by the environment variable "
                f"{LIMIT}, such as {LIMIT}={-(-total // 10**9)}GB."
            )
        lacking = {name: entry for name, entry in wanted.items() if not self._has(name, entry)}
        if not lacking:
            return
        self._check_room(sum(entry.size or 0 for entry in lacking.values()))
        system, _ = filesystem(self.place.location)
        budget = Budget(limit - total, refusal)

        def fetch(item: tuple[str, Entry]) -> tuple[str, Entry]:
            name, entry = item
            part = self.folder.parent / _PARTS / hashlib.sha256(name.encode()).hexdigest()
            bring(system, entry, self.place, name, part, self.folder / name, budget)
            return item

        pause, noted = _NOTED_EVERY, time.monotonic()
        try:
            for name, entry in in_threads(system, fetch, lacking.items(), budget.stop):
                status = (self.folder / name).stat()
                self.known[name] = entry.version, status.st_size, status.st_mtime_ns
                if (begun := time.monotonic()) > noted + pause:
                    self.note()
                    noted = time.monotonic()
                    pause = max(_NOTED_EVERY, 20 * (noted - begun))
        finally:
            self.note()

    def keep_only(self, names: Mapping[str, Entry]) -> None:
        """Remove every other file, and folders that are empty then."""
        noted = False
        for parent, _, files in os.walk(self.folder, topdown=False):
            for file in files:
                path = Path(parent, file)
                name = path.relative_to(self.folder).as_posix()
                if name not in names:
                    self.known.pop(name, None)
                    if not noted:  # first: what is left is not whole
                        self.note()
                        noted = True
                    path.unlink()
            if Path(parent) != self.folder:
                with contextlib.suppress(OSError):
                    Path(parent).rmdir()

    def note(self, *, whole: bool = False) -> None:
        """Write down what is here."""
        record = {
            "schema": _SCHEMA,
            "name": self.place.name,
            "whole": whole,
            "file": self.file,
            "files": self.known,
        }
        path = self.folder.parent / _RECORD
        part = path.with_suffix(".part")
        with part.open("w", encoding="utf-8") as file:
            json.dump(record, file, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(path.parent)

    def _has(self, name: str, entry: Entry) -> bool:
        """Return whether a file is here as it is there. Without a version nobody can tell."""
        version, size, time_ns = self.known.get(name, ("", -1, -1))
        if not entry.version or version != entry.version or entry.size not in (None, size):
            return False
        try:
            status = (self.folder / name).lstat()
        except OSError:
            return False
        return (status.st_size, status.st_mtime_ns) == (size, time_ns)

    def _check_room(self, needed: int) -> None:
        free = shutil.disk_usage(self.folder).free
        if needed > free:
            raise DataError(
                f"{self.place.name}: {_told_size(needed)} are to be fetched into {self.folder.parent}, where "
                f"{_told_size(free)} are free. Free some, or name another folder by STRIATE_CACHE=DIR."
            )


@contextlib.contextmanager
def mirrored(place: Place, kind: str) -> Iterator[Mirror]:
    """Hold the mirror of a place as ``kind`` uses it, to be brought up to date; its files are whole afterwards.

    Args:
        place: The place.
        kind: The kind of source, as in ``kind:location``.

    Raises:
        DataError: if the place cannot be had, or nothing can be written here. If it was whole before, that says where.
    """
    cache = cache_folder()
    if cache is None:
        raise DataError(
            f"{place.name}: is copied to this machine before it is read, and STRIATE_CACHE=off keeps nothing; name a "
            "folder, STRIATE_CACHE=DIR."
        )
    name = hashlib.sha256(f"{kind}\n{place.digest}".encode()).hexdigest()[:32]
    root = cache.resolve() / "remote" / name
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        with _alone(root):
            shutil.rmtree(root / _PARTS, ignore_errors=True)  # of a process that was killed
            for folder in (root, root / _FILES, root / _PARTS):
                folder.mkdir(exist_ok=True)
            _, _, known = _read(root / _RECORD)
            mirror = Mirror(place, root / _FILES, known)
            try:
                yield mirror
            except Trouble as trouble:
                whole, opened, _ = _read(root / _RECORD)  # as it is now: some may have been replaced
                copy = mirror.folder / opened
                kept = f" Its copy of before is whole; to use that, name it: {kind}:{copy}." if whole else ""
                raise DataError(f"{place.name}: {trouble}.{kept}") from None
            finally:
                shutil.rmtree(root / _PARTS, ignore_errors=True)
                if not mirror.known:  # nothing came: nothing is left of the attempt
                    shutil.rmtree(root, ignore_errors=True)
            mirror.note(whole=True)
    except OSError as error:
        raise DataError(
            f"{place.name}: its copy cannot be written, {error.filename or root}: {error.strerror or error}. Name "
            "another folder by STRIATE_CACHE=DIR."
        ) from None


def list_mirrors() -> list[CacheEntry]:
    """Return the mirrors in the cache, the last used first; ``count`` is of files."""
    made = []
    for root in sorted(_mirrors(), key=_used, reverse=True):
        try:
            name = str(json.loads((root / _RECORD).read_text(encoding="utf-8"))["name"])
        except (OSError, ValueError, KeyError, TypeError):
            name = "(begun)"
        sizes = _sizes(root)
        made.append(CacheEntry(root, sum(sizes), name, "", (), len(sizes)))
    return made


def clear_mirrors() -> tuple[int, int]:
    """Remove every mirror that no process is bringing up to date; return how many there were and their bytes.

    Raises:
        OSError: if one cannot be removed.
    """
    count = size = 0
    for root in _mirrors():
        with contextlib.suppress(Held), locked(_lock(root)):
            size += sum(_sizes(root))
            shutil.rmtree(root)
            count += 1
    return count, size


def _mirrors() -> list[Path]:
    cache = cache_folder()
    return [] if cache is None else [root for root in (cache / "remote").glob("?" * 32) if root.is_dir()]


def _sizes(root: Path) -> list[int]:
    return [path.lstat().st_size for path in (root / _FILES).rglob("*") if not path.is_dir()]


def _used(root: Path) -> float:
    record = root / _RECORD
    return record.stat().st_mtime if record.is_file() else 0.0


def _lock(root: Path) -> Path:
    return root.with_name(f".{root.name}.lock")


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Wait for other processes, such as those of one training on several devices."""
    with contextlib.ExitStack() as stack:
        while True:
            try:
                stack.enter_context(locked(_lock(root)))
                break
            except Held:
                time.sleep(_WAITING)
        yield


def _read(path: Path) -> tuple[bool, str, _Known]:
    """Return whether a mirror is whole, what of it is opened, and its files; a damaged record says nothing."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        files = {str(n): (str(v), int(size), int(ns)) for n, (v, size, ns) in record["files"].items()}
        return (record["schema"] == _SCHEMA and record["whole"] is True), str(record["file"]), files
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False, "", {}


def _limit() -> int:
    """Return how many bytes of one place are fetched at most.

    Raises:
        DataError: if the variable says no size.
    """
    said = os.environ.get(LIMIT, "").strip()
    if not said:
        return _USUAL_LIMIT
    found = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,3})?) ?([A-Za-z]{0,2})", said)
    if found is None or found[2].upper() not in _UNITS:
        raise DataError(bad_argument(LIMIT, said, "a size, such as 200GB, 500MB or a number of bytes"))
    return int(float(found[1]) * _UNITS[found[2].upper()])


def _told_size(count: int) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 10**8 else f"{count / 1e6:,.1f} MB"
