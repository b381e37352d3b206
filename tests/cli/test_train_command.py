"""``striate train``: a run folder; every option of the configuration is a flag."""

import dataclasses
import inspect
import json

import pytest
import yaml
from toys import files_below, tiny, write_split_folder

from striate import Run
from striate.cli.train_command import command
from striate.train import TrainConfig
from striate.train.config import GROUPS, LEAVES
from striate.zoo import lenet5

FIELDS = dataclasses.fields(TrainConfig)


@pytest.fixture
def data(tmp_path):
    return write_split_folder(tmp_path / "set", each=8)


@pytest.fixture
def net(tmp_path):
    tiny(2).save(tmp_path / "net.yaml")
    return tmp_path / "net.yaml"


def options():
    """Return the name of each option that a flag can set, and its field."""
    for field in FIELDS:
        if field.name not in GROUPS:
            yield field.name, field
            continue
        for own in dataclasses.fields(GROUPS[field.name]):
            if own.name != "groups":  # which are mappings, and an override
                yield field.name if own.name == "name" else own.name, own


def test_every_option_is_a_flag_that_tells_its_default(striate):
    parameters = inspect.signature(command).parameters
    help = " ".join(striate("train", "--help").out.split())
    for name, field in options():
        assert parameters[name].default is None
        told = f"--{name.replace('_', '-')} "
        assert told in help
        default = "" if field.default in (None, False, ()) else f" [default: {field.default}]"
        default = default.replace("(0.9, 0.999)", "0.9,0.999")
        assert f"{field.metadata['help']}{default}" in help
    own = {"network", "data", "out", "input", "as_json", "overrides", "config_file"}
    own |= {"context", "log", "nproc", "summary"}
    own |= {"folds", "members", "bagging", "find_lr", "plot", "sanity", "resume", "prove_resume"}
    assert set(parameters) == {name for name, _ in options()} | own


WANTED = {
    "recipe": None,
    "epochs": 0.5,
    "batch_size": 4,
    "seed": 123,
    "device": "cpu",
    "init": "orthogonal",
    "patience": 7,
    "execution": {
        "plan": "plain",
        "precision": "bf16",
        "memory_format": "contiguous",
        "compile": "off",
        "micro_batch": 3,
        "sync_batchnorm": True,
        "threads": 1,
    },
    "optimizer": {
        "name": "sgd",
        "lr": 0.03,
        "momentum": 0.8,
        "nesterov": True,
        "betas": [0.8, 0.9],
        "eps": 1e-6,
        "smoothing": 0.8,
        "weight_decay": 0.002,
        "decay_all": True,
        "lookahead": 5,
        "lookahead_share": 0.4,
        "groups": [{"paths": "head.*", "lr_factor": 0.5, "weight_decay": None}],
    },
    "schedule": {
        "name": "multi-step",
        "warmup": 0.25,
        "floor": 0.01,
        "factor": 0.2,
        "every": 2.0,
        "at": [0.25],
        "growth": 3.0,
        "plateau": 4,
    },
    "loss": {
        "name": "focal",
        "label_smoothing": 0.1,
        "focus": 1.5,
        "class_weights": "balanced",
        "sampling": "balanced",
    },
    "regularization": {
        "l1": 1e-5,
        "l2": 1e-4,
        "max_norm": 3.0,
        "clip_norm": 1.0,
        "clip_value": 0.5,
        "gradient_noise": 0.01,
    },
    "averaging": {"ema": 0.99, "swa": None, "swa_every": 2},
    "checkpoints": {"every_steps": 2, "every_minutes": 5.0, "keep_best": 3},
    "health": {"health_every": 2},
    "images": {
        "preprocess": "gcn+per-pixel",
        "resize": "cover",
        "channel_order": "rgb",
        "augment": "cifar",
        "stored_size": 10,
        "skip_bad_images": True,
    },
}


def test_the_flags_arrive(striate, data, net, tmp_path):
    words = []
    for name, _ in options():
        group = LEAVES.get(name, name if name in GROUPS else None)
        value = WANTED[name] if group is None else WANTED[group]["name" if name == group else name]
        if value is not None:
            said = ",".join(map(str, value)) if isinstance(value, list) else value
            words += [f"--{name.replace('_', '-')}"] + ([] if value is True else [said])
    overrides = ["groups=[{paths: head.*, lr_factor: 0.5}]"]
    done = striate("train", net, *overrides, "--data", data, "--out", tmp_path / "run", *words)
    assert (done.status, done.err) == (0, "")
    assert yaml.safe_load((tmp_path / "run" / "run.yaml").read_text())["training"] == WANTED


@pytest.mark.parametrize("text", ["0.5,0.75", "[0.5, 0.75]", "(.5,75e-2)"])
def test_numbers_in_a_row(striate, data, net, tmp_path, text):
    words = [
        "--schedule",
        "multi-step",
        "--at",
        text,
        "--betas",
        text,
        "--epochs",
        1,
        "--class-weights",
        "1,2.5",
    ]
    done = striate("train", net, "--data", data, "--out", tmp_path / "run", *words)
    assert (done.status, done.err) == (0, "")
    training = yaml.safe_load((tmp_path / "run" / "run.yaml").read_text())["training"]
    assert training["schedule"]["at"] == training["optimizer"]["betas"] == [0.5, 0.75]
    assert training["loss"]["class_weights"] == [1.0, 2.5]


def test_flags_beat_overrides_which_beat_the_file(striate, data, net, tmp_path):
    file = tmp_path / "training.yaml"
    file.write_text("epochs: 1\nbatch_size: 8\noptimizer: {name: sgd, lr: 0.5, momentum: 0.1}\n")
    given = ["--config", file, "--lr", 0.01]
    done = striate(
        "train", net, "optimizer.lr=0.2", "momentum=0.3", "--data", data, "--out", tmp_path / "run", *given
    )
    assert (done.status, done.err) == (0, "")
    training = yaml.safe_load((tmp_path / "run" / "run.yaml").read_text())["training"]
    optimizer = training["optimizer"]
    assert (training["epochs"], training["batch_size"]) == (1.0, 8)
    assert (optimizer["name"], optimizer["lr"], optimizer["momentum"]) == ("sgd", 0.01, 0.3)
    again = striate(
        "train", net, "--config", tmp_path / "run" / "run.yaml", "--data", data, "--out", tmp_path / "b"
    )
    assert again.status == 0
    assert yaml.safe_load((tmp_path / "b" / "run.yaml").read_text())["training"] == training


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["optimizer.lrr=1"], "optimizer has no option 'lrr'. Did you mean 'lr'?"),
        (["optimzer.lr=1"], "there is no option 'optimzer'. Did you mean 'optimizer'?"),
        (["lr"], "'lr': write an option and its value as optimizer.lr=0.1."),
        (["lr=["], "'lr=[': its value cannot be read; put a text in quotes."),
        (["lr=fast"], "lr='fast' must be a number."),
        (["--config", "none.yaml"], "none.yaml: No such file or directory."),
    ],
    ids=["leaf", "group", "form", "yaml", "value", "file"],
)
def test_a_bad_override_is_told(striate, words, message):
    done = striate("train", "lenet5", *words, "--data", "digits")
    assert done.status == 2
    assert done.err.startswith(f"striate: {message}")


def test_what_it_prints(striate, data, net, tmp_path):
    (data / "train" / "cat" / "bad.png").write_text("x")
    out = tmp_path / "run"
    arguments = ["--epochs", 2, "--batch-size", 8, "--device", "cpu", "--skip-bad-images"]
    arguments += ["--plan", "plain"]
    done = striate("train", net, "--data", f"folder:{data}", "--out", out, *arguments)
    assert (done.status, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "tiny: 114 parameters, 16 train, 16 val images, on cpu"
    assert lines[1].startswith("note: left out 1 images that cannot be read: ")
    assert lines[2] == "plan: fp32, contiguous, 1 thread"
    assert [line.split(":")[0] for line in lines[3:5]] == ["epoch 1", "epoch 2"]
    assert lines[3].endswith("  best")
    assert lines[5].startswith("done after 4 steps, ")
    assert lines[6:] == [f"run folder: {out}", f"summary: {out / 'summary.html'}"]


def test_json_is_the_log(striate, data, net, tmp_path):
    out = tmp_path / "run"
    done = striate("train", net, "--data", data, "--out", out, "--epochs", 1, "--device", "cpu", "--json")
    rows = [json.loads(line) for line in done.out.splitlines()]
    logged = [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]
    for row in logged:
        del row["time"]
    assert rows == logged
    assert [rows[0]["event"], rows[-1]["event"]] == ["Started", "Finished"]


def test_a_zoo_network_gets_the_classes_of_the_data(striate, data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = striate("train", "lenet5", "--data", "set", "--epochs", 0.2, "--device", "cpu")
    assert done.status == 0
    assert done.out.splitlines()[-2] == "run folder: runs/lenet5-1"
    run = Run("runs/lenet5-1")
    assert run.class_names == ("cat", "dog")
    assert run.network == lenet5(num_classes=2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"--data": "digit"}, "no data called 'digit': neither a known set (digits), nor a folder, nor "
            "a file, nor kind:location (idx:DIR, folder:DIR, cifar10:DIR, cifar100:DIR, svhn:DIR, stl10:DIR, npz:FILE, "
            "npy:DIR, csv:FILE, jsonl:FILE, parquet:FILE, hf:NAME, wds:URL, pack:FILE, fold:FOLD, bag:BAG). "
            "Did you mean 'digits'?"),
        ({"--data": "idx:nowhere"}, "idx:nowhere: no such folder."),
        ({"--data": "digits"}, "'tiny' gives an output of shape (2,), and the data has 10 classes; "
            "give its last layer 10 outputs, or use network.with_num_classes(10)."),
        ({"--device": "gpu"}, "--device 'gpu': must be auto or a device of this machine. Here there is cpu"),
    ],
)  # fmt: skip
def test_failures_leave_no_run(failure, data, net, tmp_path, change, message):
    before = files_below(tmp_path)
    options = {"--data": data, "--out": tmp_path / "run", "--device": "cpu"} | change
    words = [word for pair in options.items() for word in pair]
    assert failure("train", net, *words).startswith(message)
    assert files_below(tmp_path) == before


@pytest.mark.parametrize(
    ("flag", "value", "message"),
    [
        ("--lr", "nan", "--lr nan must be a finite number."),
        (
            "--schedule",
            "cos",
            "--schedule 'cos' must be 'constant', 'step', 'multi-step', 'exponential', 'cosine', "
            "'one-cycle', 'warm-restarts' or 'plateau'. Did you mean 'cosine'?",
        ),
        ("--patience", "0", "--patience 0 must be greater than or equal to 1."),
        ("--epochs", "1e308", "--epochs 1e+308 must be less than or equal to 1000000."),
        ("--batch-size", "9" * 23, f"--batch-size {'9' * 23} must be less than or equal to 1000000."),
    ],
)
def test_an_option_out_of_range_is_bad_usage(failure, data, net, tmp_path, flag, value, message):
    before = files_below(tmp_path)
    words = ["--data", data, "--out", tmp_path / "run", flag, value]
    assert failure("train", net, *words, status=2) == message
    assert files_below(tmp_path) == before


def test_one_step_is_one(striate, data, net, tmp_path):
    common = ("train", net, "--data", data, "--batch-size", 16, "--device", "cpu")
    for epochs, told in ((1, "1 step,"), (2, "2 steps,")):
        done = striate(*common, "--out", tmp_path / str(epochs), "--epochs", epochs)
        assert f"\ndone after {told} " in done.out


def test_out_that_exists(failure, data, net, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").touch()
    text = failure("train", net, "--data", "nowhere", "--out", tmp_path / "run")
    assert text == f"{tmp_path / 'run'}: already exists; choose another --out (out=…), or remove it."


def test_bad_images_stop_it(failure, data, net, tmp_path):
    bad = data / "val" / "dog" / "bad.png"
    bad.write_text("x")
    text = failure("train", net, "--data", data, "--out", tmp_path / "run")
    assert text == (
        f"folder:{data}: 1 of 17 images in 'val' cannot be read: {bad}: not an image. "
        "Repair or remove them, or go on without them with --skip-bad-images (skip_bad_images=True)."
    )


def test_divergence_is_one_message(striate, data, net, tmp_path):
    done = striate(
        "train", net, "--data", data, "--out", tmp_path / "run", "--lr", "1e20", "--optimizer", "sgd"
    )
    assert done.status == 1
    assert "is not a finite number: first in the " in done.err
    assert done.err.count("\n") == 1
    assert "Traceback" not in done.err
