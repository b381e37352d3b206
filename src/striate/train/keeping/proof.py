"""Proof that a run can be resumed: the same training twice, once killed again and again, compared byte by byte."""

from __future__ import annotations

import math
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any

import torch

from striate.errors import ConfigError, RunError, bad_argument
from striate.spec import Network
from striate.train.config import TrainConfig
from striate.train.events import Resumed, StepDone
from striate.train.folder import RunFolder
from striate.train.keeping.checkpoint import CHECKPOINT, Checkpoint
from striate.train.log import read_events
from striate.train.plan.choosing import planned
from striate.train.prepare import prepare
from striate.train.training import resume

__all__ = ["Life", "Proof", "prove_resume"]

_STEPS = 200
_CHECKPOINTS = 8


@dataclass(frozen=True)
class Life:
    """What one process did of a run: from the step it resumed at to the last one that it told of."""

    began: int
    ended: int


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What came of killing a run.

    Attributes:
        steps: Steps that were trained.
        lives: Of the processes that trained the one run; each but the last was killed.
        size: Bytes of the checkpoint that were compared.
        difference: The first thing that differs; None if nothing does.
    """

    network: str
    data: str
    steps: int
    lives: tuple[Life, ...]
    size: int
    difference: str | None

    @property
    def identical(self) -> bool:
        """Whether the killed run ended as the other one, to the bit."""
        return self.difference is None

    def to_data(self) -> dict[str, Any]:
        """Return the proof as plain data."""
        return {**asdict(self), "identical": self.identical}

    def __str__(self) -> str:
        kills = len(self.lives) - 1
        cut = f"one killed {kills} time{'' if kills == 1 else 's'}"
        lines = [f"{self.network} on {self.data}: {self.steps:,} steps in two runs, {cut}"]
        lines += [
            f"killed at step {life.ended:,}, resumed from {after.began:,}"
            for life, after in zip(self.lives, self.lives[1:], strict=False)
        ]
        if self.identical:
            lines.append(f"the same {self.size:,} bytes of weights and state, the same {self.steps:,} losses")
        else:
            lines.append(f"not the same: {self.difference}")
        return "\n".join(lines)


def prove_resume(
    network: Network,
    data: str | Path,
    config: TrainConfig | None = None,
    *,
    kills: int = 3,
    seed: int = 0,
    on_kill: Callable[[Life], None] | None = None,
) -> Proof:
    """Train twice in processes of their own, one of which is killed at random moments and resumed, and compare.

    At most the first 200 steps are trained, with checkpoints in between, in a temporary folder.

    Args:
        network: A description; a module of your own does not reach another process.
        data: The name of a source; one in memory does not reach another process either.
        config: Every other choice.
        kills: How often.
        seed: Of the moments.
        on_kill: Called after each.

    Raises:
        ConfigError: if ``kills`` is below 1, or ``network`` is not a description.
        RunError: if a process ends in another way than by being killed.
        StriateError: what `train` raises before the first event.
    """
    if isinstance(kills, bool) or not isinstance(kills, int) or kills < 1:
        raise ConfigError(bad_argument("kills", kills, "a whole number of at least 1"))
    if not isinstance(network, Network):
        allowed = "a Network, as a module of your own does not reach another process"
        raise ConfigError(bad_argument("network", network, allowed))
    if not isinstance(data, str | Path):
        allowed = "the name of a source, as one in memory does not reach another process"
        raise ConfigError(bad_argument("data", data, allowed))
    record = planned(prepare(network, data, config or TrainConfig())).record
    training = record.training
    until = min(_STEPS, math.ceil(training.epochs * record.sizes["train"] / training.batch_size))
    often = replace(training.checkpoints, every_steps=max(1, until // _CHECKPOINTS))
    record = replace(record, training=replace(training, checkpoints=often))
    moments = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="striate-") as root:
        whole = RunFolder.create(Path(root, "whole"), record)
        cut = RunFolder.create(Path(root, "cut"), record)
        _live(whole, until)
        steps = len(_steps_told(whole))  # fewer where training stops early
        lives: list[Life] = []
        for _ in range(kills):
            life, killed = _live(cut, until, moments, steps)
            if not killed:
                raise RunError(
                    f"a training of {steps} steps is over before it can be killed; give it more epochs."
                )
            lives.append(life)
            if on_kill:
                on_kill(life)
        lives.append(_live(cut, until)[0])
        size = (whole.last / CHECKPOINT).stat().st_size
        return Proof(
            network=network.name,
            data=record.data,
            steps=steps,
            lives=tuple(lives),
            size=size,
            difference=_difference(whole, cut),
        )


def _live(
    folder: RunFolder, until: int, moments: random.Random | None = None, steps: int = 0
) -> tuple[Life, bool]:
    """Train in another process until so many steps are done, or until it is killed; tell whether it was.

    It is killed at one of ``moments``, if given, before the last of ``steps`` is done.
    """
    command = [sys.executable, "-m", "striate.train.keeping.proof", str(folder.path), str(until)]
    with ExitStack() as stack:
        errors = stack.enter_context(tempfile.TemporaryFile("w+"))
        process = stack.enter_context(
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        )
        stack.callback(process.kill)  # should this process be interrupted
        assert process.stdout is not None
        life, due = _watched(process.stdout, steps, moments)
        if due:
            process.kill()
        status = process.wait()
        if status and not due:
            errors.seek(0)
            lines = errors.read().strip().splitlines() or ["it told nothing"]
            raise RunError(f"{folder.path}: the process that was to train in it failed: {lines[-1]}")
    return life, due and status != 0


def _watched(lines: IO[str], steps: int, moments: random.Random | None) -> tuple[Life, bool]:
    """Read which steps a process tells of, until it ends or its moment has come; tell whether that has come."""
    began = ended = 0
    target: int | None = None
    since = time.perf_counter()
    for ended in map(int, lines):
        if target is None:
            began = ended
            target = steps if moments is None else moments.randrange(began, max(steps, began + 1))
            since = time.perf_counter()
        if moments is not None and ended >= target:
            each = (time.perf_counter() - since) / max(1, ended - began)
            time.sleep(moments.random() * min(each, 1.0))  # amid a step, or a checkpoint
            return Life(began, ended), True
    return Life(began, ended), False


def _difference(first: RunFolder, second: RunFolder) -> str | None:
    told, again = (_steps_told(run) for run in (first, second))
    for (step, *figures), (other_step, *others) in zip(told, again, strict=False):
        if step != other_step:
            return f"the log of the killed run goes on with step {other_step:,} where {step:,} is next"
        if figures != others:
            return f"step {step:,} is the first whose loss differs: {figures[0]!r} and {others[0]!r}"
    if len(told) != len(again):
        return f"{len(told):,} steps in the one log, {len(again):,} in the other"
    files = [run.last / CHECKPOINT for run in (first, second)]
    if files[0].read_bytes() == files[1].read_bytes():
        return None
    states = [Checkpoint.read(file).tensors for file in files]
    for name, tensor in states[0].items():
        if name not in states[1] or not torch.equal(tensor, states[1][name]):
            return f"{name} is the first tensor of the checkpoint that differs"
    return "the counters of the checkpoints differ"


def _steps_told(run: RunFolder) -> list[tuple[int, float, float]]:
    events = read_events(run.log)
    return [(e["step"], e["loss"], e["lr"]) for e in events if e["event"] == StepDone.__name__]


def _train(folder: str, steps: int) -> Iterator[int]:
    """Train in ``folder`` until ``steps`` are done, and yield each as it is."""
    events = resume(folder)
    for event in events:
        if isinstance(event, Resumed | StepDone):
            yield event.step
            if event.step >= steps:
                events.throw(KeyboardInterrupt())


if __name__ == "__main__":
    for done in _train(sys.argv[1], int(sys.argv[2])):
        print(done, flush=True)
