"""The plan of a run, in its folder, when it is resumed, and beside that of another."""

import dataclasses
import json

import pytest
import torch
import yaml
from plan_machine import LAST, MILLI, chosen
from toys import message_of, quick, tiny, toy_source, trained

import striate as st
from striate.errors import ConfigError, RunError
from striate.train import Resumed, RunFolder, Started, TrainConfig, measure_plans, resume, train
from striate.train.plan import Plan


def run_of(out, **options):
    return trained(out, plan="auto", **options)


def test_a_run_keeps_its_plan(tmp_path, machine):
    machine({("bf16", LAST): 0.1 * MILLI, ("fp32", "contiguous"): MILLI})
    chosen()
    events = run_of(tmp_path / "run", epochs=1.0)
    assert events[0].plan == "bf16, channels last, 1 thread"
    stored = yaml.safe_load((tmp_path / "run" / "run.yaml").read_text())["plan"]
    assert stored == Plan(precision="bf16", memory_format=LAST).to_data()
    assert RunFolder.open(tmp_path / "run").record.plan == Plan(precision="bf16", memory_format=LAST)
    assert (
        json.loads((tmp_path / "run" / "events.jsonl").read_text().splitlines()[0])["plan"] == events[0].plan
    )


def begun(out, **options):
    """Leave a run after its second epoch."""
    events = train(tiny(), toy_source(), quick(**{"plan": "auto", "epochs": 400.0} | options), out)
    for event in events:
        if getattr(event, "step", 0) == 6 and type(event).__name__ == "Checkpointed":
            events.close()


def test_a_run_that_is_resumed_keeps_its_plan_whatever_the_cache_says(tmp_path, machine):
    machine({("bf16", LAST): 0.1 * MILLI, ("fp32", "contiguous"): MILLI})
    begun(tmp_path / "run")
    made = machine({("bf16", LAST): 9.0, ("fp32", "contiguous"): MILLI})
    measure_plans(tiny(), toy_source(), quick(plan="auto"))
    assert chosen() == Plan()  # what a new run would take
    made.tried.clear()
    first = next(events := resume(tmp_path / "run", toy_source()))
    events.close()
    assert isinstance(first, Resumed)
    assert first.plan == "bf16, channels last, 1 thread"
    assert made.tried == []


def edited(folder, change):
    file = folder / "run.yaml"
    data = yaml.safe_load(file.read_text())
    change(data)
    file.write_text(yaml.safe_dump(data, sort_keys=False))


@pytest.mark.parametrize(
    ("precision", "plan"),
    [("auto", Plan()), ("bf16", Plan(precision="bf16", memory_format=LAST))],
    ids=["fp32", "bf16"],
)
def test_a_run_of_before_there_were_plans(tmp_path, precision, plan):
    trained(tmp_path / "run", epochs=0.2)

    def older(data):
        del data["plan"]
        execution = data["training"]["execution"]
        data["training"]["execution"] = {**execution, "precision": precision}

    edited(tmp_path / "run", older)
    record = RunFolder.open(tmp_path / "run").record
    assert record.plan == dataclasses.replace(plan, threads=torch.get_num_threads())
    assert st.Run(tmp_path / "run").module()(torch.zeros(1, 1, 8, 8)).shape == (1, 3)


@pytest.mark.parametrize(
    "bad",
    [
        "fast", None, [], 3, {"precision": "fp8"}, {"threads": 0}, {"micro_batch": "all"},
        {"speed": 9}, {"fused": "maybe"}, {"threads": [1]},
    ],
    ids=repr,
)  # fmt: skip
def test_a_plan_that_was_edited_badly(tmp_path, bad):
    trained(tmp_path / "run", epochs=0.2)
    edited(tmp_path / "run", lambda data: data.update(plan=bad))
    for call in (RunFolder.open, st.Run, resume):
        text = message_of(RunError, call, tmp_path / "run")
        assert text.startswith(f"{tmp_path / 'run'}: its run.yaml is damaged (ValueError: plan: ")
        assert text.count("\n") == 0


def test_plans_that_differ_are_told(tmp_path):
    trained(tmp_path / "a", epochs=0.2)
    trained(tmp_path / "b", epochs=0.2, precision="bf16")
    report = st.diff(tmp_path / "a", tmp_path / "b", predictions=False)
    told = [(each.path, each.first, each.second) for each in report.environment]
    assert told == [("plan", "fp32, contiguous, 1 thread", "bf16, channels last, 1 thread")]
    assert "bf16, channels last, 1 thread" in str(report)
    assert [each.path for each in report.configuration] == ["execution.precision"]


def test_a_device_that_does_not_have_it(tmp_path):
    text = message_of(ConfigError, train, tiny(), toy_source(), quick(precision="tf32"), tmp_path / "run")
    assert text == "precision='tf32': must be fp32, bf16-math, bf16, fp16 on cpu."
    assert not (tmp_path / "run").exists()


def test_a_plan_is_told_at_the_start(tmp_path):
    first = trained(tmp_path / "run", epochs=0.2, precision="bf16", micro_batch=4)[0]
    assert isinstance(first, Started)
    assert first.plan == "bf16, channels last, 1 thread, 4 images at a time"
    assert TrainConfig().execution.plan == "auto"
