"""``striate eval`` of a run that was cut short says so, and how it goes on."""

import json
import shutil
from pathlib import Path

import pytest
from toys import quick, tiny, write_split_folder

from striate.train import Checkpointed, train


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """A run of 12 steps, whole, and as a process that was killed after step 4 leaves it."""
    monkeypatch.chdir(tmp_path)
    write_split_folder(tmp_path / "set")
    for event in train(tiny(2), "set", quick(batch_size=2, epochs=3.0), Path("whole")):
        if isinstance(event, Checkpointed) and (event.step, event.which) == (4, "last"):
            shutil.copytree("whole", "cut")


def test_the_note(striate, runs):
    whole, cut = (striate("eval", run, "--device", "cpu") for run in ("whole", "cut"))
    assert (whole.status, cut.status, whole.err, cut.err) == (0, 0, "", "")
    assert whole.out.startswith("test: accuracy ")
    note, first, *_ = cut.out.splitlines()
    assert note == "note: the run is not at its end: step 4 of 12; striate train --resume cut goes on."
    assert first.startswith("test: accuracy ")


def test_json_has_it_beside(striate, runs):
    done = striate("eval", "cut", "--json", "--device", "cpu")
    assert set(json.loads(done.out)) == set(json.loads(striate("eval", "whole", "--json").out))
    assert done.err.startswith("note: the run is not at its end: step 4 of 12;")


def test_a_run_whose_log_or_checkpoint_is_lost_is_measured_still(striate, runs):
    Path("cut/events.jsonl").unlink()
    done = striate("eval", "cut", "--device", "cpu")
    assert done.status == 0
    assert done.out.startswith(
        "note: the run is not at its end; striate train --resume cut goes on.\ntest: accuracy"
    )


def test_predict_says_nothing(striate, runs):
    done = striate("predict", "cut", "set/test/cat/0.png", "--device", "cpu")
    assert (done.status, done.err) == (0, "")
    assert "note" not in done.out
