"""The loop: a run from step to step, as a generator of events."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from striate.data import Batches
from striate.errors import DataError, RunError, TrainingError, WeightsError
from striate.nn import save_weights, set_weights
from striate.train.diverge import NotFinite, first_not_finite
from striate.train.events import (
    Checkpointed,
    Diverged,
    Event,
    Finished,
    Reason,
    Replanned,
    Resumed,
    Started,
    StepDone,
    Validated,
)
from striate.train.feeding import Inputs, feed
from striate.train.folder import RunFolder
from striate.train.keeping.checkpoint import CHECKPOINT, MODEL, Checkpoint, Progress
from striate.train.keeping.kept import keep_best, keep_last, newest, read_best, sweep
from striate.train.methods import Swa, plateau_falls, recalibrate
from striate.train.metrics import evaluate
from striate.train.prepare import Prepared
from striate.train.record import cut_log, sync_log
from striate.train.stepping import Stepper

__all__ = ["Loop"]


class Loop:
    """One run: the state that changes from step to step.

    Args:
        prepared: What is trained.

    Attributes:
        folder: Where states are kept; to be set before anything else is asked of it.
    """

    folder: RunFolder

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        self.peers = prepared.peers
        self.config = prepared.record.training
        self.module = prepared.module
        sampling = self.config.loss.sampling
        self.batches = Batches(prepared.train, self.config.batch_size, self.config.seed, sampling)
        self.steps = self.batches.steps(self.config.epochs)
        self.stepper = Stepper(prepared, self.steps)
        self.progress = Progress()
        self.at_rest = True
        self.untold: deque[Event] = deque()
        self.damaged = ""
        self.last_is_damaged = False

    def go_back(self) -> tuple[str, ...]:
        """Take on the newest state in the folder that is whole; return what the user should know of others.

        Raises:
            RunError: if none is whole.
            WeightsError: if it is of another module.
        """
        state, damaged = newest(self.folder)
        step = 0 if state is None else state.progress.step
        if (first := self.peers.agreed(lambda: step)) != step:
            raise RunError(
                f"{self.folder.path}: its newest checkpoint is of step {first:,} for the first process and of step "
                f"{step:,} for another; have all of them see the same folder."
            )
        if state is not None:
            if state.progress.step > self.steps:
                raise RunError(
                    f"{self.folder.path}: its checkpoint is of step {state.progress.step:,} of {self.steps:,}."
                )
            state.restore(self.module, self.stepper.optimizer, self.stepper.average)
            self.progress = state.progress
            if state.progress.micro_batch is not None:
                self.stepper.compute_at_a_time(state.progress.micro_batch)
        self.last_is_damaged = bool(damaged)
        return tuple(f"{problem} The checkpoint before it is used." for problem in damaged)

    @property
    def complete(self) -> bool:
        """Whether nothing is left to do, not even to keep the weights."""
        return self._over() and not self._validation_is_due() and self.folder.weights.exists()

    def clear(self) -> None:
        """Remove from the folder what its log and its weights say of later steps, and what was half-written."""
        if not self.peers.world.writes:
            return
        sweep(self.folder)
        if self.last_is_damaged:  # else it would become the one before, in the place of a good one
            (self.folder.last / CHECKPOINT).unlink(missing_ok=True)
        cut_log(self.folder.log, self.progress)
        with suppress(FileNotFoundError):
            self.folder.weights.unlink()

    def resumed(self, notes: tuple[str, ...]) -> Generator[Event, None, None]:
        """Yield the events from the state that was taken on; see `events`."""
        facts = self._facts()
        facts["notes"] += notes
        step = self.progress.step
        yield from self.events(Resumed(step=step, epoch=self._epoch(step), **facts))

    def events(self, first: Event | None = None) -> Generator[Event, None, None]:
        """Yield ``first`` and the events from here on. Interrupts are honored between steps."""
        started = time.perf_counter()
        reason: Reason = "completed"
        try:
            yield from self._offered(Started(**self._facts()) if first is None else first)
            self.at_rest = False
            with closing(self._steps()) as steps:
                for event in steps:
                    self.at_rest = not isinstance(event, Diverged)
                    yield from self._offered(event)
                    self.at_rest = False
            reason = self._reason()
        except (KeyboardInterrupt, GeneratorExit) as stop:
            if self.at_rest:  # else the interrupt came amid a step, whose state must not be saved
                saved = self._keep_last()
            self._keep_weights()
            if self.stepper.stopped:  # all have
                self._share_weights()
            if isinstance(stop, GeneratorExit):
                raise
            reason = "interrupted"
            if self.at_rest:
                yield from self._told()
                yield saved
        except DataError as error:
            # Images that are streamed can be read no more. The weights are as the last step left them.
            if self.progress.step:
                self.at_rest = True
                yield self._keep_last()
                self._keep_weights()
                told = f"{error} A checkpoint of step {self.progress.step:,} was saved in {self.folder.path}."
                raise type(error)(told) from None
            raise
        else:
            self._keep_weights()
            self._share_weights()
        yield self.finished(time.perf_counter() - started, reason)

    def _offered(self, event: Event) -> Iterator[Event]:
        """Yield ``event``; an interrupt of one of several processes ends them all, after the next step."""
        try:
            yield event
        except KeyboardInterrupt:
            if self.peers.world.size == 1:
                raise
            self.stepper.stop_wanted = True

    def finished(self, seconds: float = 0.0, reason: Reason | None = None) -> Finished:
        """Return what is told at the end."""
        best = self.progress.best
        return Finished(
            run=str(self.folder.path),
            step=self.progress.step,
            reason=reason or self._reason(),
            best_accuracy=best and best.accuracy,
            measure=self.prepared.record.measure,
            best_step=best and best.step,
            seconds=seconds,
            notes=(self.damaged,) if self.damaged else (),
        )

    def _reason(self) -> Reason:
        return "early stop" if self.progress.step < self.steps else "completed"

    def _facts(self) -> dict[str, Any]:
        """Return what `Started` tells."""
        return {
            "run": str(self.folder.path),
            "network": self.prepared.name,
            "params": sum(p.numel() for p in self.module.parameters()),
            "device": str(self.prepared.device),
            "threads": self.prepared.plan.threads,
            "plan": str(self.stepper.execution.plan),
            "steps": self.steps,
            "epochs": self.config.epochs,
            "sizes": self.prepared.record.sizes,
            "notes": self.prepared.notes,
        }

    def _steps(self) -> Generator[Event, None, None]:
        try:
            yield from self._epochs()
        except NotFinite as problem:
            yield Diverged(step=problem.step, layer=problem.layer, what=problem.what)
            raise TrainingError(problem.message(self.folder.last / CHECKPOINT)) from None
        except (MemoryError, RuntimeError) as error:
            if (lost := self.peers.lost(error)) is not None:
                raise lost from None
            if not _is_out_of_memory(error):
                raise
            reason = _first_line(error)
            if (self.stepper.execution.plan.micro_batch or self.config.batch_size) == 1:
                told = f"not enough memory for one image at a time: {reason}. Use a smaller network or input."
            else:
                size = self.config.batch_size
                told = f"not enough memory for batch_size={size}: {reason}. Lower it with --batch-size (batch_size=…)."
            raise TrainingError(told) from None

    def _epochs(self) -> Iterator[Event]:
        with closing(feed(self.prepared, self.batches, range(self.progress.step, self.steps))) as fed:
            yield from self._epochs_of(fed)

    def _epochs_of(self, fed: Iterator[Inputs]) -> Iterator[Event]:
        saved = time.monotonic()
        if self._validation_is_due():
            yield from self._epoch_end()
        falls = self._falls()
        while not self._over():
            before = time.perf_counter()
            loss, lr = self._stepped(next(fed), falls)
            self.progress = replace(self.progress, step=self.progress.step + 1)
            done = StepDone(
                step=self.progress.step,
                epoch=self._epoch(self.progress.step),
                loss=loss,
                lr=lr,
                images_per_second=self.config.batch_size / (time.perf_counter() - before),
            )
            yield from self._told(done, self.stepper.inspected)
            if self.stepper.stopped:
                self.at_rest = True
                raise KeyboardInterrupt
            if self._validation_is_due():
                yield from self._epoch_end()
                falls = self._falls()
                saved = time.monotonic()
            elif self._save_is_due(saved):
                yield self._keep_last()
                saved = time.monotonic()

    def _stepped(self, inputs: Inputs, falls: int) -> tuple[float, float]:
        """Do a step, if need be of fewer images at a time; return its loss and its rate."""
        while True:
            try:
                return self.stepper.step(inputs, falls)
            except (MemoryError, RuntimeError) as error:
                alone = self.peers.world.size == 1
                if not _is_out_of_memory(error) or not alone or (size := self.stepper.halve()) is None:
                    raise
                reason = _first_line(error)
            self.progress = replace(self.progress, micro_batch=size)
            step, plan = self.progress.step, str(self.stepper.execution.plan)
            self.untold.append(Replanned(step=step, plan=plan, micro_batch=size, reason=reason))

    def _told(self, *events: Event | None) -> Iterator[Event]:
        """Yield those events, which belong together; after an interrupt amid them, what was not yielded yet."""
        self.untold.extend(event for event in events if event is not None)
        while self.untold:
            yield self.untold.popleft()

    def _epoch_end(self) -> Iterator[Event]:
        with self._averaged():
            score, loss = self._measured()
            self.progress = self.progress.measured(score, loss)
            best = self._keep_best()
        step = self.progress.step
        validated = Validated(
            step=step,
            epoch=self._epoch(step),
            loss=loss,
            accuracy=score,
            measure=self.prepared.record.measure,
            best=best is not None,
        )
        kept = None if best is None else Checkpointed(step=step, which="best", path=str(best))
        yield from self._told(validated, kept)
        yield self._keep_last()

    def _validation_is_due(self) -> bool:
        """Return whether an epoch or the run has ended, and the weights are not measured yet."""
        step, validated = self.progress.step, self.progress.validated
        ended = math.floor(self._epoch(step)) > math.floor(self._epoch(validated)) or step == self.steps
        return ended and step > validated

    def _over(self) -> bool:
        """Return whether no step is left, or validation did not improve for as long as it was to be waited."""
        waited = self.config.patience is not None and self.progress.waited >= self.config.patience
        return waited or self.progress.step == self.steps

    def _measured(self) -> tuple[float, float]:
        """Measure the module on the validation split; return what it is chosen by, and its loss."""
        record, device = self.prepared.record, self.prepared.device
        measured = evaluate(
            self.module, self.prepared.val, record.preprocess, record.class_names, "val", device
        )
        # All measure all of it, rather than wait, and then go by one: the last bits may differ between machines.
        score, loss = self.peers.agreed(lambda: (measured.score, measured.loss))
        if not math.isfinite(loss):  # before the good checkpoint would be written over
            with closing(self.prepared.val.pieces(64)) as pieces:
                images = record.preprocess.normalize(next(pieces).to(device))
            found = first_not_finite(self.module.eval(), images)
            raise NotFinite("validation loss", self.progress.step, self.config.optimizer.lr, *found)
        return score, loss

    def _falls(self) -> int:
        """Return how often the rate has fallen, of the schedule that falls where validation gets no better."""
        if self.config.schedule.name != "plateau":
            return 0
        losses = [score.loss for score in self.progress.scores]
        return plateau_falls(losses, self.config.schedule.plateau)

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """Put the mean of the weights, if one is kept, in their place for a while."""
        average = self.stepper.average
        if average is None:
            yield
            return
        with average.in_place_of(self.module):
            if isinstance(average, Swa) and average.count:
                recalibrate(self.module, self._plain_images())
            yield

    def _plain_images(self) -> Iterator[Tensor]:
        """Yield the training images of an epoch, as the network sees them; its share, if it joins statistics."""
        share = self.prepared.share if self.config.execution.sync_batchnorm else None
        for step in range(math.ceil(len(self.prepared.train) / self.config.batch_size)):
            yield self.prepared.inputs(self.batches[step], share)[0]

    def _epoch(self, step: int) -> float:
        return step * self.config.batch_size / len(self.prepared.train)

    def _save_is_due(self, saved: float) -> bool:
        """Return whether a checkpoint is to be written amid an epoch, the last of which was at ``saved`` seconds."""
        wanted = self.config.checkpoints
        if wanted.every_steps is not None and self.progress.step % wanted.every_steps == 0:
            return True
        return wanted.every_minutes is not None and time.monotonic() - saved >= 60 * wanted.every_minutes

    def _state(self) -> Checkpoint:
        return Checkpoint.of(self.progress, self.module, self.stepper.optimizer, self.stepper.average)

    def _keep_best(self) -> Path | None:
        """Keep the state that was just measured if it is to be; return where the best stands, if it is this one."""
        if self.peers.world.writes:
            return keep_best(self.folder, self._state(), self.config.checkpoints.keep_best)
        best = self.progress.best
        return self.folder.best / CHECKPOINT if best and best.step == self.progress.step else None

    def _keep_last(self) -> Checkpointed:
        path = self.folder.last / CHECKPOINT
        if self.peers.world.writes:
            sync_log(self.folder.log)
            keep_last(self.folder, self._state())
        return Checkpointed(step=self.progress.step, which="last", path=str(path))

    def _keep_weights(self) -> None:
        """Put the best weights, or failing those the newest, into the module and ``model.safetensors``."""
        if not self.peers.world.writes:
            return
        if self.progress.best is not None:
            try:
                best = read_best(self.folder, self.progress.best.step)
                set_weights(self.module, best.part(MODEL), where=str(self.folder.best))
            except RunError as error:
                self.damaged = f"{error} The newest weights are kept."
        elif not self.at_rest:  # amid the first steps, with no weights worth keeping
            return
        try:
            save_weights(self.module, self.folder.weights)
        except WeightsError as error:
            raise RunError(f"{error} The checkpoints stay good.") from None

    def _share_weights(self) -> None:
        """Have the module of every process be as the one of that which kept the weights."""
        self.peers.spread((*self.module.parameters(), *self.module.buffers()))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _is_out_of_memory(error: Exception) -> bool:
    # The CPU's allocator raises a plain RuntimeError; only its words tell.
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "not enough memory" in str(error)
