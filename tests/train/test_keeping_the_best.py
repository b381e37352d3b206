"""The best checkpoint is what is kept, and patience ends a run that gets no better."""

import shutil

import pytest
import torch
from toys import message_of, quick, tiny, toy_source

from striate.errors import RunError
from striate.nn import build, read_tensors
from striate.train import (
    Checkpointed,
    Evaluation,
    Finished,
    Resumed,
    RunFolder,
    StepDone,
    Validated,
    resume,
    train,
    validating,
)
from striate.train.keeping.checkpoint import model_tensors, read_progress
from striate.train.keeping.kept import read_best


@pytest.fixture
def scripted(monkeypatch):
    """Make the validations of a run come out as told: ``(accuracy, loss)`` each."""

    def follow(scores):
        left = iter(scores)

        def evaluate(*_):
            accuracy, loss = next(left)
            return Evaluation("val", 24, accuracy, 1.0, loss, (), ())

        monkeypatch.setattr(validating, "evaluate", evaluate)

    return follow


def run(path, epochs, **options):
    """Train a module of our own; return the events and the weights at each validation, by step."""
    module = build(tiny(), seed=0)
    weights, events = {}, []
    for event in train(module, toy_source(), quick(epochs=float(epochs), **options), path):
        events.append(event)
        if isinstance(event, Validated):
            weights[event.step] = {n: v.clone() for n, v in module.state_dict().items()}
    return module, events, weights


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[n], b[n]) for n in a)


@pytest.mark.parametrize(
    ("scores", "best"),
    [
        ([(0.5, 1.0), (0.7, 2.0), (0.6, 0.1), (0.6, 0.1)], 2),
        ([(0.5, 1.0), (0.5, 0.9), (0.5, 0.95), (0.5, 0.9)], 2),  # of equal accuracies the lower loss
        ([(0.9, 1.0), (0.5, 0.1), (0.5, 0.1), (0.5, 0.1)], 1),
        ([(0.1, 9.0), (0.2, 9.0), (0.3, 9.0), (0.4, 9.0)], 4),
        ([(0.0, 5.0), (0.0, 5.0), (0.0, 5.0), (0.0, 5.0)], 1),
    ],
)
def test_the_best_weights_are_kept(scripted, tmp_path, scores, best):
    scripted(scores)
    module, events, weights = run(tmp_path / "run", epochs=4)
    steps = sorted(weights)
    assert steps == [3, 6, 9, 12]
    assert not same(weights[3], weights[12])
    kept = read_tensors(tmp_path / "run" / "model.safetensors")
    assert same(kept, weights[steps[best - 1]])
    assert same(module.state_dict(), kept)
    checkpoints = tmp_path / "run" / "checkpoints"
    assert same(model_tensors(checkpoints / "best" / "checkpoint.safetensors"), kept)
    assert same(model_tensors(checkpoints / "last" / "checkpoint.safetensors"), weights[12])
    end = events[-1]
    assert (end.reason, end.step, end.best_step, end.best_accuracy) == (
        "completed",
        12,
        steps[best - 1],
        scores[best - 1][0],
    )
    progress = read_progress(checkpoints / "last" / "checkpoint.safetensors")
    assert progress.step == 12
    assert progress.best == (end.best_step, *scores[best - 1])
    assert progress.waited == 4 - best


@pytest.mark.parametrize(
    ("patience", "scores", "epochs_done", "reason"),
    [
        (1, [(0.5, 1.0), (0.4, 1.0)], 2, "early stop"),
        (2, [(0.5, 1.0), (0.4, 1.0), (0.6, 1.0), (0.6, 1.1), (0.1, 0.1)], 5, "early stop"),
        (3, [(0.5, 1.0), (0.4, 1.0), (0.4, 1.0), (0.5, 0.9), *[(0.1, 1.0)] * 2], 6, "completed"),
        (2, [(0.5, 1.0), *[(0.4, 1.0)] * 2], 3, "early stop"),
        (None, [(0.5, 1.0), *[(0.4, 1.0)] * 5], 6, "completed"),
        (5, [(0.5, 1.0), *[(0.4, 1.0)] * 5], 6, "completed"),
    ],
)
def test_patience(scripted, tmp_path, patience, scores, epochs_done, reason):
    scripted(scores)
    _, events, weights = run(tmp_path / "run", epochs=6, patience=patience)
    end = events[-1]
    assert isinstance(end, Finished)
    assert (end.reason, end.step) == (reason, 3 * epochs_done)
    assert sum(isinstance(e, StepDone) for e in events) == 3 * epochs_done
    # The newest state is safe too, not only the best.
    assert isinstance(events[-2], Checkpointed)
    assert (events[-2].which, events[-2].step) == ("last", 3 * epochs_done)
    last = tmp_path / "run" / "checkpoints" / "last" / "checkpoint.safetensors"
    assert same(model_tensors(last), weights[3 * epochs_done])


def test_a_kill_between_the_best_and_the_newest_costs_neither(scripted, tmp_path):
    """The best of the state that is gone back to is there, though a later one had taken its place already."""
    scripted([(0.5, 1.0), (0.7, 1.0), (0.9, 1.0)] * 2)
    whole = tmp_path / "whole"
    events = train(tiny(), toy_source(), quick(epochs=3.0), whole)
    for event in events:
        if isinstance(event, Checkpointed) and event.which == "best":
            shutil.copytree(whole, tmp_path / f"killed-{event.step}")  # before the newest state was written
    for step, before in ((6, 3), (9, 6)):
        killed = tmp_path / f"killed-{step}"
        best = killed / "checkpoints" / "best"
        assert sorted(p.name for p in best.iterdir()) == ["checkpoint.safetensors", "replaced.safetensors"]
        assert read_progress(best / "checkpoint.safetensors").step == step
        events = resume(killed, toy_source())
        assert isinstance(next(events), Resumed)
        finished = [events.throw(KeyboardInterrupt()), *events][-1]
        assert (finished.reason, finished.best_step, finished.notes) == ("interrupted", before, ())
        assert [p.name for p in best.iterdir()] == ["checkpoint.safetensors"]
        assert same(
            read_tensors(killed / "model.safetensors"), model_tensors(best / "checkpoint.safetensors")
        )
        assert read_progress(best / "checkpoint.safetensors").step == before
    assert [p.name for p in (whole / "checkpoints" / "best").iterdir()] == ["checkpoint.safetensors"]


def test_a_best_that_is_of_another_step(scripted, tmp_path):
    scripted([(0.5, 1.0), (0.9, 1.0)])
    run(tmp_path / "run", epochs=1)
    path = tmp_path / "run" / "checkpoints" / "best" / "checkpoint.safetensors"
    assert read_best(RunFolder.open(tmp_path / "run"), 3).progress.step == 3
    assert message_of(RunError, read_best, RunFolder.open(tmp_path / "run"), 2) == (
        f"{path}: is not of step 2, which was the best."
    )
