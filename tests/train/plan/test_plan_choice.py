"""Which plan is taken, of times that are given; what trying takes; the table of what was tried."""

import dataclasses
import itertools
import json

import pytest
import torch
from plan_machine import LAST, LONG, MILLI, chosen
from plan_toys import prepared
from toys import NAMES, quick, stripes, tiny, toy_source

from striate.data import ArraySource
from striate.train import measure_plans
from striate.train.plan import Plan, asking, searching
from striate.train.plan.checking import Deviation
from striate.train.plan.choosing import tried
from striate.train.plan.measuring import Bench

FAR = Deviation(
    layer=0.5, path="conv", outputs=0.0, gradients=0.0, most_layer=0.1, most_outputs=0.1, most_gradients=0.1
)
AS_DESCRIBED = {(precision, "contiguous") for precision in ("fp32", "bf16", "bf16-math")}


@pytest.mark.parametrize(
    ("times", "precision", "memory_format"),
    [
        ({}, "fp32", "contiguous"),
        ({("bf16", LAST): 0.5}, "bf16", LAST),
        ({("fp32", LAST): 0.5}, "fp32", LAST),
        ({("bf16", LAST): 0.5, ("bf16", "contiguous"): 0.4}, "bf16", "contiguous"),
        ({("bf16-math", "contiguous"): 0.5}, "bf16-math", "contiguous"),
        ({("bf16", LAST): 0.92, ("bf16", "contiguous"): 0.92}, "fp32", "contiguous"),
        ({("bf16", "contiguous"): 0.82}, "bf16", "contiguous"),
        ({("fp32", LAST): 0.98}, "fp32", "contiguous"),
        ({("fp32", LAST): 0.94}, "fp32", LAST),
        ({("fp32", LAST): 0.9, ("bf16", LAST): 0.87}, "fp32", LAST),
        ({("bf16", LAST): 0.5, ("bf16", "contiguous"): 0.46}, "bf16", LAST),
        ({("fp32", LAST): 0.9, ("bf16", LAST): 0.80}, "bf16", LAST),
    ],
    ids=lambda value: (
        value if isinstance(value, str) else " ".join(f"{k[0]}/{k[1][:4]}={v}" for k, v in value.items())
    ),
)
def test_the_fastest_by_more_than_a_margin(machine, times, precision, memory_format):
    some = dict.fromkeys(itertools.product(("fp32", "bf16", "bf16-math"), ("contiguous", LAST)), MILLI)
    machine(some | {key: value * MILLI for key, value in times.items()})
    plan = chosen()
    assert (plan.precision, plan.memory_format) == (precision, memory_format)
    assert plan == Plan(precision=precision, memory_format=memory_format)


@pytest.mark.parametrize(
    "change", [{"failure": "ValueError: no half"}, {"deviation": FAR}], ids=["failed", "wrong"]
)
def test_what_is_refused_is_never_taken_however_fast(machine, change):
    made = machine(of_plan=lambda plan: MILLI / 100 if plan.precision == "bf16" else MILLI)
    made.changes = {("bf16", LAST): change, ("bf16", "contiguous"): change}
    assert chosen() == Plan()
    assert {plan.precision for plan in made.tried} == {"fp32", "bf16", "bf16-math"}


def test_where_nothing_can_be_done_the_run_is_as_asked(machine):
    made = machine()
    made.changes = {("fp32", "contiguous"): {"failure": "RuntimeError: all is lost"}}
    assert chosen() == Plan()
    assert made.tried == [Plan()]


@pytest.mark.parametrize(
    ("options", "of_all", "fastest"),
    [
        ({"precision": "fp32"}, {("fp32", "contiguous"), ("fp32", LAST)}, ("fp32", LAST)),
        ({"precision": "bf16"}, {("bf16", "contiguous"), ("bf16", LAST)}, ("bf16", "contiguous")),
        ({"memory_format": "contiguous"}, AS_DESCRIBED, ("bf16", "contiguous")),
        ({"precision": "fp32", "memory_format": "contiguous"}, {("fp32", "contiguous")}, ("fp32", "contiguous")),
        ({"precision": "bf16", "memory_format": LAST}, {("bf16", LAST)}, ("bf16", LAST)),
    ],
    ids=["fp32", "bf16", "contiguous", "fp32 contiguous", "bf16 channels last"],
)  # fmt: skip
def test_what_was_asked_for_is_obeyed(machine, options, of_all, fastest):
    times = {
        ("fp32", LAST): 0.5,
        ("bf16", "contiguous"): 0.1,
        ("bf16", LAST): 0.3,
        ("bf16-math", "contiguous"): 0.2,
    }
    made = machine(of_plan=lambda p: MILLI * times.get((p.precision, p.memory_format), 1.0))
    plan = chosen(**options)
    assert (plan.precision, plan.memory_format) == fastest
    assert {(p.precision, p.memory_format) for p in made.tried} == of_all | {("fp32", "contiguous")}


@pytest.mark.parametrize(
    "change", [{"failure": "ValueError: no"}, {"deviation": FAR}], ids=["failed", "wrong"]
)
def test_what_was_asked_for_is_obeyed_even_where_the_check_refuses_it(machine, change):
    made = machine()
    made.changes = {("bf16", LAST): change, ("bf16", "contiguous"): change}
    assert chosen(precision="bf16") == Plan(precision="bf16", memory_format=LAST)


@pytest.mark.parametrize(
    ("asked", "faster", "threads", "counts"),
    [(None, 4, 4, {1, 4}), (None, 1, 1, {1, 4}), (3, 4, 3, {3}), (1, 4, 1, {1})],
    ids=["more are faster", "fewer are", "three asked for", "one asked for"],
)
def test_threads(machine, monkeypatch, asked, faster, threads, counts):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    made = machine(of_plan=lambda plan: MILLI * (0.5 if plan.threads == faster else 1.0))
    assert chosen(threads=asked).threads == threads
    assert {plan.threads for plan in made.tried} == counts


def measured_compiled(machine, seconds, preparation):
    """Have plans measured that take a millisecond, and one that is compiled, and so many of them."""
    made = machine(of_plan=lambda plan: MILLI * (1.0 if plan.compiled_from is None else seconds))
    made.preparation = preparation
    return measure_plans(tiny(), toy_source(), quick(plan="auto", compile="on"))


@pytest.fixture
def compiler(monkeypatch):
    monkeypatch.setattr(asking, "_check_compiler", lambda device: None)


@pytest.mark.parametrize(
    ("epochs", "compiled"), [(10_000.0, True), (7_000.0, True), (6_000.0, False), (100.0, False)], ids=str
)
def test_what_compiles_must_repay_what_that_takes(machine, compiler, epochs, compiled):
    """At half a millisecond less a step, ten seconds are repaid after 20,000 steps, three an epoch."""
    table = measured_compiled(machine, 0.5, 10.0)
    assert table.chosen == Plan(compiled_from=0)
    assert chosen(epochs, compile="auto") == Plan(compiled_from=0 if compiled else None)
    assert chosen(epochs, compile="off") == Plan()
    assert chosen(epochs, compile="on") == Plan(compiled_from=0)


def test_what_compiles_and_is_slower_is_left(machine, compiler):
    table = measured_compiled(machine, 1.5, 0.0)
    assert table.chosen == Plan(compiled_from=0)  # as it was asked for
    assert chosen(compile="auto") == Plan()


def test_a_run_compiles_because_it_was_asked_to_though_nothing_was_measured(machine, compiler):
    made = machine()
    assert chosen(1.0, compile="on") == Plan(compiled_from=0)
    assert chosen(LONG, compile="on").compiled_from == 0
    assert all(plan.compiled_from is None for plan in made.tried)  # which takes a minute


@pytest.mark.parametrize("second", [1e-4, 0.01, 0.2, 1.0, 4.0, 30.0], ids=str)
@pytest.mark.parametrize("epochs", [1.0, 33.0, 34.0, 100.0, LONG, 100_000.0], ids=str)
def test_trying_takes_a_share_of_the_run_and_ten_seconds(machine, monkeypatch, epochs, second):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    made = machine(of_plan=lambda plan: second)
    began = made.now
    chosen(epochs)
    run = 3 * epochs * second
    spent = made.now - began
    if 0.03 * 3 * epochs < 0.25:  # two passes of 2 images of 16
        assert made.tried == []
    else:
        assert made.tried
        # What has begun is ended; without two passes of a few images nothing would be known.
        assert spent <= max(min(10.0, 0.03 * run), second) + second + 1e-6
        if 0.03 * run > 40 * second and second < 0.2:
            assert len(made.kinds) == 7  # of every kind, and another number of threads


def test_fused_layers_are_tried_where_they_are_ready(machine, monkeypatch):
    monkeypatch.setattr(searching, "ready", lambda patience: True)
    made = machine(of_plan=lambda plan: MILLI * (0.5 if plan.fused else 1.0))
    assert chosen() == Plan(fused=1)
    assert [plan.precision for plan in made.kinds if plan.fused] == ["fp32", "bf16", "bf16"]
    assert chosen(precision="bf16") == Plan(precision="bf16", memory_format=LAST, fused=1)
    made.tried.clear()
    assert not chosen(precision="fp32", memory_format=LAST).fused
    assert not any(plan.fused for plan in made.tried)
    assert chosen(precision="fp32", memory_format="contiguous") == Plan(fused=1)
    assert chosen(threads=3) == Plan(fused=3)


@pytest.mark.parametrize(("share", "threads"), [(0.92, 1), (0.88, 4)], ids=["a little", "more"])
def test_fused_layers_have_one_thread_of_torch_beside_them(machine, monkeypatch, share, threads):
    """Others wait for work, which shows where no one else wants the cores only by little."""
    monkeypatch.setattr(searching, "ready", lambda patience: True)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    machine(of_plan=lambda p: MILLI * (1.0 if not p.fused else 0.4 * (1.0 if p.threads == 1 else share)))
    assert chosen() == Plan(threads=threads, fused=4)


def test_what_is_halved_may_be_fused_too(machine, monkeypatch):
    monkeypatch.setattr(searching, "ready", lambda patience: True)
    half = Plan(precision="bf16", memory_format=LAST)

    def seconds(plan):
        return MILLI * (0.5 if plan.precision == "bf16" else 1.0) * (0.9 if plan.fused else 1.0)

    made = machine(of_plan=lambda plan: seconds(plan) if plan.memory_format == LAST else MILLI)
    assert chosen() == dataclasses.replace(half, fused=1)
    contiguous = Plan(precision="bf16", fused=1)
    assert {plan for plan in made.tried if plan.fused} == {
        Plan(fused=1), dataclasses.replace(half, fused=1), contiguous,
    }  # fmt: skip


def test_the_promising_come_first(machine):
    made = machine(of_plan=lambda plan: 1.0)
    chosen(45.0)
    assert made.kinds == [Plan(), Plan(precision="bf16", memory_format=LAST)]


@pytest.mark.parametrize("second", [MILLI, 0.5], ids=["quick", "slow"])
@pytest.mark.parametrize("hit", ["bf16", "fp32"])
def test_the_leading_plans_are_timed_again_in_turns(machine, second, hit):
    """While one of them is timed first, the machine is busy elsewhere."""
    half = Plan(precision="bf16", memory_format=LAST)
    last = Plan(memory_format=LAST)
    made = machine()
    usual = {Plan(): 1.0, half: 0.45, last: 0.6} if hit == "bf16" else {Plan(): 1.0, half: 0.5, last: 0.4}

    def seconds(plan):
        busy = plan in (half, last) and plan.precision == hit and made.tried.count(plan) < 2
        return second * usual.get(plan, 1.2) * (2.0 if busy else 1.0)

    made.seconds = seconds
    assert chosen() == (half if hit == "bf16" else last)


def test_what_is_far_behind_is_not_timed_again(machine):
    half = Plan(precision="bf16", memory_format=LAST)
    made = machine(of_plan=lambda plan: MILLI * (0.1 if plan == half else 1.0))
    assert chosen() == half
    assert made.tried.count(half) == 1


@pytest.mark.parametrize(
    ("second", "images"), [(0.3, 64), (0.4, 64), (0.6, 32), (1.5, 16), (3.0, 8), (6.0, 4), (30.0, 2)], ids=str
)
def test_batches_that_take_long_are_tried_on_a_part_of_them(machine, monkeypatch, second, images):
    """Of 64; a pass is to take 0.4 s."""
    sizes = []
    made = machine(of_plan=lambda plan: second * (0.4 if plan.precision == "bf16" else 1.0))
    inner = Bench.measure

    def measure(bench, *rest):
        sizes.append((len(bench.images), bench.size))
        return inner(bench, *rest)

    monkeypatch.setattr(Bench, "measure", measure)
    shown, targets = stripes(128)
    parts = dict.fromkeys(("train", "val"), shown)
    source = ArraySource("many", parts, dict.fromkeys(parts, targets), NAMES)
    assert chosen(source=source, batch_size=64).precision == "bf16"
    known = [(2, 64), (8, 64)] if 2 < images < 64 else [(2, 64)]
    assert sizes[: len(known)] == known
    assert set(sizes[len(known) :]) == {(images, 64)}
    assert made.now <= 100.0 + 10.0 + 10 * second


def test_only_what_is_faster_is_checked(machine):
    half = Plan(precision="bf16", memory_format=LAST)
    made = machine(of_plan=lambda plan: (0.1 if plan == half else 1.0) * MILLI)
    rows = {row.plan: row for row in tried(prepared(epochs=LONG), 3000).rows}
    assert made.looked_at == [half]
    assert rows.pop(Plan()).refused == rows.pop(half).refused == ""
    assert {row.refused for row in rows.values()} == {"another is faster, so its numbers were not checked"}
    assert set(made.tried) == {Plan(), half, *rows}


def test_after_a_plan_that_is_wrong_the_next_is_checked(machine):
    times = {("bf16", LAST): 0.3, ("bf16", "contiguous"): 0.5, ("fp32", LAST): 0.7}
    made = machine(of_plan=lambda plan: MILLI * times.get((plan.precision, plan.memory_format), 1.0))
    made.changes = {("bf16", LAST): {"deviation": FAR}, ("bf16", "contiguous"): {"deviation": FAR}}
    assert chosen() == Plan(memory_format=LAST)
    wanted = [("bf16", LAST), ("bf16", "contiguous"), ("fp32", LAST)]
    assert [(plan.precision, plan.memory_format) for plan in made.looked_at] == wanted


def test_a_micro_batch_is_kept_and_measured(machine, monkeypatch):
    sizes = []
    machine({("bf16", LAST): 0.1 * MILLI, ("fp32", "contiguous"): MILLI})
    inner = Bench.measure

    def measure(bench, *rest):
        sizes.append(len(bench.images))
        return inner(bench, *rest)

    monkeypatch.setattr(Bench, "measure", measure)
    plan = chosen(micro_batch=4)
    assert (plan.micro_batch, plan.precision) == (4, "bf16")
    assert sizes[0] == 2  # which tell how long a batch takes
    assert set(sizes[1:]) == {4}


def test_a_plain_run_measures_nothing(machine):
    made = machine({("bf16", LAST): 1e-9})
    assert chosen(plan="plain") == Plan()
    assert chosen(plan="plain", precision="bf16", memory_format="contiguous") == Plan(precision="bf16")
    assert made.tried == []


def test_a_table_of_all_plans(machine):
    made = machine({("bf16", LAST): 0.25, ("fp32", LAST): 0.5})
    table = measure_plans(tiny(), config=quick(plan="auto", batch_size=8))
    assert (table.network, table.batch_size, table.device) == ("tiny", 8, "cpu")
    assert [row.plan for row in table.rows] == made.kinds
    assert table.rows[0].plan == Plan()
    assert table.chosen == Plan(precision="bf16", memory_format=LAST)
    data = json.loads(json.dumps(table.to_data()))
    assert [row["speedup"] for row in data["plans"]][:4] == [1.0, 4.0, 1.0, 2.0]
    assert [row["chosen"] for row in data["plans"]].count(True) == 1
    lines = str(table).splitlines()
    assert [line for line in lines if line.startswith("→")] == [
        f"→ {'bf16, channels last, 1 thread':<40}{250.0:9.1f}   4.00×"
    ]
    before = len(made.tried)
    measure_plans(tiny(), config=quick(plan="auto", batch_size=8))
    assert len(made.tried) == 2 * before  # always anew


def test_a_table_says_what_is_not_used_and_why(machine):
    made = machine()
    made.changes = {("bf16", LAST): {"failure": "ValueError: no half"}, ("fp32", LAST): {"deviation": FAR}}
    table = measure_plans(tiny(), toy_source(), quick(plan="auto"))
    lines = str(table).splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("  bf16, channels last"))
    assert lines[at + 1] == "    not used: ValueError: no half"
    at = next(i for i, line in enumerate(lines) if line.startswith("  fp32, channels last"))
    assert lines[at].endswith("  5.0e-01   0.0e+00    0.0e+00")
    assert lines[at + 1] == "    not used: off by 0.5 of the layer conv, and 0.1 is accepted"


def test_measuring_draws_nothing_from_the_random_state(machine):
    machine()
    before = torch.get_rng_state()
    tried(prepared())
    assert torch.equal(torch.get_rng_state(), before)
