"""The stream of events, and its readers: the log, TensorBoard, the run folder."""

import dataclasses
import json
from collections import Counter

import numpy as np
import pytest
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from toys import NAMES, files_below, quick, tiny, toy_source, trained

import striate
from striate.spec import Network
from striate.train import Checkpointed, Finished, RunFolder, Started, StepDone, Validated, train
from striate.train.config.reading import to_data


def kinds(events):
    return [type(event).__name__ for event in events]


def test_order_and_counts(tmp_path):
    # 48 images in batches of 16, two epochs: six steps, validated after the third and the sixth.
    events = trained(tmp_path / "run")
    steps = [e for e in events if isinstance(e, StepDone)]
    assert [e.step for e in steps] == [1, 2, 3, 4, 5, 6]
    assert [e.epoch for e in steps] == pytest.approx([1 / 3, 2 / 3, 1, 4 / 3, 5 / 3, 2])
    assert [e.step for e in events if isinstance(e, Validated)] == [3, 6]
    assert events[0] == Started(
        run=str(tmp_path / "run"),
        network="tiny",
        params=4 * 9 + 4 + 36 * 3 + 3,
        device="cpu",
        threads=1,
        plan="fp32, contiguous, 1 thread",
        steps=6,
        epochs=2.0,
        sizes={"train": 48, "val": 24},
    )
    expected = ["Started"]
    for validated in (e for e in events if isinstance(e, Validated)):
        saved = ["best", "last"] if validated.best else ["last"]
        expected += [*["StepDone"] * 3, "Validated", *saved]
    found = [e.which if isinstance(e, Checkpointed) else type(e).__name__ for e in events]
    assert found == [*expected, "Finished"]
    last = [e for e in events if isinstance(e, Checkpointed) and e.which == "last"]
    assert [e.step for e in last] == [3, 6]
    best = max((e for e in events if isinstance(e, Validated)), key=lambda e: (e.accuracy, -e.loss))
    end = events[-1]
    assert (end.reason, end.step, end.best_accuracy, end.best_step) == (
        "completed",
        6,
        best.accuracy,
        best.step,
    )
    assert end.seconds > 0


@pytest.mark.parametrize(
    ("epochs", "batch_size", "steps", "validated"),
    [
        (1, 48, 1, [1]),
        (0.5, 16, 2, [2]),
        (2.5, 16, 8, [3, 6, 8]),
        (2, 100, 1, [1]),  # a batch may hold more than an epoch
        (3, 20, 8, [3, 5, 8]),  # 48, 96 and 144 images are passed at 60, 100 and 160
    ],
)
def test_it_validates_once_an_epoch(tmp_path, epochs, batch_size, steps, validated):
    events = trained(tmp_path / "run", epochs=float(epochs), batch_size=batch_size)
    counts = Counter(kinds(events))
    assert counts["StepDone"] == events[0].steps == steps
    assert [e.step for e in events if isinstance(e, Validated)] == validated


def test_the_log_is_the_stream(tmp_path):
    events = trained(tmp_path / "run")
    lines = (tmp_path / "run" / "events.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    times = [row.pop("time") for row in rows]
    assert times == sorted(times)
    expected = [{"event": type(e).__name__, **dataclasses.asdict(e)} for e in events]
    assert rows == json.loads(json.dumps(expected))
    assert [json.loads(json.dumps(e.to_data())) for e in events] == rows


def test_tensorboard_has_the_same_curves(tmp_path):
    events = trained(tmp_path / "run")
    board = EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
    assert set(board.Tags()["scalars"]) == {
        "train/loss",
        "train/lr",
        "train/images_per_second",
        "val/loss",
        "val/accuracy",
    }
    for tag, kind, field in (
        ("train/loss", StepDone, "loss"),
        ("train/lr", StepDone, "lr"),
        ("val/loss", Validated, "loss"),
        ("val/accuracy", Validated, "accuracy"),
    ):
        curve = [(e.step, np.float32(getattr(e, field))) for e in events if isinstance(e, kind)]
        assert [(s.step, np.float32(s.value)) for s in board.Scalars(tag)] == curve


def test_run_yaml_says_everything(tmp_path):
    source = toy_source()
    config = quick(seed=5, label_smoothing=0.1, lr=1e-5, loss="cross-entropy")
    list(train(tiny(), source, config, tmp_path / "run"))
    data = yaml.safe_load((tmp_path / "run" / "run.yaml").read_text())
    assert list(data) == [
        "kind",
        "schema",
        "created",
        "versions",
        "data",
        "preprocess",
        "augment",
        "training",
        "plan",
        "module",
        "network",
    ]
    assert (data["kind"], data["schema"], data["module"]) == ("striate run", 2, None)
    assert data["versions"]["striate"] == striate.__version__
    assert set(data["versions"]) == {"striate", "torch", "numpy", "python"}
    assert data["data"] == {
        "source": "toy",
        "fingerprint": source.fingerprint,
        "sizes": {"train": 48, "val": 24},
        "class_names": list(NAMES),
        "several_labels": False,
    }
    pixels = source.array("train") / 255
    assert data["preprocess"]["shape"] == [1, 8, 8]
    (step,) = data["preprocess"]["steps"]
    assert step["standardize"]["mean"] == pytest.approx([pixels.mean()])
    assert step["standardize"]["std"] == pytest.approx([pixels.std()])
    assert data["training"] == to_data(config)
    assert Network.from_data(data["network"]) == tiny()
    record = RunFolder.open(tmp_path / "run").record
    assert record.training == config
    assert record.network == tiny()
    assert record.to_data() == data


def test_the_folder_holds_what_it_should(toy_run):
    files = [f for f in files_below(toy_run) if not f.startswith("tensorboard/")]
    assert files == [
        "checkpoints",
        "checkpoints/before",
        "checkpoints/before/checkpoint.safetensors",
        "checkpoints/best",
        "checkpoints/best/checkpoint.safetensors",
        "checkpoints/last",
        "checkpoints/last/checkpoint.safetensors",
        "events.jsonl",
        "lock",
        "model.safetensors",
        "run.yaml",
        "tensorboard",
    ]


def test_without_out_the_first_free_run_is_taken(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "tiny-2").mkdir(parents=True)
    ends = [trained(None, epochs=0.3)[-1] for _ in range(2)]
    assert all(isinstance(end, Finished) for end in ends)
    assert [end.run for end in ends] == ["runs/tiny-1", "runs/tiny-3"]


def test_nothing_is_written_before_the_first_event(tmp_path):
    events = train(tiny(), toy_source(), quick(), tmp_path / "run")
    assert files_below(tmp_path) == []
    next(events)
    assert "run" in files_below(tmp_path)
    events.close()
