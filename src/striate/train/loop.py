"""The loop: a run from step to step, as a generator of events.

On a device that computes beside, steps are told of a few steps later; before anything is kept, all of them are.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from typing import Any

from striate.data import Batches
from striate.errors import DataError, RunError, TrainingError
from striate.train.diverge import NotFinite
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
from striate.train.exhaustion import lack_of_memory, no_room_for_batch
from striate.train.feeding import Inputs, feed, made_ready
from striate.train.folder import RunFolder
from striate.train.keeping.belonging import check_belongs
from striate.train.keeping.checkpoint import CHECKPOINT, Progress
from striate.train.keeping.keeper import Keeper
from striate.train.keeping.kept import newest, put_back_best, sweep
from striate.train.late import Moment
from striate.train.methods import plateau_falls
from striate.train.prepare import Prepared
from striate.train.record import cut_log
from striate.train.resident import resident
from striate.train.stepping import Begun, Stepper
from striate.train.validating import Validator

__all__ = ["Loop"]

_ONE_VALUE = "Expected more than 1 value per channel"  # as torch's BatchNorm says


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
        self.batches.dataset = resident(prepared.train, prepared.device)
        self.steps = self.batches.steps(self.config.epochs)
        self.stepper = Stepper(prepared, self.steps)
        self.keeper = Keeper(prepared, self.stepper)
        self.validator = Validator(prepared, self.batches, self.stepper.average)
        self.progress = Progress()
        self.at_rest = True
        self.awaited: deque[tuple[Begun, Moment, Moment]] = deque()
        self.untold: deque[Event] = deque()
        self.diverged = False
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
            check_belongs(self.folder, state.made)
            if state.progress.step > self.steps:
                raise RunError(
                    f"{self.folder.path}: its checkpoint is of step {state.progress.step:,} of {self.steps:,}."
                )
            self.keeper.restore(state)
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
        put_back_best(self.folder, self.progress)
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
                    self.at_rest = not self.diverged
                    yield from self._offered(event)
                    self.at_rest = False
            reason = self._reason()
        except (KeyboardInterrupt, GeneratorExit) as stop:
            self._known_or_diverged()
            if self.at_rest:  # else the interrupt came amid a step, whose state must not be saved
                saved = self.keeper.keep_last(self.folder, self.progress)
            self.keeper.keep_weights(self.folder, self.progress, newest=self.at_rest)
            if self.stepper.stopped:  # all have
                self._share_weights()
            if isinstance(stop, GeneratorExit):
                raise
            reason = "interrupted"
            yield from self._told()
            if self.at_rest:
                yield saved
        except DataError as error:
            # Images that are streamed can be read no more. The weights are as the last step left them.
            if self.progress.step:
                self.at_rest = True
                yield self.keeper.keep_last(self.folder, self.progress)
                self.keeper.keep_weights(self.folder, self.progress, newest=self.at_rest)
                told = f"{error} A checkpoint of step {self.progress.step:,} was saved in {self.folder.path}."
                raise type(error)(told) from None
            raise
        else:
            self.keeper.keep_weights(self.folder, self.progress, newest=self.at_rest)
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
            notes=(self.keeper.damaged,) if self.keeper.damaged else (),
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
            yield from self._told(self._divergence(problem))
            raise TrainingError(problem.message(self.folder.last / CHECKPOINT)) from None
        except (MemoryError, RuntimeError) as error:
            if (lost := self.peers.lost(error)) is not None:
                raise lost from None
            if (reason := lack_of_memory(error)) is None:
                raise
            if self.stepper.updating:
                fix = "Use a smaller network, or an optimizer that keeps less, such as sgd."
                raise TrainingError(f"not enough memory to change the weights: {reason}. {fix}") from None
            size = self.config.batch_size
            raise no_room_for_batch(size, self.stepper.execution.plan.micro_batch or size, reason) from None

    def _epochs(self) -> Iterator[Event]:
        with closing(feed(self.prepared, self.batches, range(self.progress.step, self.steps))) as fed:
            try:
                yield from self._epochs_of(fed)
            except (DataError, MemoryError, RuntimeError):
                yield from self._told_of()
                raise

    def _epochs_of(self, fed: Iterator[Inputs]) -> Iterator[Event]:
        saved = time.monotonic()
        if (
            self._validation_is_due()
        ):  # of steps that were done by another process; it goes by the same layers
            self.stepper.execution.fuse(made_ready(self.prepared, self.batches[0]).images)
            yield from self._epoch_end()
        falls = self._falls()
        late = self.stepper.latency > 0
        clock = self.prepared.device if late else None
        while not self._over():
            if late and self.stepper.looks_at(self.progress.step):
                yield from self._told_of()
            before = Moment(clock)
            begun = self._begun(next(fed), falls)
            self.awaited.append((begun, before, Moment(clock)))
            self.progress = replace(self.progress, step=self.progress.step + 1)
            yield from self._told_of(waiting=0 if begun.inspected else self.stepper.latency)
            if self.stepper.stopped:
                self.at_rest = True
                raise KeyboardInterrupt
            if self._validation_is_due():
                yield from self._told_of()
                yield from self._epoch_end()
                falls = self._falls()
                saved = time.monotonic()
            elif self._save_is_due(saved):
                yield from self._told_of()
                yield self.keeper.keep_last(self.folder, self.progress)
                saved = time.monotonic()

    def _begun(self, inputs: Inputs, falls: int) -> Begun:
        """Begin a step, if need be of fewer images at a time."""
        fewer: list[Event] = []
        lack: Exception | None = None
        while True:
            try:
                begun = self.stepper.begin(inputs, falls)
                break
            except ValueError as error:
                if lack is None or _ONE_VALUE not in str(error):
                    raise
                raise lack from None  # as BatchNorm cannot do with fewer images
            except (MemoryError, RuntimeError) as error:
                reason, alone = lack_of_memory(error), self.peers.world.size == 1
                if reason is None or not alone or (size := self.stepper.halve()) is None:
                    raise
                lack = error
            self.progress = replace(self.progress, micro_batch=size)
            step, plan = self.progress.step, str(self.stepper.execution.plan)
            fewer.append(Replanned(step=step, plan=plan, micro_batch=size, reason=reason))
        if fewer:
            self._known()  # of the steps before, which are told first
            self.untold.extend(fewer)
        return begun

    def _told_of(self, waiting: int = 0) -> Iterator[Event]:
        """Yield the events of all steps but the last ``waiting``, each once its numbers are there."""
        while len(self.awaited) > waiting:
            self._known(len(self.awaited) - 1)
            yield from self._told()

    def _known(self, waiting: int = 0) -> None:
        """Wait for the numbers of all steps but the last ``waiting``, and have them ready to be told.

        Raises:
            NotFinite: if one is none; the run is then where it was before that step.
        """
        while len(self.awaited) > waiting:
            begun, before, after = self.awaited.popleft()
            step = begun.step + 1
            try:
                loss = self.stepper.loss_of(begun, lambda step: made_ready(self.prepared, self.batches[step]))
            except NotFinite:
                self.awaited.clear()
                self.progress = replace(self.progress, step=begun.step)
                raise
            done = StepDone(
                step=step,
                epoch=self._epoch(step),
                loss=loss,
                lr=begun.rate,
                images_per_second=self.config.batch_size / after.seconds_since(before),
            )
            self.untold.extend([done] if begun.inspected is None else [done, begun.inspected])

    def _known_or_diverged(self) -> None:
        """Have all steps ready to be told; if a number of one is none, that instead, and nothing may be kept."""
        try:
            self._known()
        except NotFinite as problem:
            self.untold.append(self._divergence(problem))
            self.at_rest = False

    def _divergence(self, problem: NotFinite) -> Diverged:
        self.diverged = True
        return Diverged(step=problem.step, layer=problem.layer, what=problem.what)

    def _told(self, *events: Event | None) -> Iterator[Event]:
        """Yield those events, which belong together; after an interrupt amid them, what was not yielded yet."""
        self.untold.extend(event for event in events if event is not None)
        while self.untold:
            yield self.untold.popleft()

    def _epoch_end(self) -> Iterator[Event]:
        with self.validator.averaged():
            score, loss = self.validator.measured(self.progress.step)
            self.progress = self.progress.measured(score, loss)
            best = self.keeper.keep_best(self.folder, self.progress)
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
        yield self.keeper.keep_last(self.folder, self.progress)

    def _validation_is_due(self) -> bool:
        """Return whether an epoch or the run has ended, and the weights are not measured yet."""
        step, validated = self.progress.step, self.progress.validated
        ended = math.floor(self._epoch(step)) > math.floor(self._epoch(validated)) or step == self.steps
        return ended and step > validated

    def _over(self) -> bool:
        """Return whether no step is left, or validation did not improve for as long as it was to be waited."""
        waited = self.config.patience is not None and self.progress.waited >= self.config.patience
        return waited or self.progress.step == self.steps

    def _falls(self) -> int:
        """Return how often the rate has fallen, of the schedule that falls where validation gets no better."""
        if self.config.schedule.name != "plateau":
            return 0
        losses = [score.loss for score in self.progress.scores]
        return plateau_falls(losses, self.config.schedule.plateau)

    def _epoch(self, step: int) -> float:
        return step * self.config.batch_size / len(self.prepared.train)

    def _save_is_due(self, saved: float) -> bool:
        """Return whether a checkpoint is to be written amid an epoch, the last of which was at ``saved`` seconds."""
        wanted = self.config.checkpoints
        if wanted.every_steps is not None and self.progress.step % wanted.every_steps == 0:
            return True
        return wanted.every_minutes is not None and time.monotonic() - saved >= 60 * wanted.every_minutes

    def _share_weights(self) -> None:
        """Have the module of every process be as the one of that which kept the weights."""
        self.peers.spread((*self.module.parameters(), *self.module.buffers()))
