"""``striate train --resume`` and ``--prove-resume``, also across processes and signals."""

import json
import signal
import subprocess
import sys

import pytest
from toys import files_below, tiny, write_split_folder

CLI = [sys.executable, "-c", "from striate.cli import main; main()"]


@pytest.fixture
def data(tmp_path):
    return write_split_folder(tmp_path / "set", each=8)


@pytest.fixture
def net(tmp_path):
    tiny(2).save(tmp_path / "net.yaml")
    return tmp_path / "net.yaml"


@pytest.fixture
def given(data, net):
    return ("train", net, "--data", data, "--batch-size", 8, "--device", "cpu", "--no-summary")


def process(*arguments, **options):
    command = [*CLI, *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8", **options
    )


def states(run):
    return {name: (run / name).read_bytes() for name in files_below(run) if name.endswith("safetensors")}


def steps(run):
    rows = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    return [(row["step"], row["loss"]) for row in rows if row["event"] == "StepDone"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGKILL"])
def test_a_process_that_was_ended_is_gone_on_with(striate, given, tmp_path, name):
    number = getattr(signal, name)
    epochs = ("--epochs", 40, "--ema", 0.9, "--health-every", "none")
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert striate(*given, *epochs, "--out", whole).status == 0
    with process(*given, *epochs, "--out", cut, "--json") as training:
        for line in training.stdout:
            event = json.loads(line)
            if event["event"] == "StepDone" and event["step"] == 7:
                training.send_signal(number)
        errors = training.stderr.read()
    assert (training.returncode, errors) == (-number, "")
    done = striate("train", "--resume", cut, "--no-summary")
    assert (done.status, done.err) == (0, "")
    first = done.out.splitlines()[0]
    assert first.startswith("tiny: goes on after step ")
    assert first.endswith(", on cpu")
    assert states(cut) == states(whole)
    assert steps(cut) == steps(whole)
    again = striate("train", "--resume", cut, "--no-summary")
    assert again.out.splitlines()[0].startswith(
        "nothing is left to do: done after 80 steps; best val accuracy "
    )


def test_the_second_process_is_refused(failure, given, tmp_path):
    run = tmp_path / "run"
    with process(*given, "--epochs", 1000000, "--out", run, "--json") as training:
        training.stdout.readline()
        linux = sys.platform == "linux"
        holder = f"another process, number {training.pid}," if linux else "another process"
        assert (
            failure("train", "--resume", run)
            == f"{run}: {holder} is training in it; wait until it ends, or end it first."
        )
        training.kill()


@pytest.fixture
def begun(striate, given, tmp_path):
    assert striate(*given, "--epochs", 2, "--out", tmp_path / "run").status == 0
    return tmp_path / "run"


def test_the_same_command_may_be_given_again(striate, given, begun):
    done = striate(*given, "--epochs", 2, "--resume", begun)
    assert (done.status, done.err) == (0, "")


def test_the_loss_may_be_given_as_it_was(striate, failure, given, tmp_path):
    begun = tmp_path / "run"
    words = (*given, "--epochs", 1, "--loss")
    assert striate(*words, "auto", "--out", begun).status == 0
    assert striate(*words, "auto", "--resume", begun).status == 0
    assert "loss.name=cross-entropy, not focal" in failure(*words, "focal", "--resume", begun, status=2)


def test_what_cannot_be_gone_on_with(failure, given, begun, data, net, tmp_path):
    before = states(begun)
    goes = "a run goes on as it began. Leave the option out, or train anew without --resume."
    assert failure("train", "--resume", begun, "--lr", 0.5, status=2) == (
        f"--resume {begun}: the run began with optimizer.lr=0.002, not 0.5; {goes}"
    )
    assert failure(*given, "--resume", begun, "averaging.ema=0.9", status=2) == (
        f"--resume {begun}: the run began with averaging.ema=None, not 0.9; {goes}"
    )
    assert failure("train", "--resume", begun, "--out", tmp_path / "other", status=2) == (
        "--resume goes on in the folder of the run; leave out --out."
    )
    assert failure("train", "--resume", begun, "--folds", 3, status=2) == (
        "--resume and --folds do not go together; choose one of them."
    )
    assert failure("train", "lenet5", "--resume", begun, status=2) == (
        f"--resume {begun}: the run trains the network 'tiny', and 'lenet5' is another one; a run goes on "
        "with its own network. Leave the network out, or train anew without --resume."
    )
    assert failure("train", "--resume", data) == f"{data}: not a run folder; it has no run.yaml."
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "run.yaml").write_text("kind: something else\n")
    assert failure("train", "--resume", tmp_path / "foreign") == (
        f"{tmp_path / 'foreign'}: its run.yaml is not a striate run's."
    )
    assert failure("train", status=2) == "missing NETWORK, what to train: striate train lenet5 --data digits."
    assert failure("train", net, status=2) == (
        "missing --data SOURCE, what to train on: striate train lenet5 --data digits."
    )
    there = len(list((data / "train").rglob("*.png")))
    next((data / "train").rglob("*.png")).unlink()
    count = f"train had {there} images and has {there - 1}"
    name = f"folder:{data}"
    assert failure("train", "--resume", begun) == (
        f"{name}: is not the data that the run began with, {name}, as it was then: {count}. A run goes "
        "on with the same images and labels alone: bring them back, say where they are now (--data SOURCE, data=…), or "
        "train anew."
    )
    assert states(begun) == before


def test_data_that_was_moved(striate, given, begun, data, tmp_path):
    moved = data.rename(tmp_path / "elsewhere")
    done = striate("train", "--resume", begun, "--data", moved, "--no-summary")
    assert (done.status, done.err) == (0, "")


def test_a_proof(striate, given):
    done = striate(*given, "--epochs", 30, "--augment", "cifar", "--prove-resume", "--json")
    assert (done.status, done.err) == (0, "")
    proof = json.loads(done.out)
    assert proof["identical"]
    assert proof["difference"] is None
    assert len(proof["lives"]) == 4
    assert all(life["ended"] >= life["began"] for life in proof["lives"])
    assert proof["lives"][-1]["ended"] == proof["steps"]
