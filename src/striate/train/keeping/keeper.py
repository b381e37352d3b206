"""`Keeper`: puts the state of a run into a folder, by the process that writes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from striate.errors import RunError, WeightsError
from striate.nn import save_weights, set_weights
from striate.train.events import Checkpointed
from striate.train.folder import RunFolder
from striate.train.keeping.belonging import identity
from striate.train.keeping.checkpoint import CHECKPOINT, MODEL, Checkpoint, Progress
from striate.train.keeping.kept import keep_best, keep_last, read_best
from striate.train.prepare import Prepared
from striate.train.record import sync_log
from striate.train.stepping import Stepper

__all__ = ["Keeper"]


class Keeper:
    """Keeps what training goes on changing.

    Args:
        prepared: What is trained.
        stepper: Its state.

    Attributes:
        damaged: What the user should know of a best checkpoint that could not be read; empty if nothing.
    """

    def __init__(self, prepared: Prepared, stepper: Stepper) -> None:
        self.prepared = prepared
        self.stepper = stepper
        self.writes = prepared.peers.world.writes
        self.damaged = ""
        self._made = identity(prepared.record)

    def restore(self, state: Checkpoint) -> None:
        """Take on ``state``.

        Raises:
            WeightsError: if it is of another module.
        """
        own = self.stepper
        state.restore(own.module, own.optimizer, own.average, own.loss_scale)

    def keep_best(self, folder: RunFolder, progress: Progress) -> Path | None:
        """Keep the state that was just measured if it is to be; return where the best stands, if it is this one.

        Raises:
            RunError: if it cannot be written.
        """
        if self.writes:
            top = self.prepared.record.training.checkpoints.keep_best
            return keep_best(folder, self._state(progress), top)
        best = progress.best
        return folder.best / CHECKPOINT if best and best.step == progress.step else None

    def keep_last(self, folder: RunFolder, progress: Progress) -> Checkpointed:
        """Keep the newest state; return what to tell of it.

        Raises:
            RunError: if it cannot be written.
        """
        if self.writes:
            sync_log(folder.log)
            keep_last(folder, self._state(progress))
        return Checkpointed(step=progress.step, which="last", path=str(folder.last / CHECKPOINT))

    def keep_weights(self, folder: RunFolder, progress: Progress, *, newest: bool) -> None:
        """Put the best weights, or failing those the ``newest``, into the module and ``model.safetensors``.

        Raises:
            RunError: if they cannot be written.
        """
        if not self.writes:
            return
        module = self.prepared.module
        if progress.best is not None:
            try:
                best = read_best(folder, progress.best.step)
                set_weights(module, best.part(MODEL), where=str(folder.best))
            except RunError as error:
                self.damaged = f"{error} The newest weights are kept."
        elif not newest:  # amid the first steps, with no weights worth keeping
            return
        try:
            save_weights(module, folder.weights)
        except WeightsError as error:
            raise RunError(f"{error} The checkpoints stay good.") from None

    def _state(self, progress: Progress) -> Checkpoint:
        own = self.stepper
        state = Checkpoint.of(progress, own.module, own.optimizer, own.average, own.loss_scale)
        return replace(state, made=self._made)
