"""`train`: the loop, a generator of events. It takes no callbacks; readers of the stream do the rest."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from striate.data import Batch, Batches, Source
from striate.errors import DataError, RunError, TrainingError, WeightsError
from striate.nn import save_weights, set_weights
from striate.spec import Network
from striate.train.checkpoint import CHECKPOINT, Progress, model_tensors, save_checkpoint
from striate.train.config import TrainConfig
from striate.train.diverge import NotFinite, first_not_finite
from striate.train.events import (
    Checkpointed,
    Diverged,
    Event,
    Finished,
    Reason,
    Started,
    StepDone,
    Validated,
    Which,
)
from striate.train.folder import RunFolder
from striate.train.methods import Swa, plateau_falls, recalibrate
from striate.train.metrics import Evaluation, LabelEvaluation, evaluate
from striate.train.prepare import Prepared, prepare
from striate.train.record import recorded
from striate.train.stepping import Stepper

__all__ = ["train"]


def train(
    network: Network | nn.Module,
    data: str | Path | Source,
    config: TrainConfig | None = None,
    out: str | Path | None = None,
) -> Generator[Event, None, None]:
    """Train ``network`` on ``data`` and return the events of the run as they happen.

    Network, data and configuration are checked, and images loaded, before this returns; the run folder is
    made at the first event. Throwing `KeyboardInterrupt` into the generator, or closing it, saves a
    checkpoint and the weights. The global random state of torch is set at each step.

    Args:
        network: A description, or any module that maps ``(N, C, H, W)`` to logits ``(N, classes)``.
        data: ``digits``, a folder, ``kind:location``, or a `Source`.
        config: Every other choice.
        out: The run folder to make; None means the first free ``runs/<network>-<n>``.

    Yields:
        `Started`, then `StepDone`, `Validated` and `Checkpointed`, and `Finished` at last.

    Raises:
        ConfigError, DataError, ShapeError: before the first event.
        RunError: if ``out`` exists, or a checkpoint cannot be written.
        TrainingError: if the loss is no longer a number.
    """
    if out is not None:
        RunFolder.check_free(Path(out))
    prepared = prepare(network, data, config or TrainConfig())
    return _run(prepared, None if out is None else Path(out))


def _run(prepared: Prepared, out: Path | None) -> Generator[Event, None, None]:
    if out is None:
        folder = RunFolder.create_next(Path("runs"), prepared.name, prepared.record)
    else:
        folder = RunFolder.create(out, prepared.record)
    threads = torch.get_num_threads()
    torch.set_num_threads(prepared.threads)
    try:
        yield from recorded(_Loop(prepared, folder).events(), folder.path)
    finally:
        torch.set_num_threads(threads)


class _Loop:
    """One run: the state that changes from step to step."""

    def __init__(self, prepared: Prepared, folder: RunFolder) -> None:
        self.prepared = prepared
        self.folder = folder
        self.config = prepared.record.training
        self.module = prepared.module
        sampling = self.config.loss.sampling
        self.batches = Batches(prepared.train, self.config.batch_size, self.config.seed, sampling)
        self.steps = self.batches.steps(self.config.epochs)
        self.stepper = Stepper(prepared, self.steps)
        self.progress = Progress()
        self.at_rest = True

    def events(self) -> Generator[Event, None, None]:
        """Yield the events of the whole run. Interrupts are honored between steps."""
        started = time.perf_counter()
        reason: Reason = "completed"
        try:
            yield self._start()
            self.at_rest = False
            with closing(self._steps()) as steps:
                for event in steps:
                    self.at_rest = not isinstance(event, Diverged)
                    yield event
                    self.at_rest = False
            if self.progress.step < self.steps:
                reason = "early stop"
        except (KeyboardInterrupt, GeneratorExit) as stop:
            if self.at_rest:  # else the interrupt came amid a step, whose state must not be saved
                saved = self._save("last")
            self._keep_weights()
            if isinstance(stop, GeneratorExit):
                raise
            reason = "interrupted"
            if self.at_rest:
                yield saved
        except DataError as error:
            # Images that are streamed can be read no more. The weights are as the last step left them.
            if self.progress.step:
                self.at_rest = True
                yield self._save("last")
                self._keep_weights()
                told = f"{error} A checkpoint of step {self.progress.step:,} was saved in {self.folder.path}."
                raise type(error)(told) from None
            raise
        else:
            self._keep_weights()
        yield Finished(
            run=str(self.folder.path),
            step=self.progress.step,
            reason=reason,
            best_accuracy=self.progress.best_accuracy,
            best_step=self.progress.best_step,
            seconds=time.perf_counter() - started,
        )

    def _start(self) -> Started:
        return Started(
            run=str(self.folder.path),
            network=self.prepared.name,
            params=sum(p.numel() for p in self.module.parameters()),
            device=str(self.prepared.device),
            steps=self.steps,
            epochs=self.config.epochs,
            sizes=self.prepared.record.sizes,
            notes=self.prepared.notes,
        )

    def _steps(self) -> Generator[Event, None, None]:
        try:
            yield from self._epochs()
        except NotFinite as problem:
            yield Diverged(step=problem.step, layer=problem.layer, what=problem.what)
            raise TrainingError(problem.message(self.folder.last / CHECKPOINT)) from None
        except (MemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
            raise TrainingError(
                f"not enough memory for batch_size={self.config.batch_size}: {str(error).splitlines()[0]}. "
                "Lower it with --batch-size (batch_size=…)."
            ) from None

    def _epochs(self) -> Iterator[Event]:
        with closing(self.batches.ahead(range(self.steps))) as batches:
            yield from self._epochs_of(batches)

    def _epochs_of(self, batches: Iterator[Batch]) -> Iterator[Event]:
        epochs_done = 0
        saved = time.monotonic()
        for step in range(self.steps):
            before = time.perf_counter()
            loss, lr = self.stepper.step(next(batches), self._falls())
            self.progress = replace(self.progress, step=step + 1)
            epoch = self._epoch(step + 1)
            yield StepDone(
                step=step + 1,
                epoch=epoch,
                loss=loss,
                lr=lr,
                images_per_second=self.config.batch_size / (time.perf_counter() - before),
            )
            if self._save_is_due(saved):
                saved = time.monotonic()
                yield self._save("last")
            if math.floor(epoch) > epochs_done or step + 1 == self.steps:
                epochs_done = math.floor(epoch)
                yield from self._epoch_end(epoch)
                if self._waited_enough():
                    return

    def _epoch_end(self, epoch: float) -> Iterator[Event]:
        best: Checkpointed | None = None
        with self._averaged():
            measured = self._measured()
            self.progress = self.progress.measured(measured.accuracy, measured.loss)
            if self.progress.best_step == self.progress.step:
                best = self._save("best")  # of the weights that answered
        yield Validated(
            step=self.progress.step,
            epoch=epoch,
            loss=measured.loss,
            accuracy=measured.accuracy,
            best=best is not None,
        )
        if best is not None:
            yield best
        yield self._save("last")

    def _measured(self) -> Evaluation | LabelEvaluation:
        """Measure the module on the validation split."""
        record, device = self.prepared.record, self.prepared.device
        measured = evaluate(
            self.module, self.prepared.val, record.preprocess, record.class_names, "val", device
        )
        if not math.isfinite(measured.loss):  # before the good checkpoint would be written over
            with closing(self.prepared.val.pieces(64)) as pieces:
                images = record.preprocess.normalize(next(pieces).to(device))
            found = first_not_finite(self.module.eval(), images)
            raise NotFinite("validation loss", self.progress.step, self.config.optimizer.lr, *found)
        return measured

    def _falls(self) -> int:
        """Return how often the rate has fallen, of the schedule that falls where validation gets no better."""
        if self.config.schedule.name != "plateau":
            return 0
        return plateau_falls(self.progress.losses, self.config.schedule.plateau)

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
        """Yield the training images of an epoch, as the network sees them."""
        for step in range(math.ceil(len(self.prepared.train) / self.config.batch_size)):
            yield self.prepared.inputs(self.batches[step])[0]

    def _epoch(self, step: int) -> float:
        return step * self.config.batch_size / len(self.prepared.train)

    def _save_is_due(self, saved: float) -> bool:
        """Return whether a checkpoint is to be written amid an epoch, the last of which was at ``saved`` seconds."""
        wanted = self.config.checkpoints
        if wanted.every_steps is not None and self.progress.step % wanted.every_steps == 0:
            return True
        return wanted.every_minutes is not None and time.monotonic() - saved >= 60 * wanted.every_minutes

    def _waited_enough(self) -> bool:
        return self.config.patience is not None and self.progress.waited >= self.config.patience

    def _save(self, which: Which) -> Checkpointed:
        folder = self.folder.best if which == "best" else self.folder.last
        average = self.stepper.average
        path = save_checkpoint(folder, self.module, self.stepper.optimizer, self.progress, average)
        return Checkpointed(step=self.progress.step, which=which, path=str(path))

    def _keep_weights(self) -> None:
        """Put the best weights, or failing those the newest, into the module and ``model.safetensors``."""
        best = self.folder.best / CHECKPOINT
        if best.exists():
            set_weights(self.module, model_tensors(best), where=str(best))
        elif not self.at_rest:  # amid the first steps, with no weights worth keeping
            return
        try:
            save_weights(self.module, self.folder.weights)
        except WeightsError as error:
            raise RunError(f"{error} The checkpoints stay good.") from None


def _is_out_of_memory(error: Exception) -> bool:
    # The CPU's allocator raises a plain RuntimeError; only its words tell.
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "not enough memory" in str(error)
