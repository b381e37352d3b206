"""Runs whose layers run as one are resumed to the bit, also where another process has still to measure them."""

from dataclasses import replace
from importlib import import_module

import pytest
from cut_runs import files, rows
from toys import NAMES, quick, stripes

from striate.data import ArraySource
from striate.spec import BatchNorm, Conv, Flatten, Linear, MaxPool, Network, ReLU, Sequential
from striate.train import StepDone, Validated, resume, train

NETWORK = Network(
    "fused",
    (1, 8, 8),
    Sequential(
        Conv(8, 3, name="conv"),
        ReLU(),
        MaxPool(2),
        Conv(4, 3, padding=1),
        BatchNorm(name="norm"),
        ReLU(),
        Flatten(),
        Linear(3),
    ),
)


def source():
    """Noise that is never learned, so that the last bits of every loss count."""
    made = {
        split: stripes(count, seed) for seed, (split, count) in enumerate({"train": 48, "val": 24}.items())
    }
    return ArraySource(
        "toy", {s: 255 - i for s, (i, _) in made.items()}, {s: t for s, (_, t) in made.items()}, NAMES
    )


@pytest.fixture(params=[1, 0], ids=["fused", "apart"])
def forced(request, monkeypatch):
    """Have every run take a plan with layers run as one, or without."""

    def planned(prepared):
        plan = replace(prepared.record.plan, fused=request.param, ahead=True)
        return replace(prepared, record=replace(prepared.record, plan=plan))

    monkeypatch.setattr(import_module("striate.train.training"), "planned", planned)
    return request.param


@pytest.mark.parametrize("at", [1, 3, 4, 6])
@pytest.mark.parametrize("options", [{"swa": 0.0}, {"ema": 0.8}], ids=str)
def test_a_cut_at_any_step_and_at_the_end_of_an_epoch(tmp_path, forced, options, at):
    config = quick(plan="auto", epochs=3.0, seed=4, **options)
    whole = list(train(NETWORK, source(), config, tmp_path / "whole"))
    assert ("fused" in whole[0].plan) == bool(forced)
    events = train(NETWORK, source(), config, tmp_path / "cut")
    for event in events:
        if isinstance(event, StepDone) and event.step == at:
            events.throw(KeyboardInterrupt())
            list(events)
    rest = list(resume(tmp_path / "cut", source()))
    assert sum(isinstance(event, Validated) for event in rest) == 3 - (at - 1) // 3
    ours, theirs = files(tmp_path / "cut"), files(tmp_path / "whole")
    differing = [name for name in theirs if ours[name] != theirs[name]]
    assert differing == []
    for kind in ("StepDone", "Validated"):
        assert rows(tmp_path / "cut", kind) == rows(tmp_path / "whole", kind)
