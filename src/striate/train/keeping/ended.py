"""`is_done`: whether a run came to its end, as its folder tells it."""

from __future__ import annotations

from pathlib import Path

from striate.errors import RunError
from striate.train.folder import RunFolder
from striate.train.keeping.checkpoint import CHECKPOINT, read_progress
from striate.train.log import last_event, read_events

__all__ = ["is_done"]


def is_done(run: Path) -> bool:
    """Return whether the run in a folder came to its end; one without a log did if it has its weights."""
    log = run / "events.jsonl"
    last = last_event(log)
    if last is not None and last["event"] == "Finished":
        return last.get("reason") != "interrupted"
    if not (run / "model.safetensors").is_file():
        return False
    return not log.exists() or _nothing_left(run)


def _nothing_left(run: Path) -> bool:
    """Return whether a run has done all its steps, though it was killed before its log could say so."""
    try:
        folder = RunFolder.open(run)
        progress = read_progress(folder.last / CHECKPOINT)
        planned = [
            event.get("steps")
            for event in read_events(folder.log)
            if event["event"] in ("Started", "Resumed")
        ]
    except RunError:
        return False
    patience = folder.record.training.patience
    return progress.step in planned[-1:] or (patience is not None and progress.waited >= patience)
