"""`Plan` as a value, and the plan that a configuration asks for."""

import json
import os
import shutil

import pytest
import torch
from plan_toys import CPU
from toys import message_of

from striate.errors import ConfigError
from striate.train import TrainConfig
from striate.train.config.reading import merged, parse_override, read_config
from striate.train.plan import Plan
from striate.train.plan.asking import asked_plan

PLANS = {
    "the least": Plan(),
    "most": Plan(
        precision="bf16", memory_format="channels_last", threads=3, fused=2, ahead=True,
        compiled_from=0, micro_batch=1,
    ),
    "tf32": Plan(precision="tf32", compiled_from=1200, micro_batch=16),
    "math": Plan(precision="bf16-math"),
}  # fmt: skip


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_a_plan_and_its_data(plan):
    data = json.loads(json.dumps(plan.to_data()))
    assert Plan.from_data(data) == plan
    assert list(data) == [
        "precision", "memory_format", "threads", "fused", "ahead", "compiled_from", "micro_batch",
    ]  # fmt: skip


def test_what_is_left_out_is_as_described():
    assert Plan.from_data({}) == Plan()
    assert Plan.from_data({"threads": 2}) == Plan(threads=2)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("precision", "fp64"), ("precision", None), ("precision", ["fp32"]), ("precision", True),
        ("memory_format", "nhwc"), ("memory_format", 0),
        ("threads", 0), ("threads", -1), ("threads", None), ("threads", 1.0), ("threads", True), ("threads", "1"),
        ("threads", 1025),
        ("fused", 1025), ("fused", -1), ("fused", True), ("fused", "yes"), ("fused", None), ("fused", 1.0),
        ("ahead", 0), ("ahead", "no"),
        ("compiled_from", -1), ("compiled_from", False), ("compiled_from", 0.5), ("compiled_from", "never"),
        ("micro_batch", 0), ("micro_batch", True), ("micro_batch", [4]),
    ],
)  # fmt: skip
def test_a_field_that_is_none_of_a_plan_s(name, value):
    assert message_of(ValueError, Plan.from_data, {name: value}) == f"plan: {name}={value!r}"
    assert message_of(ValueError, Plan, **{name: value}) == f"plan: {name}={value!r}"


@pytest.mark.parametrize(
    "data", [None, "fast", 7, ["precision"], {"speed": 1}, {3: 4}, {"threads": 1, "x": 0}], ids=repr
)
def test_data_that_is_no_plan(data):
    text = message_of(ValueError, Plan.from_data, data)
    assert text == (
        f"plan: {data!r} is none; a plan has "
        "precision, memory_format, threads, fused, ahead, compiled_from, micro_batch"
    )


def test_a_long_value_is_cut():
    assert len(message_of(ValueError, Plan.from_data, {"precision": "x" * 1000})) < 120


def test_a_plan_in_words():
    assert [str(plan) for plan in PLANS.values()] == [
        "fp32, contiguous, 1 thread",
        "bf16, channels last, 3 threads, fused layers on 2, batches ahead, compiled, 1 images at a time",
        "tf32, contiguous, 1 thread, compiled from step 1,201, 16 images at a time",
        "bf16-math, contiguous, 1 thread",
    ]


def state_of_torch():
    onednn = torch.backends.mkldnn
    backends = (onednn.conv, onednn.matmul, onednn.rnn)
    return torch.get_num_threads(), [backend.fp32_precision for backend in backends]


@pytest.mark.parametrize(
    ("precision", "products"),
    [("fp32", "ieee"), ("tf32", "tf32"), ("bf16-math", "bf16"), ("bf16", "ieee"), ("fp16", "ieee")],
    ids=["fp32", "tf32", "bf16-math", "bf16", "fp16"],
)
def test_threads_and_products_hold_for_a_while(precision, products):
    before = state_of_torch()
    plan = Plan(precision=precision, threads=before[0] + 1)
    with plan.applied(CPU):
        assert state_of_torch() == (before[0] + 1, [products] * 3)
        with Plan(threads=before[0]).applied(CPU):
            assert state_of_torch() == (before[0], ["ieee"] * 3)
        assert state_of_torch() == (before[0] + 1, [products] * 3)
    assert state_of_torch() == before
    with pytest.raises(KeyboardInterrupt), plan.applied(CPU):
        raise KeyboardInterrupt
    assert state_of_torch() == before


@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16-math", "bf16", "fp16"])
def test_autocast_is_for_two_alone(precision):
    half = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision)
    with Plan(precision=precision).autocast(CPU):
        assert torch.is_autocast_enabled("cpu") is (half is not None)
        out = torch.nn.Linear(4, 4)(torch.zeros(2, 4))
    assert out.dtype == (half or torch.float32)
    assert not torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize(
    ("options", "memory_format"),
    [
        ({}, "contiguous"),
        ({"precision": "fp32"}, "contiguous"),
        ({"precision": "bf16"}, "channels_last"),
        ({"precision": "bf16-math"}, "channels_last"),
        ({"precision": "bf16", "memory_format": "contiguous"}, "contiguous"),
        ({"memory_format": "channels_last"}, "channels_last"),
    ],
    ids=["auto", "fp32", "bf16", "bf16-math", "bf16 as described", "fp32 channels last"],
)
def test_the_memory_format_goes_with_the_precision(options, memory_format):
    plan = asked_plan(TrainConfig(**options), None, CPU)
    assert (plan.precision, plan.memory_format) == (options.get("precision", "fp32"), memory_format)
    assert plan.compiled_from is None


@pytest.mark.parametrize(
    ("asked", "planned"), [(None, None), (1, 1), (63, 63), (64, None), (65, None)], ids=repr
)
def test_a_micro_batch_is_less_than_the_batch(asked, planned):
    assert asked_plan(TrainConfig(batch_size=64, micro_batch=asked), None, CPU).micro_batch == planned


def test_threads_that_are_asked_for(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 6)
    assert asked_plan(TrainConfig(threads=3), 10, CPU).threads == 3
    assert asked_plan(TrainConfig(), None, CPU).threads == 6
    assert asked_plan(TrainConfig(batch_size=32), 937_499, CPU).threads == 1
    assert asked_plan(TrainConfig(batch_size=32), 937_500, CPU).threads == 6


def test_a_precision_that_a_cpu_does_not_have():
    text = message_of(ConfigError, asked_plan, TrainConfig(precision="tf32"), None, CPU)
    assert text == "precision='tf32': must be fp32, bf16-math, bf16, fp16 on cpu."


def test_compiling_needs_a_compiler(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    text = message_of(ConfigError, asked_plan, TrainConfig(compile="on"), None, CPU)
    assert text == (
        "compile='on': needs a C++ compiler on a CPU, and there is none here; install g++, or leave it out."
    )
    for other in ("auto", "off"):
        assert asked_plan(TrainConfig(compile=other), None, CPU).compiled_from is None


@pytest.mark.parametrize("name", ["g++", "clang++", "cl", "my-c++"])
def test_any_compiler_will_do(monkeypatch, name):
    monkeypatch.setitem(os.environ, "CXX", "my-c++")
    monkeypatch.setattr(shutil, "which", {name: f"/bin/{name}"}.get)
    assert asked_plan(TrainConfig(compile="on"), None, CPU).compiled_from == 0


@pytest.mark.parametrize(
    ("written", "read"), [("on", "on"), ("off", "off"), ("auto", "auto"), ("true", "on"), ("'on'", "on")]
)
def test_on_and_off_are_booleans_in_yaml(tmp_path, written, read):
    file = tmp_path / "training.yaml"
    file.write_text(f"execution:\n  compile: {written}\n")
    assert merged([read_config(file)]).execution.compile == read
    assert merged([parse_override(f"execution.compile={written}")]).execution.compile == read
    assert merged([parse_override(f"compile={written}")]).execution.compile == read


@pytest.mark.parametrize("value", ["maybe", 1, None], ids=repr)
def test_compile_is_nothing_else(value):
    text = message_of(ConfigError, TrainConfig, compile=value)
    assert text == f"training: compile={value!r} must be 'auto', 'on' or 'off'."
