"""``striate plan``: the table of what steps take here; and what ``striate train`` says of its plan."""

import json

import numpy as np
import pytest
import torch
import yaml
from toys import stripes, tiny

from striate.train.config import ExecutionConfig
from striate.train.plan import Plan, execution, searching
from striate.train.plan.checking import Deviation
from striate.train.plan.measuring import Bench, Measured

FIELDS = ["precision", "memory_format", "threads", "fused", "ahead", "compiled_from", "micro_batch"]


@pytest.fixture(autouse=True)
def nothing_known(tmp_path, monkeypatch):
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    monkeypatch.setattr(searching, "ready", lambda patience: False)  # the code of fused layers


@pytest.fixture
def net(tmp_path):
    tiny().save(tmp_path / "net.yaml")
    return tmp_path / "net.yaml"


@pytest.fixture
def data(tmp_path):
    (images, targets), (more, others) = stripes(48), stripes(24, 1)
    arrays = {"x_train": images[:, 0], "y_train": targets, "x_val": more[:, 0], "y_val": others}
    np.savez(tmp_path / "toy.npz", **arrays)
    return tmp_path / "toy.npz"


@pytest.fixture
def timed(monkeypatch):
    """Have bf16 in channels last take a tenth of the time, and bf16 as described be wrong."""
    far = Deviation(
        layer=float("inf"),
        path="conv",
        outputs=0.25,
        gradients=float("nan"),
        most_layer=0.1,
        most_outputs=0.5,
        most_gradients=0.5,
    )

    def measure(self, plan, repeats, until=0.0, least=0.0, slowest=0.0):
        fast = (plan.precision, plan.memory_format) == ("bf16", "channels_last")
        wrong = (plan.precision, plan.memory_format) == ("bf16", "contiguous")
        seconds = 0.02 if fast else 0.2
        return Measured(plan=plan, seconds=seconds, repeats=repeats, deviation=far if wrong else None)

    monkeypatch.setattr(Bench, "measure", measure)
    monkeypatch.setattr(Bench, "checked", lambda self, row: row)


@pytest.mark.parametrize("source", [None, "toy.npz", "npz:toy.npz"], ids=["noise", "file", "kind and file"])
def test_a_real_table(striate, net, data, monkeypatch, source):
    monkeypatch.chdir(net.parent)
    done = striate("plan", "net.yaml", *(["--data", source] if source else []), "--batch-size", 8)
    assert (done.status, done.err) == (0, "")
    head, columns, *rows, foot = done.out.splitlines()
    assert head == "tiny, 8 images, on cpu: a forward and a backward pass"
    assert columns.split() == ["ms", "faster", "a", "layer", "outputs", "gradients"]
    assert rows[0][2:32] == "fp32, contiguous, 1 thread    "
    assert rows[0].endswith("1.00×")
    assert sum(row.startswith("→ ") for row in rows) == 1
    assert foot.startswith("Errors are shares of the length in float32")
    assert all(line == line.rstrip() for line in done.out.splitlines())
    assert sorted(path.name for path in net.parent.iterdir()) == ["cache", "net.yaml", "toy.npz"]


@pytest.mark.usefixtures("timed")
def test_the_chosen_row_is_marked(striate, net):
    lines = striate("plan", net).out.splitlines()
    assert [line for line in lines if line.startswith("→")] == [
        "→ bf16, channels last, 1 thread                20.0  10.00×"
    ]
    at = next(number for number, line in enumerate(lines) if line.startswith("  bf16, contiguous"))
    assert lines[at] == (
        "  bf16, contiguous, 1 thread                  200.0   1.00×       inf   2.5e-01        nan"
    )
    assert lines[at + 1] == "    not used: off by inf of the layer conv, and 0.1 is accepted"


def refuse(name):
    raise AssertionError(f"{name} is no JSON")


@pytest.mark.usefixtures("timed")
def test_json(striate, net):
    out = striate("plan", net, "--json").out
    told = json.loads(out, parse_constant=refuse)
    assert list(told) == ["network", "batch_size", "device", "chosen", "plans"]
    assert (told["network"], told["batch_size"], told["device"]) == ("tiny", 64, "cpu")
    assert told["chosen"] == Plan(precision="bf16", memory_format="channels_last").to_data()
    for row in told["plans"]:
        assert list(row) == [
            *FIELDS, "seconds", "speedup", "preparation", "repeats", "deviation", "refused", "chosen",
        ]  # fmt: skip
        assert row["chosen"] is ({name: row[name] for name in FIELDS} == told["chosen"])
    assert [row["speedup"] for row in told["plans"] if row["chosen"]] == [10.0]
    (wrong,) = [row for row in told["plans"] if row["refused"]]
    assert (wrong["deviation"]["layer"], wrong["deviation"]["gradients"]) == (None, None)
    assert wrong["deviation"]["outputs"] == 0.25


@pytest.mark.usefixtures("timed")
def test_what_is_asked_for_bounds_what_is_tried(striate, net):
    told = json.loads(striate("plan", net, "--precision", "fp32", "--threads", 2, "--json").out)
    assert {row["precision"] for row in told["plans"]} == {"fp32"}
    assert {row["threads"] for row in told["plans"]} == {2}


def test_another_input(striate, net):
    told = json.loads(striate("plan", net, "--input", "3x16x16", "--batch-size", 4, "--json").out)
    assert told["batch_size"] == 4


OPTIONS = [
    (("--precision", "fp8"), 2, "'auto', 'fp32', 'tf32', 'bf16-math', 'bf16' or 'fp16'"),
    (("--precision", "tf32"), 1, "--precision 'tf32': must be fp32, bf16-math, bf16, fp16 on cpu."),
    (("--memory-format", "nhwc"), 2, "'auto', 'contiguous' or 'channels_last'"),
    (("--compile", "maybe"), 2, "'auto', 'on' or 'off'"),
    (("--plan", "fast"), 2, "'auto' or 'plain'"),
    (("--threads", "0"), 2, "greater than or equal to 1"),
    (("--micro-batch", "-3"), 2, "greater than or equal to 1"),
    (("--batch-size", "0"), 2, "greater than or equal to 1"),
    (("--input", "3x8"), 2, "write 3x224x224"),
    (("--input", "1x2x2"), 1, "conv (Conv) cannot take (1, 2, 2)"),
    (("--data", "nowhere"), 1, "no data called 'nowhere'"),
    (("--device", "abacus"), 1, "--device 'abacus'"),
]


@pytest.mark.parametrize(
    ("options", "status", "text"), OPTIONS, ids=[" ".join(options) for options, _, _ in OPTIONS]
)
def test_bad_options(failure, net, options, status, text):
    message = failure("plan", net, *options, status=status)
    assert text in message
    assert "\n" not in message


def test_no_network(failure):
    assert failure("plan", "nonet").startswith("unknown network 'nonet'.")


def test_compiling_without_a_compiler(failure, net, data, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    for command in (("plan", net), ("train", net, "--data", data)):
        assert failure(*command, "--compile", "on").startswith("--compile 'on': needs a C++ compiler")


def test_training_tells_its_plan(striate, net, data, tmp_path):
    asked = ("--precision", "bf16", "--micro-batch", 8, "--plan", "plain")
    done = striate(
        "train", net, "--data", data, "--epochs", 0.4, "--batch-size", 16, *asked, "--out", tmp_path / "run"
    )
    assert done.status == 0
    (line,) = [line for line in done.err.splitlines() + done.out.splitlines() if line.startswith("plan: ")]
    assert line == "plan: bf16, channels last, 1 thread, 8 images at a time"
    kept = yaml.safe_load((tmp_path / "run" / "run.yaml").read_text())
    assert kept["plan"] == Plan(precision="bf16", memory_format="channels_last", micro_batch=8).to_data()
    assert kept["training"]["execution"] == {
        **{name: getattr(ExecutionConfig(), name) for name in ExecutionConfig.__dataclass_fields__},
        "plan": "plain",
        "precision": "bf16",
        "micro_batch": 8,
    }


@pytest.mark.usefixtures("timed")
def test_training_takes_what_was_planned(striate, net, data, tmp_path):
    train = ("train", net, "--data", data, "--epochs", 1, "--batch-size", 16, "--out")
    first = striate(*train, tmp_path / "before")  # three steps are too few to try anything
    assert "plan: fp32, contiguous, 1 thread\n" in first.err + first.out
    striate("plan", net, "--data", data, "--batch-size", 16)
    second = striate(*train, tmp_path / "after")
    assert "plan: bf16, channels last, 1 thread\n" in second.err + second.out


def test_training_tells_where_memory_runs_out(striate, net, data, tmp_path, monkeypatch):
    inner = execution.Execution.losses

    def losses(self, images, targets, step=0):
        if len(images) > 8:
            raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes")
        return inner(self, images, targets, step)

    monkeypatch.setattr(execution.Execution, "losses", losses)
    options = ("--epochs", 0.4, "--batch-size", 16, "--plan", "plain", "--out", tmp_path / "run")
    done = striate("train", net, "--data", data, *options)
    assert done.status == 0
    assert (
        "note: memory ran out, and steps go on with 8 images at a time: "
        "DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes"
    ) in done.err + done.out
