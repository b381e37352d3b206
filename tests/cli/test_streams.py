"""What a user sees while a run goes on: in a file, in a pipe, in an encoding that lacks the characters."""

import os
import pty
import subprocess
import sys

import pytest
from toys import tiny

CLI = [sys.executable, "-c", "from striate.cli import main; main()"]
TRAIN = ["train", "net.yaml", "--data", "digits", "--batch-size", "64", "--device", "cpu"]


@pytest.fixture
def folder(tmp_path):
    tiny(classes=10).save(tmp_path / "net.yaml")
    return tmp_path


def environment(**more):
    return {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"} | {"OMP_NUM_THREADS": "1"} | more


def test_a_file_gets_the_lines_also_where_the_bar_is_drawn_on_a_terminal(folder):
    ours, terminal = pty.openpty()
    with (folder / "log").open("w") as log:
        done = subprocess.run(
            [*CLI, *TRAIN, "--epochs", "1"],
            cwd=folder,
            stdout=log,
            stderr=terminal,
            env=environment(),
            check=False,
        )
    os.close(terminal)
    os.close(ours)
    lines = (folder / "log").read_text().splitlines()
    assert done.returncode == 0
    assert lines[0] == "tiny: 410 parameters, 1,149 train, 289 val images, on cpu"
    assert lines[1].startswith("plan: ")
    assert lines[2].startswith("warning: step 1: the loss begins at ")
    assert lines[3].startswith("epoch 1: val loss ")
    assert lines[-2:] == ["run folder: runs/tiny-1", "summary: runs/tiny-1/summary.html"]


def test_a_pipe_gets_each_line_at_once(folder):
    command = [*CLI, *TRAIN, "--epochs", "100000"]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, text=True, env=environment()
    ) as process:
        try:
            assert process.stdout.readline().startswith("tiny: 410 parameters")
            assert process.stdout.readline().startswith("plan: ")
            assert process.stdout.readline().startswith("warning: step 1: the loss begins at ")
            assert process.stdout.readline().startswith("epoch 1: ")
            assert process.poll() is None, "the run was to go on"
        finally:
            process.kill()


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_an_encoding_that_lacks_characters(encoding):
    done = subprocess.run(
        [*CLI, "inspect", "alexnet", "--work", "conv1"],
        capture_output=True,
        env=environment(PYTHONIOENCODING=encoding),
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    floor = {"utf-8": "⌊", "ascii": "\\u230a", "cp1252": "\\u230a"}[encoding]
    assert floor.encode("utf-8") in done.stdout
