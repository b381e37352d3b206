"""`fetch`: a data set of the catalog, brought into a folder whole or not at all.

Everything comes together in ``NAME.part`` beside the folder, which is renamed at the end; what came before an
interruption stays there and is gone on with.
"""

from __future__ import annotations

import contextlib
import errno
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from striate.data.fetch import record
from striate.data.fetch.arrange import ARRANGEMENTS
from striate.data.fetch.catalog import DataSet, RemoteFile, find_set
from striate.data.fetch.events import AlreadyThere, Event, Fetched, Unpacked
from striate.data.fetch.lock import Held, locked
from striate.data.fetch.transfer import Patience, transfer
from striate.data.fetch.unpack import Bounds, unpack
from striate.data.fetch.web import BadAddress, check_url
from striate.errors import DataError

__all__ = ["fetch", "staged"]

_MOST_GROWTH = 10  # an archive of images grows by a tenth or so; ten times it is no archive of images
_SLACK = 2**20  # a tar's own headers and padding, of a small one
_USUAL_GROWTH = 1.25  # STL-10's, the most of the catalog, is 1.18
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


def fetch(
    name: str,
    to: Path | str = "data",
    *,
    mirror: str | None = None,
    on_event: Callable[[Event], None] = lambda _: None,
    patience: Patience | None = None,
) -> Path:
    """Fetch a data set of `CATALOG` into the folder ``to/name`` and return that folder.

    A set that is there is read and checked, and nothing is downloaded. What came before an interruption is in
    ``to/name.part``; the next call goes on from there.

    Args:
        name: One of `CATALOG`.
        to: The folder that holds data sets; made if there is none.
        mirror: A URL of a folder that holds the set's files; asked instead of the places in the catalog.
        on_event: Called with each event.
        patience: How long each place is waited for; None: as `Patience` says.

    Raises:
        DataError: for an unknown name, a place that fails, a file of another digest, an archive that is refused, a full
            disk, a folder that may not be written. Nothing half-made ever stands at ``to/name``.
    """
    dataset = find_set(name)
    try:
        if mirror is not None:
            check_url(mirror)
    except BadAddress as error:
        raise DataError(f"mirror={mirror!r}: {error}") from None
    to = Path(to)
    with _told(to, staged(name, to)):
        to.mkdir(parents=True, exist_ok=True)
        with _alone(to / f".{name}.lock", name):
            folder = to / name
            if folder.exists() and not _is_empty(folder):
                on_event(AlreadyThere(folder=folder, files=record.check(dataset, folder)))
            else:
                received = _bring(dataset, to, mirror, patience or Patience(), on_event)
                on_event(Fetched(folder=folder, received=received))
    return folder


def staged(name: str, to: Path | str) -> Path:
    """Return the folder in which ``name`` comes together."""
    return Path(to) / f"{name}.part"


def _bring(
    dataset: DataSet, to: Path, mirror: str | None, patience: Patience, tell: Callable[[Event], None]
) -> int:
    """Download, unpack and put in place; return how many bytes came."""
    stage = staged(dataset.name, to)
    tree = stage / "whole"
    stage.mkdir(exist_ok=True)
    try:
        _return_files(dataset, tree, stage)
        _check_room(dataset, stage)
        received = sum(transfer(f, stage, mirror=mirror, patience=patience, tell=tell) for f in dataset.files)
        _build(dataset, stage, tree, tell)
        folder = to / dataset.name
        if folder.exists():
            folder.rmdir()  # an empty one
        tree.rename(folder)
    except BaseException:
        _return_files(dataset, tree, stage)
        if stage.is_dir() and _is_empty(stage):
            stage.rmdir()
        raise
    shutil.rmtree(stage)
    return received


def _build(dataset: DataSet, stage: Path, tree: Path, tell: Callable[[Event], None]) -> None:
    tree.mkdir()
    for file in dataset.files:
        if file.unpack is not None:
            bounds = Bounds(total=file.size * _MOST_GROWTH + _SLACK)
            unpack(stage / file.name, file.unpack, tree, bounds, _unpacking(file, tell))
    if dataset.arrange is not None:
        ARRANGEMENTS[dataset.arrange](tree)
    for file in dataset.files:
        if file.unpack is None:
            (stage / file.name).rename(tree / file.name)
    record.write(dataset, tree)


def _unpacking(file: RemoteFile, tell: Callable[[Event], None]) -> Callable[[int], None]:
    return lambda done: tell(Unpacked(name=file.name, done=done, total=file.size))


def _return_files(dataset: DataSet, tree: Path, stage: Path) -> None:
    """Undo what `_build` did: downloads that are in the tree go back, all else of it goes."""
    for file in dataset.files:
        if file.unpack is None and (tree / file.name).is_file():
            (tree / file.name).rename(stage / file.name)
    if tree.is_dir():
        shutil.rmtree(tree)


def _check_room(dataset: DataSet, stage: Path) -> None:
    """Refuse to begin what the disk cannot hold."""
    needed = 0
    for file in dataset.files:
        held = [p for p in (stage / file.name, stage / f"{file.name}.part") if p.is_file()]
        needed += max(0, file.size - sum(p.stat().st_size for p in held))
        needed += int(file.size * _USUAL_GROWTH) if file.unpack is not None else 0
    free = shutil.disk_usage(stage).free
    if free < needed:
        raise DataError(
            f"{dataset.name} needs about {needed / 1e6:,.0f} MB more in {stage.parent}, which has "
            f"{free / 1e6:,.0f} MB free. Free some, or name another folder with --to DIR."
        )


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())


@contextlib.contextmanager
def _alone(lock: Path, name: str) -> Iterator[None]:
    # What happens inside is not of the lock, so a Held from elsewhere cannot be caught here.
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked(lock))
        except Held:
            raise DataError(
                f"another striate is fetching {name} into {lock.parent} right now; wait until it has ended."
            ) from None
        yield


@contextlib.contextmanager
def _told(to: Path, stage: Path) -> Iterator[None]:
    """Word what the system says of disks and permissions."""
    try:
        yield
    except OSError as error:
        kept = f" What has come is kept in {stage}; run it again to go on." if stage.is_dir() else ""
        where = error.filename or to
        if error.errno in _FULL:
            raise DataError(
                f"{to}: the disk is full ({error.strerror}). Free some, or name another folder with --to DIR.{kept}"
            ) from None
        if error.errno in _FORBIDDEN:
            raise DataError(
                f"{where}: may not be written ({error.strerror}). Name another folder with --to DIR.{kept}"
            ) from None
        raise DataError(f"{where}: {error.strerror or error}.{kept}") from None
