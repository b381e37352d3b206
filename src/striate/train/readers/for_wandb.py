"""Tells a run to Weights & Biases, as its own environment says: ``WANDB_MODE=offline`` keeps it on this machine."""

from __future__ import annotations

import os
from functools import singledispatchmethod

import wandb

from striate.train.events import Event, Finished, Started, StepDone, Validated
from striate.train.readers.about import About
from striate.train.readers.reader import keep_id, kept_id

__all__ = ["WandbReader"]

_TAG = 64


class WandbReader:
    """One W&B run for one run folder, in the project ``striate`` or that of ``WANDB_PROJECT``.

    Those of a series are in one group. What it writes lies in ``readers/`` of the run folder, unless ``WANDB_DIR`` says
    otherwise.
    """

    def __init__(self) -> None:
        self._run: wandb.Run | None = None
        self._failed = True

    @singledispatchmethod
    def show(self, event: Event) -> None:
        """Take ``event``; most kinds are of no interest to W&B."""

    @show.register
    def _(self, event: Started) -> None:
        about = About.of(event)
        known = kept_id(about.folder, "wandb")
        (about.folder / "readers").mkdir(exist_ok=True)
        quiet = wandb.Settings(
            quiet=True, console="off", save_code=False, disable_git=True, x_disable_stats=True
        )
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "striate"),
            dir=os.environ.get("WANDB_DIR", str(about.folder / "readers")),
            id=known,
            name=about.name,
            group=about.group,
            config=about.settings | about.tags,
            tags=[about.tags["network"][:_TAG], about.tags["fingerprint"][:_TAG]],
            resume="allow" if known and os.environ.get("WANDB_MODE") != "offline" else None,
            settings=quiet,
        )
        keep_id(about.folder, "wandb", self._run.id)

    @show.register
    def _(self, event: StepDone) -> None:
        speed = event.images_per_second
        self._note(
            event.step, {"train/loss": event.loss, "train/lr": event.lr, "train/images_per_second": speed}
        )

    @show.register
    def _(self, event: Validated) -> None:
        self._note(event.step, {"val/loss": event.loss, "val/accuracy": event.accuracy, "epoch": event.epoch})

    @show.register
    def _(self, event: Finished) -> None:
        final = {"best_accuracy": event.best_accuracy, "best_step": event.best_step, "seconds": event.seconds}
        if self._run is not None:
            self._run.summary.update({f"final/{name}": value for name, value in final.items()})
            self._run.summary["reason"] = event.reason
        self._failed = False

    def close(self) -> None:
        """End the W&B run: as failed unless it came to its end."""
        if self._run is not None:
            self._run.finish(exit_code=int(self._failed))

    def _note(self, step: int, values: dict[str, float]) -> None:
        if self._run is not None:
            self._run.log(values, step=step)
