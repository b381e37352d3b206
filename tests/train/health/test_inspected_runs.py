"""Runs that are looked at: the same bits as without, events, TensorBoard's files, lines of the command line."""

import json

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from toys import message_of, quick, tiny, toy_source, trained

from striate.errors import ConfigError
from striate.spec import BatchNorm, Conv, Dropout, Flatten, Linear, MaxPool, Network, ReLU, Sequential
from striate.train import Inspected, StepDone, TrainConfig, resume, train
from striate.train.health.inspecting import Inspection

NETWORK = Network(
    "dropping",
    (1, 8, 8),
    Sequential(Conv(4, 3), BatchNorm(), ReLU(), MaxPool(2), Flatten(), Dropout(0.5), Linear(3)),
)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_looking_changes_no_bit(tmp_path, optimizer, precision):
    options = {
        "optimizer": optimizer,
        "precision": precision,
        "ema": 0.9,
        "clip_norm": 1.0,
        "augment": "cifar",
    }
    found = []
    for every in (1, "epoch", None):
        path = tmp_path / str(every)
        events = trained(path, NETWORK, health_every=every, **options)
        losses = [e.loss for e in events if isinstance(e, StepDone)]
        states = [p.read_bytes() for p in sorted(path.rglob("model.safetensors"))]
        found.append((losses, states, torch.get_rng_state().tolist()))
        assert sum(isinstance(e, Inspected) for e in events) == {1: 6, "epoch": 2, None: 0}[every]
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("every", ["epoch", 3], ids=str)
@pytest.mark.parametrize("stop", [2, 4, 6])
def test_a_run_that_goes_on_is_looked_at_at_the_same_steps(tmp_path, every, stop):
    options = {"epochs": 3.0, "health_every": every, "augment": "cifar"}
    whole = [e for e in trained(tmp_path / "whole", NETWORK, **options) if isinstance(e, Inspected)]
    events = train(NETWORK, toy_source(), quick(**options), tmp_path / "cut")
    told = []
    for event in events:
        told.append(event)
        if isinstance(event, StepDone) and event.step == stop:
            told.append(events.throw(KeyboardInterrupt()))
    told += resume(tmp_path / "cut", toy_source())
    found = [e for e in told if isinstance(e, Inspected)]
    assert found == whole
    logs = [(tmp_path / name / "events.jsonl").read_text().splitlines() for name in ("whole", "cut")]
    rows = [[r | {"time": 0} for r in map(json.loads, log) if r["event"] == "Inspected"] for log in logs]
    assert rows[0] == rows[1]


def test_no_hook_is_left_and_none_is_made_where_nothing_is_looked_at(tmp_path, monkeypatch):
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))
    made = []
    original = Inspection.__init__
    monkeypatch.setattr(
        Inspection, "__init__", lambda self, *given: (made.append(1), original(self, *given))[1]
    )
    list(train(module, toy_source(), quick(health_every=4), tmp_path / "a"))
    assert len(made) == 2  # steps 1 and 5 of 6
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())
    list(train(module, toy_source(), quick(health_every=None), tmp_path / "b"))
    assert len(made) == 2


@pytest.fixture(scope="module")
def looked_at(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "run"
    return path, trained(path, tiny(), health_every=2)


def test_the_look_follows_its_step(looked_at):
    _, events = looked_at
    names = [(type(e).__name__, e.step) for e in events if isinstance(e, StepDone | Inspected)]
    assert names == [
        *[("StepDone", 1), ("Inspected", 1), ("StepDone", 2), ("StepDone", 3), ("Inspected", 3)],
        *[("StepDone", 4), ("StepDone", 5), ("Inspected", 5), ("StepDone", 6)],
    ]


def test_the_log_has_the_rows_and_no_histogram(looked_at):
    path, events = looked_at
    text = (path / "events.jsonl").read_text()
    assert "histogram" not in text
    assert "counts" not in text
    logged = [row for row in map(json.loads, text.splitlines()) if row["event"] == "Inspected"]
    told = [e for e in events if isinstance(e, Inspected)]
    assert [row["step"] for row in logged] == [1, 3, 5]
    for row, event in zip(logged, told, strict=True):
        assert set(row) == {"time", "event", "step", "layers", "symptoms"}
        assert [layer["path"] for layer in row["layers"]] == ["conv", "relu1", "pool1", "flatten1", "head"]
        assert row["layers"][0]["update_ratio"] == event.layers[0].update_ratio
        assert event.histograms


def test_tensorboard_has_the_curves_and_histograms(looked_at):
    path, events = looked_at
    board = EventAccumulator(str(path / "tensorboard"), size_guidance={"histograms": 0, "scalars": 0})
    board.Reload()
    told = [e for e in events if isinstance(e, Inspected)]
    ratios = [e.layers[0].update_ratio for e in told]
    found = board.Scalars("health/update_ratio/conv")
    assert [s.step for s in found] == [1, 3, 5]
    assert [s.value for s in found] == pytest.approx(ratios)
    assert {"health/dead/relu1", "health/gradient_norm/head", "health/weight_norm/head"} <= set(
        board.Tags()["scalars"]
    )
    assert sorted(board.Tags()["histograms"]) == sorted(h.tag for h in told[0].histograms)
    for read, event in zip(board.Histograms("gradients/head.weight"), told, strict=True):
        ours = next(h for h in event.histograms if h.tag == "gradients/head.weight")
        value = read.histogram_value
        assert read.step == event.step
        assert (value.min, value.max, value.num) == (ours.least, ours.greatest, 36 * 3)
        assert (value.sum, value.sum_squares) == pytest.approx((ours.total, ours.squares))
        assert np.array(value.bucket).sum() == 36 * 3
        assert tuple(value.bucket)[-len(ours.counts) :] == ours.counts
        assert tuple(value.bucket_limit)[-len(ours.counts) :] == pytest.approx(ours.edges[1:])


@pytest.mark.parametrize(
    "value", [0, -1, 1_000_001, True, 1.5, "often", "0", "1e2"], ids=[f"case {n}" for n in range(8)]
)
def test_bad_values_are_told(value):
    text = message_of(ConfigError, TrainConfig, health_every=value)
    assert text == (
        f"training: health_every={value!r} must be epoch, none, or a number of steps from 1 to 1000000."
    )


@pytest.mark.parametrize(
    ("given", "meant"), [("none", None), (None, None), ("epoch", "epoch"), ("50", 50), (7, 7)], ids=str
)
def test_values_as_a_command_line_or_a_file_gives_them(given, meant):
    assert TrainConfig(health_every=given).health.health_every == meant


def test_warnings_are_printed_once(striate, tmp_path):
    done = striate(
        *("train", "lenet5_relu", "--data", "digits", "--lr", "0.5", "--epochs", "0.4", "--device", "cpu"),
        *("--health-every", "2", "--out", tmp_path / "run"),
    )
    assert done.status == 0, done.err
    lines = [line for line in done.out.splitlines() if line.startswith("warning: ")]
    assert lines
    assert len(lines) == len(set(lines))
    rows = map(json.loads, (tmp_path / "run" / "events.jsonl").read_text().splitlines())
    symptoms = [
        (s["kind"], s["layers"]) for row in rows if row["event"] == "Inspected" for s in row["symptoms"]
    ]
    assert len(symptoms) > len(lines)  # they lasted, and were not told again
