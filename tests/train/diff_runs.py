"""Run folders written by hand, of which every value is known."""

import dataclasses
import json

from toys import NAMES, quick, tiny, toy_source

import striate as st
from striate.data import Preprocess, Recipe, Standardize
from striate.nn import build, save_weights
from striate.train import RunFolder, RunRecord

SOURCE = toy_source()
LOSSES = (1.5, 1.25, 1.125, 1.0, 0.5, 0.25)


def step(number, loss, lr=0.01):
    return {"event": "StepDone", "step": number, "epoch": number / 3, "loss": loss, "lr": lr}


def steps(losses=LOSSES, first=1):
    return [step(number, loss) for number, loss in enumerate(losses, first)]


def whole_log():
    """Return the events of a run of six steps and two validations."""
    validated = {"event": "Validated", "epoch": 1.0, "loss": 1.0}
    return [
        {"event": "Started", "run": "r", "device": "cpu"},
        *steps(LOSSES[:3]),
        {**validated, "step": 3, "accuracy": 0.75, "best": True},
        *steps(LOSSES[3:], 4),
        {**validated, "step": 6, "accuracy": 0.5, "best": False},
        {"event": "Finished", "reason": "completed"},
    ]


def write_log(path, events):
    """Write events as `recorded` does."""
    lines = [json.dumps({"time": 1.0 + number, **event}) for number, event in enumerate(events)]
    (path / "events.jsonl").write_text("".join(f"{line}\n" for line in lines))


def written(path, seed=0, events=None, network=None, **changes):
    """Write a run folder whose weights are drawn by ``seed``, and return it; ``changes`` are of its record."""
    record = RunRecord(
        network=network or tiny(),
        module=None,
        data="toy",
        fingerprint=SOURCE.fingerprint,
        sizes={"train": 48, "val": 24},
        class_names=NAMES,
        preprocess=Preprocess((1, 8, 8), (Standardize((0.3,), (0.5,)),)),
        augment=Recipe(),
        training=quick(),
        versions={"striate": "0.1.0", "torch": "2.11.0"},
        created=f"2020-01-01T00:00:{seed:02}+00:00",
    )
    folder = RunFolder.create(path, dataclasses.replace(record, **changes))
    if folder.record.network:
        save_weights(build(folder.record.network, seed=seed), folder.weights)
    write_log(path, whole_log() if events is None else events)
    return folder


def pairs(differences):
    return [(each.path, each.first, each.second) for each in differences]


def compared(tmp_path, first=None, second=None, **options):
    """Write two runs with these changes and return what they differ in, but for their answers."""
    a, b = written(tmp_path / "a", **first or {}), written(tmp_path / "b", **second or {})
    return st.diff(a.path, b.path, **{"predictions": False} | options)
