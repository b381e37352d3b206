"""Whole processes: what is loaded, an interrupt, a closed pipe."""

import json
import signal
import subprocess
import sys

import pytest
from PIL import Image
from toys import NAMES

from striate import Run
from striate.train import TrainConfig
from striate.train.keeping.checkpoint import read_progress

CLI = [sys.executable, "-c", "from striate.cli import main; main()"]
HEAVY = ["torch", "sklearn", "scipy", "safetensors", "tensorboard", "PIL", "matplotlib"]
PROBE = f"""
import sys
from striate.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    print([m for m in {HEAVY} if m in sys.modules], end.code, file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--help"], 0),
        (["--version"], 0),
        (["inspect", "lenet5"], 0),
        (["inspect", "resnet18", "--json"], 0),
        (["inspect", "alexnet", "--work", "conv1"], 0),
        (["inspect", "nothing"], 1),
        (["zoo"], 0),
        (["train", "--help"], 0),
        (["eval", "--help"], 0),
        (["predict", "--help"], 0),
        (["trian"], 2),
        (["train", "lenet5", "--data", "digits", "--lr", "-1"], 2),
    ],
)
def test_what_needs_no_torch_loads_none(arguments, status):
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments], capture_output=True, text=True, check=False
    )
    assert done.stderr.splitlines()[-1] == f"[] {status}"


def test_a_picture_takes_no_torch_either(tmp_path):
    arguments = ["inspect", "lenet5", "--plot", str(tmp_path / "net.svg")]
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments], capture_output=True, text=True, check=False
    )
    assert done.stderr.splitlines() == [f"picture: {tmp_path / 'net.svg'}", "['PIL', 'matplotlib'] 0"]


def test_interrupted_training_ends_well(tmp_path):
    path = tmp_path / "run"
    arguments = [
        "train",
        "lenet5",
        "--data",
        "digits",
        "--epochs",
        "1000",
        "--device",
        "cpu",
        "--out",
        str(path),
    ]
    events = []
    with subprocess.Popen(
        [*CLI, *arguments, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        for line in process.stdout:
            events.append(json.loads(line))
            if events[-1]["event"] == "StepDone" and events[-1]["step"] == 3:
                process.send_signal(signal.SIGINT)
        errors = process.stderr.read()
    assert (process.returncode, errors) == (0, "")
    assert [e["event"] for e in events[-2:]] == ["Checkpointed", "Finished"]
    end = events[-1]
    assert end["reason"] == "interrupted"
    assert 3 <= end["step"] < 1000 * 18
    assert read_progress(path / "checkpoints" / "last" / "checkpoint.safetensors").step == end["step"]
    run = Run(path)
    assert run.module().c1.weight.shape == (6, 1, 5, 5)
    assert run.record.training == TrainConfig(epochs=1000, device="cpu", loss="cross-entropy")
    assert run.evaluate("val").images == 289


def test_an_interrupt_while_loading_is_no_traceback(tmp_path):
    program = (
        "import striate.data, signal, os\n"
        "striate.data.open_source = lambda name: os.kill(os.getpid(), signal.SIGINT)\n"
        "from striate.cli import main\n"
        f"main(['train', 'lenet5', '--data', 'digits', '--out', {str(tmp_path / 'run')!r}])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 130  # as shells count: 128 and the number of the signal
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_closed_pipe_is_no_traceback():
    with subprocess.Popen(
        [*CLI, "inspect", "vgg16"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.close()
        errors = process.stderr.read()
    assert errors == ""
    assert process.returncode == 1


def test_a_run_made_by_a_process_is_read_by_another(toy_run, tmp_path):
    Image.new("L", (20, 20), 30).save(tmp_path / "grey.png")
    done = subprocess.run(
        [*CLI, "predict", str(toy_run), str(tmp_path / "grey.png"), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    (row,) = json.loads(done.stdout)
    assert {guess["class"] for guess in row["top"]} == set(NAMES)
