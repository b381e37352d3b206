"""What a proof says of two runs, whose files and logs are made here."""

import json
import shutil

import pytest
import torch
from toys import message_of, quick, tiny, toy_source, trained, write_split_folder

from striate.errors import ConfigError
from striate.train import RunFolder
from striate.train.keeping.checkpoint import Checkpoint
from striate.train.keeping.proof import Life, Proof, _difference, prove_resume


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("proof") / "run"
    trained(path)
    return RunFolder.open(path)


@pytest.fixture
def other(run, tmp_path):
    shutil.copytree(run.path, tmp_path / "other")
    return RunFolder.open(tmp_path / "other")


def test_the_same(run, other):
    assert _difference(run, other) is None


def edit(folder, change):
    rows = [json.loads(line) for line in folder.log.read_text().splitlines()]
    folder.log.write_text("".join(json.dumps(row) + "\n" for row in change(rows)))


def test_another_loss(run, other):
    def change(rows):
        for row in rows:
            if row["event"] == "StepDone" and row["step"] >= 3:
                row["loss"] += 1e-15
        return rows

    edit(other, change)
    assert _difference(run, other).startswith("step 3 is the first whose loss differs: ")


@pytest.mark.parametrize("step", [2, 6])
def test_a_step_that_is_missing(run, other, step):
    edit(other, lambda rows: [r for r in rows if not (r["event"] == "StepDone" and r["step"] == step)])
    assert (
        _difference(run, other)
        == {
            2: "the log of the killed run goes on with step 3 where 2 is next",
            6: "6 steps in the one log, 5 in the other",
        }[step]
    )


def test_another_weight(run, other):
    path = other.last / "checkpoint.safetensors"
    state = Checkpoint.read(path)
    tensors = dict(state.tensors)
    name = "optimizer/1/exp_avg"
    tensors[name] = torch.nextafter(tensors[name], torch.ones(1))
    Checkpoint(state.progress, tensors, state.groups).write(path)
    assert _difference(run, other) == f"{name} is the first tensor of the checkpoint that differs"


def test_what_is_printed():
    proof = Proof(
        network="n",
        data="d",
        steps=20,
        lives=(Life(0, 9), Life(6, 15), Life(12, 20)),
        size=12345,
        difference=None,
    )
    assert str(proof).splitlines() == [
        "n on d: 20 steps in two runs, one killed 2 times",
        "killed at step 9, resumed from 6",
        "killed at step 15, resumed from 12",
        "the same 12,345 bytes of weights and state, the same 20 losses",
    ]


def test_a_training_that_stops_early(tmp_path):
    """What is said is what was done: kills that came too late are none."""
    folder = write_split_folder(tmp_path / "set", each=8)
    config = quick(epochs=60.0, lr=1e-9, patience=1, batch_size=8)
    proof = prove_resume(tiny(2), str(folder), config, kills=1)
    assert proof.identical
    images = len(list((folder / "train").rglob("*.png")))
    assert proof.steps in (2 * images // 8, 3 * images // 8)  # two epochs, or three if the second is better
    assert len(proof.lives) == 2
    assert proof.lives[0].ended < proof.steps == proof.lives[1].ended


def test_what_cannot_be_proven():
    assert message_of(ConfigError, prove_resume, tiny(), "digits", quick(), kills=0).startswith("kills=0: ")
    assert "reach another process" in message_of(ConfigError, prove_resume, torch.nn.Flatten(), "digits")
    assert "reach another process" in message_of(ConfigError, prove_resume, tiny(), toy_source())
