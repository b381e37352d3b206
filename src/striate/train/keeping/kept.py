"""Which checkpoints a run keeps, and which one it goes on from.

checkpoints/last/      the newest
checkpoints/before/    the one before it, should the newest be damaged
checkpoints/best/      the best on the validation split; beside it, until the newest is written as well, the one it
                       took the place of
checkpoints/top/step-N/    the best few, if more than one is to be kept
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from striate.errors import RunError, WeightsError
from striate.spec.files import sync_folder
from striate.train.folder import RunFolder
from striate.train.keeping.checkpoint import CHECKPOINT, Checkpoint, Progress, read_progress

__all__ = ["keep_best", "keep_last", "newest", "put_back_best", "read_best", "sweep"]

_REPLACED, _NEXT = "replaced.safetensors", "next.safetensors"


def keep_last(folder: RunFolder, state: Checkpoint) -> Path:
    """Write the newest state; the one that was is now the one before.

    Raises:
        RunError: if it cannot be written; those before stay good.
    """
    path = folder.last / CHECKPOINT
    new = folder.new / CHECKPOINT
    try:
        state.write(new)
        if path.exists():
            folder.before.mkdir(exist_ok=True)
            path.replace(folder.before / CHECKPOINT)
        path.parent.mkdir(exist_ok=True)
        new.replace(path)
        (folder.best / _REPLACED).unlink(missing_ok=True)
        for place in (folder.before, folder.last, folder.last.parent):
            if place.exists():
                sync_folder(place)
    except (OSError, WeightsError) as error:
        raise _unsaved(folder, state.progress, error) from None
    finally:
        with suppress(OSError):
            new.parent.rmdir()
    return path


def keep_best(folder: RunFolder, state: Checkpoint, top: int) -> Path | None:
    """Write a state that was just measured where it belongs: ``best`` if it is, and among the ``top`` best.

    Returns:
        Where the best stands, if it is this one.

    Raises:
        RunError: if it cannot be written; those before stay good.
    """
    progress = state.progress
    ranking = [score.step for score in progress.ranking()[:top]]
    path = folder.best / CHECKPOINT
    try:
        if ranking[0] == progress.step:
            new = folder.best / _NEXT
            state.write(new)
            if path.exists():
                path.replace(folder.best / _REPLACED)
            new.replace(path)
        if top > 1:
            if progress.step in ranking:
                state.write(_place(folder, progress.step) / CHECKPOINT)
            wanted = {_place(folder, step).name for step in ranking}
            for place in folder.top.glob("step-*"):
                if place.name not in wanted:
                    shutil.rmtree(place)
    except (OSError, WeightsError) as error:
        raise _unsaved(folder, progress, error) from None
    return path if ranking[0] == progress.step else None


def put_back_best(folder: RunFolder, progress: Progress) -> None:
    """Put back the best of ``progress``, where a later one has taken its place that ``progress`` knows nothing of.

    Raises:
        RunError: if that cannot be done.
    """
    replaced, path = folder.best / _REPLACED, folder.best / CHECKPOINT
    if not replaced.exists():
        return
    best = progress.best
    try:
        if best is not None and _step_of(path) != best.step == _step_of(replaced):
            replaced.replace(path)
        else:
            replaced.unlink()
    except OSError as error:
        raise RunError(f"{folder.path}: cannot be written: {error.strerror or error}.") from None


def _step_of(path: Path) -> int | None:
    with suppress(RunError):
        return read_progress(path).step
    return None


def newest(folder: RunFolder) -> tuple[Checkpoint | None, list[str]]:
    """Return the newest state that is whole, None if none was written yet, and what is wrong with newer ones.

    Raises:
        RunError: if none is whole.
    """
    damaged: list[str] = []
    for place in (folder.last, folder.before):
        if not (place / CHECKPOINT).exists():
            continue
        try:
            return Checkpoint.read(place / CHECKPOINT), damaged
        except RunError as error:
            damaged.append(str(error))
    if damaged:
        raise RunError(f"{folder.path}: no checkpoint can be read: {' '.join(damaged)} Train anew.")
    return None, []


def read_best(folder: RunFolder, step: int) -> Checkpoint:
    """Return the state of ``step``, which was the best: from ``best``, or from where the best few are.

    Raises:
        RunError: if it is in neither, or damaged in both.
    """
    problems = []
    for place in (folder.best, _place(folder, step)):
        try:
            state = Checkpoint.read(place / CHECKPOINT)
        except RunError as error:
            problems.append(error)
            continue
        if state.progress.step == step:
            return state
        problems.append(RunError(f"{place / CHECKPOINT}: is not of step {step:,}, which was the best."))
    raise problems[0]


def sweep(folder: RunFolder) -> None:
    """Remove what a run that was killed had half-written; nobody else may be writing.

    Raises:
        RunError: if that cannot be done.
    """
    try:
        for place in (folder.path, folder.last, folder.before, folder.best, *folder.top.glob("step-*")):
            for left in place.glob(".*.tmp"):
                left.unlink()
        (folder.best / _NEXT).unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            shutil.rmtree(folder.new)
    except OSError as error:
        raise RunError(f"{folder.path}: cannot be written: {error.strerror or error}.") from None


def _place(folder: RunFolder, step: int) -> Path:
    return folder.top / f"step-{step}"


def _unsaved(folder: RunFolder, progress: Progress, error: Exception) -> RunError:
    kept = ""
    for place in (folder.last, folder.before):
        with suppress(RunError):
            step = read_progress(place / CHECKPOINT).step
            kept = f" The checkpoint of step {step} stays good; with room, --resume {folder.path} goes on from it."
            break
    return RunError(f"could not save a checkpoint at step {progress.step}: {str(error).rstrip('.')}.{kept}")
