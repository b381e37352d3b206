"""A process that is killed, or hangs."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from together_cases import start_two

from striate import Run
from striate.train import Resumed, resume

_NPROC = ["-m", "striate", "train", "lenet5", "--data", "digits", "--nproc", "2", "--device", "cpu"]
_FEW = ["--epochs", "20", "--plan", "plain", "--no-summary", "checkpoints.every_steps=5"]


def test_a_process_that_hangs_is_given_up_and_named(tmp_path):
    script = __file__.replace("test_lost_processes", "train_and_tell")
    folders = [tmp_path, tmp_path]
    processes = start_two(script, tmp_path / "run", 5, folders=folders, STRIATE_DIST_TIMEOUT="0.05")
    try:
        out, err = processes[0].communicate(timeout=60)
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    assert (processes[0].returncode, err) == (1, "")
    assert out == (
        "DistributedError: rank 1 of 2 said nothing for 3 s (STRIATE_DIST_TIMEOUT, in minutes), as rank 0 found; "
        "torchrun starts all of them again, if it still may; else go on from the last checkpoint with --resume RUN.\n"
    )
    assert steps_told(tmp_path / "run") == [1, 2, 3, 4, 5]


def children(pid):
    """Return the processes that ``pid`` started, by their rank."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            words = dict(w.split("=", 1) for w in (folder / "environ").read_text().split("\0") if "=" in w)
        except (OSError, ValueError):
            continue
        if parent == pid and "RANK" in words:
            found[int(words["RANK"])] = int(folder.name)
    return found


def steps_told(run):
    try:
        lines = (run / "events.jsonl").read_text().splitlines(keepends=True)
    except OSError:
        return []
    rows = [json.loads(line) for line in lines if line.endswith("\n")]
    return [row["step"] for row in rows if row["event"] == "StepDone"]


@pytest.fixture
def launched(tmp_path):
    """A function that starts a command in a folder of its own; whatever is left of it ends with the test."""
    started = []

    def start(*arguments):
        command = [sys.executable, *map(str, arguments)]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.terminate()
        process.communicate(timeout=60)


def wait_for(told, process):
    end = time.monotonic() + 60
    while not told():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")
def test_killed_started_again_and_then_told_to_end(launched, tmp_path):
    process = launched(*_NPROC, *_FEW)
    run = tmp_path / "runs" / "lenet5-1"
    wait_for(lambda: len(steps_told(run)) >= 12, process)
    os.kill(children(process.pid)[0], signal.SIGKILL)  # the one that writes
    wait_for(lambda: "Resumed" in (run / "events.jsonl").read_text(), process)
    begun = len(steps_told(run))
    wait_for(lambda: len(steps_told(run)) >= begun + 10, process)
    process.terminate()
    told, _ = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGTERM, told
    assert (
        told.count("rank 0 of 2 is gone, as rank 1 found") <= 1
    )  # unless it was ended before it could say so
    assert told.count("goes on after step") == 1
    assert told.count("interrupted, and saved after") == 1
    assert "Traceback" not in told
    assert [path.name for path in run.parent.iterdir()] == ["lenet5-1"]
    done = len(steps_told(run))
    assert begun + 10 <= done < 360
    assert steps_told(run) == list(range(1, done + 1))
    first, *_ = resume(run)  # by one process
    assert (type(first), first.step) == (Resumed, done)
    assert steps_told(run) == list(range(1, 361))
    assert Run(run).evaluate("val").accuracy > 0.9


def alive(number):
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent is gone")
def test_processes_end_saved_when_the_one_that_launched_them_is_killed(launched, tmp_path):
    process = launched(*_NPROC, "--epochs", "400", *_FEW[2:])
    run = tmp_path / "runs" / "lenet5-1"
    wait_for(lambda: len(steps_told(run)) >= 12, process)
    workers = children(process.pid).values()
    assert len(workers) == 2
    process.kill()
    end = time.monotonic() + 60
    while any(map(alive, workers)):
        assert time.monotonic() < end
        time.sleep(0.05)
    done = len(steps_told(run))
    assert steps_told(run) == list(range(1, done + 1))
    rest = resume(run)
    assert next(rest).step == done
    rest.close()
