"""A run that is stopped saves itself: thrown into, closed, or hit amid a step."""

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest
import torch
from torch import nn
from toys import files_below, quick, tiny, toy_source

import striate as st
from striate import Run
from striate.nn import build, read_tensors
from striate.train import Checkpointed, Finished, StepDone, resume, train
from striate.train.keeping.checkpoint import model_tensors, read_progress


def started(path, steps, module=None):
    """Return a run that has done so many steps, and its module."""
    module = module or build(tiny(), seed=0)
    events = train(module, toy_source(), quick(epochs=3.0), path)
    for event in events:
        if isinstance(event, StepDone) and event.step == steps:
            return events, module
        if not steps:
            return events, module
    raise AssertionError("the run ended before")


def snapshot(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[n], b[n]) for n in a)


def last(path):
    return path / "checkpoints" / "last" / "checkpoint.safetensors"


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_thrown_into_before_the_first_validation(tmp_path, steps):
    path = tmp_path / "run"
    events, module = started(path, steps)
    now = snapshot(module)
    saved = events.throw(KeyboardInterrupt())
    assert saved == Checkpointed(step=steps, which="last", path=str(last(path)))
    end = next(events)
    assert isinstance(end, Finished)
    assert (end.reason, end.step, end.best_accuracy, end.best_step) == ("interrupted", steps, None, None)
    assert list(events) == []
    assert read_progress(last(path)).step == steps
    assert same(model_tensors(last(path)), now)
    assert same(read_tensors(path / "model.safetensors"), now)
    rows = [json.loads(line) for line in (path / "events.jsonl").read_text().splitlines()]
    assert [row["event"] for row in rows[-2:]] == ["Checkpointed", "Finished"]
    assert rows[-1]["reason"] == "interrupted"


def test_thrown_into_after_a_validation_keeps_the_best_and_the_newest(tmp_path):
    path = tmp_path / "run"
    events, module = started(path, 5)
    best = model_tensors(path / "checkpoints" / "best" / "checkpoint.safetensors")
    now = snapshot(module)
    assert not same(best, now)
    rest = [events.throw(KeyboardInterrupt()), *events]
    assert [type(e) for e in rest] == [Checkpointed, Finished]
    assert (rest[-1].best_step, rest[-1].step) == (3, 5)
    assert same(model_tensors(last(path)), now)
    assert same(read_tensors(path / "model.safetensors"), best)
    assert same(Run(path, build(tiny(), seed=9)).module().state_dict(), best)


@pytest.mark.parametrize("steps", [0, 2, 5])
def test_closing_saves_too(tmp_path, steps):
    path = tmp_path / "run"
    events, module = started(path, steps)
    now = snapshot(module)
    events.close()
    assert read_progress(last(path)).step == steps
    assert same(model_tensors(last(path)), now)
    assert (path / "model.safetensors").is_file()
    assert not [name for name in files_below(path) if "tmp" in name]


class Interrupting(nn.Module):
    """Is interrupted in its nth training step, after having spoiled a weight."""

    def __init__(self, at):
        super().__init__()
        self.inner = build(tiny(), seed=0)
        self.left = at + 1  # the check before training runs it once

    def forward(self, x):
        if self.training:
            self.left -= 1
            if not self.left:
                with torch.no_grad():
                    self.inner.conv.weight.fill_(7.0)
                raise KeyboardInterrupt
        return self.inner(x)


def test_amid_a_step_nothing_of_that_step_is_saved(tmp_path):
    path = tmp_path / "run"
    events = list(train(Interrupting(at=5), toy_source(), quick(epochs=3.0), path))
    end = events[-1]
    assert (end.reason, end.step, end.best_step) == ("interrupted", 4, 3)
    assert read_progress(last(path)).step == 3
    kept = read_tensors(path / "model.safetensors")
    assert kept["inner.conv.weight"].max() < 5
    assert same(kept, model_tensors(path / "checkpoints" / "best" / "checkpoint.safetensors"))


def test_amid_the_first_steps_there_is_nothing_to_keep(tmp_path):
    path = tmp_path / "run"
    events = list(train(Interrupting(at=2), toy_source(), quick(epochs=3.0), path))
    assert (events[-1].reason, events[-1].step, events[-1].best_step) == ("interrupted", 1, None)
    assert not [name for name in files_below(path) if name.endswith("safetensors")]


def test_fit_returns_a_run_that_says_it_is_not_at_its_end(tmp_path):
    def interrupt(event):
        if isinstance(event, StepDone) and event.step == 2:
            os.kill(os.getpid(), signal.SIGINT)

    run = st.fit(tiny(), toy_source(), config=quick(), out=tmp_path / "run", on_event=interrupt)
    assert not run.complete
    assert repr(run).endswith("tiny on toy, 3 classes, 2 epochs, not at its end)")
    run = st.resume(run, toy_source())
    assert run.complete
    assert repr(run).endswith("tiny on toy, 3 classes, 2 epochs)")


def test_what_a_cut_log_says_of_the_end(tmp_path):
    """A run that was killed once its last state was kept is complete, though its log lacks the last word."""
    run = st.fit(tiny(), toy_source(), config=quick(), out=tmp_path / "run")
    log = run.path / "events.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    assert b"Finished" in lines[-1]
    log.write_bytes(b"".join(lines)[:-9])
    assert run.complete
    (run.path / "model.safetensors").unlink()
    assert not run.complete
    list(resume(run.path, toy_source()))
    assert run.complete
    log.unlink()
    assert run.complete  # it has its weights


def test_a_run_that_was_killed_is_not_complete(tmp_path):
    for event in (events := train(tiny(), toy_source(), quick(every_steps=1), tmp_path / "run")):
        if isinstance(event, StepDone) and event.step == 4:
            shutil.copytree(tmp_path / "run", tmp_path / "killed")
    assert not Run(tmp_path / "killed").complete
    assert Run(tmp_path / "run").complete
    events.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("times", [1, 3])
def test_a_signal_that_comes_in_several_at_once_is_one(tmp_path, times):
    """Linux sends it for each thread of a parent that dies."""
    program = (
        "import os, signal, sys\n"
        f"sys.path[:0] = {sys.path!r}\n"
        "import striate as st\n"
        "from toys import quick, tiny, toy_source\n"
        "def end(event):\n"
        "    if getattr(event, 'step', 0) == 2:\n"
        f"        for _ in range({times}):\n"
        "            os.kill(os.getpid(), signal.SIGTERM)\n"
        "            sum(range(1000))  # handlers run between such\n"
        "st.fit(tiny(), toy_source(), config=quick(every_steps=1), out='run', on_event=end)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == -signal.SIGTERM
    rows = [json.loads(line) for line in (tmp_path / "run" / "events.jsonl").read_text().splitlines()]
    assert rows[-1]["event"] == "Finished"
    assert rows[-1]["reason"] == "interrupted"
