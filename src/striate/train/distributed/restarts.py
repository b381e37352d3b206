"""The run of a job: what torchrun starts again after a process was lost goes on with the run that it began."""

from __future__ import annotations

import itertools
from pathlib import Path

from striate.errors import RunError
from striate.spec.files import write
from striate.train.folder import RunFolder, file_name

__all__ = ["begun_run", "keep_job", "run_of_job"]

_FILE = "job"
_MAX_BYTES = 1024


_numbers = itertools.count(1)


def run_of_job(job: str) -> str:
    """Return what names the next run that this process begins, the same after a restart; empty without a job."""
    return f"{job} {next(_numbers)}" if job else ""


def keep_job(folder: RunFolder, job: str) -> None:
    """Keep in ``folder`` which run of a job it is; see `run_of_job`.

    Raises:
        RunError: if it cannot be written.
    """
    if not job:
        return
    try:
        write(folder.path / _FILE, f"{job}\n")
    except OSError as error:
        raise RunError(f"{folder.path}: cannot be written: {error.strerror or error}.") from None


def begun_run(job: str, out: Path | None, root: Path, name: str) -> Path | None:
    """Return the folder of a run that was begun before; None if it was not.

    Args:
        job: See `run_of_job`.
        out: Where it makes it; None means the first free ``root/name-1``, ``root/name-2``, …
        root: See ``out``.
        name: See ``out``.
    """
    if not job:
        return None
    places = [out] if out is not None else sorted(root.glob(f"{file_name(name)}-*"))
    return next((place for place in places if (place / "run.yaml").is_file() and _job(place) == job), None)


def _job(place: Path) -> str | None:
    file = place / _FILE
    if not file.is_file() or file.stat().st_size > _MAX_BYTES:
        return None
    return file.read_text(encoding="utf-8", errors="replace").strip()
