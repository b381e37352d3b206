"""Runs that are killed at random moments, again and again, end with the same bits as one that is left alone."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from toys import stripes

from striate.data.augment import Recipe
from striate.data.augment.effects import HorizontalFlip, PCAColor, RandomCrop, Rotate
from striate.spec import (
    BatchNorm,
    Conv,
    Dropout,
    Flatten,
    Linear,
    MaxPool,
    Network,
    ReLU,
    Residual,
    Sequential,
    StochasticDepth,
)
from striate.train import RunFolder, TrainConfig
from striate.train.prepare import prepare

KILLS = 14
"""Of each run, so that there are more than twenty in all."""

NETWORK = Network(
    "killed",
    (3, 8, 8),
    Sequential(
        Conv(6, 3, padding=1),
        BatchNorm(),
        ReLU(),
        Residual(Sequential(Conv(6, 3, padding=1), BatchNorm(), StochasticDepth(0.3)), name="block"),
        MaxPool(2),
        Flatten(),
        Dropout(0.4),
        Linear(3),
    ),
)
WITH_FUSED_LAYERS = Network(
    "killed",
    (3, 8, 8),
    Sequential(
        Conv(8, 3, padding=1),
        ReLU(),
        MaxPool(2),
        Residual(Sequential(Conv(8, 3, padding=1), BatchNorm(), StochasticDepth(0.3)), name="block"),
        Flatten(),
        Dropout(0.4),
        Linear(3),
    ),
)
AUGMENT = Recipe(
    (RandomCrop(margin=1), HorizontalFlip(), Rotate(degrees=(-20, 20)), PCAColor(std=0.2))
).to_yaml()
SETTINGS = {
    "fp32": {"precision": "fp32", "optimizer": "adamw", "lr": 0.003, "schedule": "cosine"},
    "bf16": {
        "precision": "bf16",
        "optimizer": "sgd",
        "lr": 0.02,
        "momentum": 0.9,
        "schedule": "plateau",
        "plateau": 2,
        "gradient_noise": 0.01,
    },
    "fused": {"precision": "fp32", "optimizer": "muon", "lr": 0.003, "lookahead": 3, "schedule": "one-cycle"},
}
"""By precision; ``fused`` is float32 with layers that run as one, fed by a thread beside."""


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A file of noisy stripes: too hard to learn in a few epochs, so that training stops early."""
    path = tmp_path_factory.mktemp("data") / "stripes.npz"
    arrays = {}
    for seed, (split, count) in enumerate({"train": 72, "val": 30, "test": 12}.items()):
        images, targets = stripes(count, seed, channels=3)
        noisy = images + np.random.default_rng(seed).integers(0, 90, images.shape)
        arrays |= {
            f"x_{split}": noisy.clip(0, 255).astype(np.uint8).transpose(0, 2, 3, 1),
            f"y_{split}": targets,
        }
    np.savez(path, **arrays)
    return f"npz:{path}"


@pytest.fixture
def driver():
    """Return the process that trains; see crash_driver.py."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("crash_driver.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    with process:
        yield process
        process.stdin.close()


def lived(driver, run, kill_at=None, *, writing=False):
    """Train in ``run``, and kill the process after so many moments; return what it told and its exit status.

    With ``writing`` it is let live from there on until half of a file is written.
    """
    driver.stdin.write(json.dumps({"run": str(run)}) + "\n")
    driver.stdin.flush()
    child = int(driver.stdout.readline().split()[1])
    told = []
    for line in driver.stdout:
        if line.startswith("ended "):
            return told, int(line.split()[1])
        told.append(line.strip())
        if (
            kill_at is not None
            and len(told) > kill_at
            and (not writing or told[-1].startswith("half-written"))
        ):
            os.kill(child, signal.SIGKILL)
        else:
            driver.stdin.write(".")
            driver.stdin.flush()
    raise AssertionError("the driver is gone")


def states(run):
    """Return every file of weights and states below ``run``, as bytes."""
    return {str(p.relative_to(run)): p.read_bytes() for p in sorted(run.rglob("*.safetensors"))}


def told_in_log(run, *kinds):
    rows = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    volatile = ("time", "images_per_second", "seconds", "run", "path")
    return [{k: v for k, v in row.items() if k not in volatile} for row in rows if row["event"] in kinds]


@pytest.mark.parametrize("precision", SETTINGS)
def test_a_run_that_is_killed_ends_with_the_same_bits(tmp_path, source, driver, precision, record_property):
    config = TrainConfig(
        epochs=9.0,
        batch_size=16,
        device="cpu",
        seed=3,
        augment=AUGMENT,
        ema=0.8,
        patience=4,
        every_steps=2,
        keep_best=2,
        **SETTINGS[precision],
    )
    fused = precision == "fused"
    record = prepare(WITH_FUSED_LAYERS if fused else NETWORK, source, config).record
    if fused:
        record = replace(record, plan=replace(record.plan, fused=1, ahead=True))
    whole = RunFolder.create(tmp_path / "whole", record).path
    cut = RunFolder.create(tmp_path / "cut", record).path
    moments, status = lived(driver, whole)
    assert status == 0
    assert moments[-1].startswith("Finished")

    # Kills spread over the whole run: each process is let live for about its share of the moments, more or less.
    draws = random.Random(f"kill {precision}")
    resumed, amid, left = [], [], 0
    for kill in range(KILLS):
        at = draws.randrange(2 * len(moments) // KILLS)
        told, status = lived(driver, cut, at, writing=kill % 3 == 2)
        if status == 0:
            break
        assert status == -signal.SIGKILL
        amid.append(told[-1].split()[0])
        left += bool(list(cut.rglob(".*.tmp")))
        resumed += [int(line.split()[1]) for line in told if line.startswith("Resumed")]
    last, status = lived(driver, cut)
    assert status == 0
    resumed += [int(line.split()[1]) for line in last if line.startswith("Resumed")]

    assert len(amid) >= 11
    assert left >= 3, "hardly a process was killed amid a write"
    assert len(set(resumed)) >= 4
    expected = states(whole)
    assert {"model.safetensors", "checkpoints/last/checkpoint.safetensors"} < expected.keys()
    assert len([name for name in expected if "/top/" in name]) == 2
    assert states(cut) == expected
    assert told_in_log(cut, "StepDone") == told_in_log(whole, "StepDone")
    for kind in ("Validated", "Inspected", "Finished"):
        assert told_in_log(cut, kind) == told_in_log(whole, kind)
    steps = [row["step"] for row in told_in_log(cut, "StepDone")]
    assert steps == list(range(1, len(steps) + 1))
    board = EventAccumulator(str(cut / "tensorboard"))
    board.Reload()
    assert [point.step for point in board.Scalars("train/loss")] == steps
    record_property("kills", len(amid))
    record_property("resumed at", resumed)
    record_property("killed amid", amid)
    record_property("bytes", sum(map(len, expected.values())))
    print(
        f"\n{precision}: {len(amid)} kills ({left} with half a file), resumed at {resumed}, killed amid {amid}; "
        f"{sum(map(len, expected.values())):,} bytes in {len(expected)} files and {len(steps)} steps compared"
    )


def test_killed_at_every_moment_of_a_checkpoint(tmp_path, source, driver):
    config = TrainConfig(epochs=2.0, batch_size=36, device="cpu", every_steps=1, health_every=None)
    record = prepare(NETWORK, source, config).record
    whole = RunFolder.create(tmp_path / "whole", record).path
    moments, _ = lived(driver, whole)
    second = [i for i, line in enumerate(moments) if line.startswith("StepDone")][2]
    third = moments.index("StepDone 4")
    assert {line.split()[0] for line in moments[second:third]} >= {"half-written", "renaming", "renamed"}
    cut = RunFolder.create(tmp_path / "cut", record).path
    shutil.copytree(cut, tmp_path / "fresh")
    for moment in range(second, third):
        shutil.rmtree(cut)
        shutil.copytree(tmp_path / "fresh", cut)
        assert lived(driver, cut, moment)[1] == -signal.SIGKILL
        assert lived(driver, cut)[1] == 0
        assert states(cut) == states(whole), moments[moment]
        assert told_in_log(cut, "StepDone") == told_in_log(whole, "StepDone"), moments[moment]
