"""What is known of plans that were tried before, and when they are tried anew."""

import dataclasses
import json

import pytest
import torch
from plan_machine import LAST, LONG, MILLI, chosen
from plan_toys import prepared
from toys import NAMES, stripes, tiny

from striate.data import ArraySource
from striate.spec import Conv, Flatten, Linear, Network, Sequential
from striate.train.plan import Plan, choosing
from striate.train.plan.choosing import planned


def known_files(tmp_path):
    return sorted((tmp_path / "cache" / "known").glob("*.json"))


def test_a_second_run_measures_nothing_and_decides_alike(machine):
    made = machine({("bf16", LAST): 0.1 * MILLI, ("fp32", "contiguous"): MILLI})
    first = chosen()
    count = len(made.tried)
    assert count > 1
    made.seconds = lambda plan: 7.0  # as if the machine were another now
    assert [chosen(), chosen(seed=3, lr=0.5)] == [first] * 2
    assert first == Plan(precision="bf16", memory_format=LAST)
    assert len(made.tried) == count


def other_network():
    return Network("other", (1, 8, 8), Sequential(Conv(5, 3), Flatten(), Linear(3)))


def one_more_class():
    images, targets = stripes(48)
    targets = targets.copy()
    targets[:4] = 3
    parts = dict.fromkeys(("train", "val"), images)
    return ArraySource("more", parts, dict.fromkeys(parts, targets), (*NAMES, "fourth"))


CHANGES = {
    "network": lambda: {"network": other_network()},
    "batch size": lambda: {"batch_size": 8},
    "classes": lambda: {"network": tiny(classes=4), "source": one_more_class()},
    "threads": lambda: {"threads": 2},
    "micro batch": lambda: {"micro_batch": 4},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_times_depend_on_is_measured_anew(machine, change):
    made = machine(of_plan=lambda plan: MILLI)
    chosen()
    count = len(made.tried)
    planned(prepared(**{"epochs": LONG} | change()))
    assert len(made.tried) > count


@pytest.mark.parametrize("what", ["version", "machine"])
def test_another_version_or_machine_is_measured_anew(machine, monkeypatch, what):
    made = machine(of_plan=lambda plan: MILLI)
    chosen()
    count = len(made.tried)
    if what == "machine":
        monkeypatch.setattr(choosing, "_processor", lambda: "another processor")
        ready = prepared(epochs=LONG)
    else:
        ready = prepared(epochs=LONG)
        versions = ready.record.versions | {"torch": "9.9"}
        ready = dataclasses.replace(ready, record=dataclasses.replace(ready.record, versions=versions))
    planned(ready)
    assert len(made.tried) == 2 * count


def test_modules_are_told_apart_by_their_parts(machine):
    def module(width, frozen=False):
        made = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, width), torch.nn.Linear(width, 3))
        made[1].requires_grad_(not frozen)
        return made

    made = machine(of_plan=lambda plan: MILLI)
    counts = []
    for each in (module(4), module(4), module(5), module(4, frozen=True)):
        before = len(made.tried)
        planned(prepared(each, epochs=LONG))
        counts.append(len(made.tried) - before > 0)
    assert counts == [True, False, True, True]


def broken(data):
    """Yield texts that are no such file, or say what no machine can do."""
    rows = data["rows"]
    yield "damaged", "{"
    yield "foreign", json.dumps({"format": 1})
    yield "of another kind", json.dumps([1, 2])
    yield "empty", ""
    for name, field, value in (
        ("threads", "threads", 0),
        ("negative threads", "threads", -4),
        ("precision", "precision", "fp8"),
        ("micro batch", "micro_batch", 0),
        ("layout", "memory_format", None),
    ):
        bad = [{**row, "plan": {**row["plan"], field: value}} for row in rows]
        yield name, json.dumps({**data, "rows": bad})
    yield "no rows", json.dumps({**data, "rows": []})
    yield "no budget", json.dumps({k: v for k, v in data.items() if k != "budget"})


def test_a_damaged_or_foreign_file_is_measured_anew(tmp_path, machine):
    made = machine(of_plan=lambda plan: MILLI)
    chosen()
    (file,) = known_files(tmp_path)
    for name, text in list(broken(json.loads(file.read_text()))):
        file.write_text(text)
        made.tried.clear()
        assert chosen() == Plan(), name
        assert made.tried, name
    made.tried.clear()
    chosen()
    assert made.tried == []


def test_without_a_cache(monkeypatch, tmp_path, machine):
    monkeypatch.setenv("STRIATE_CACHE", "off")
    made = machine({("bf16", LAST): 0.1 * MILLI, ("fp32", "contiguous"): MILLI})
    assert chosen() == chosen() == Plan(precision="bf16", memory_format=LAST)
    assert made.tried[: len(made.tried) // 2] * 2 == made.tried
    assert known_files(tmp_path) == []


def test_a_run_that_can_afford_more_measures_more(machine):
    made = machine(of_plan=lambda plan: 0.1)
    chosen(34.0)
    few = len(made.tried)
    chosen(60.0)  # less than twice as much
    assert len(made.tried) == few == 1
    chosen(80.0)
    more = len(made.tried)
    assert more > few
    chosen(34.0)
    chosen(1.0)
    assert len(made.tried) == more


def test_a_search_that_was_bound_does_not_bind_the_next(machine):
    made = machine({("bf16", LAST): 0.1 * MILLI, ("fp32", "contiguous"): MILLI})
    assert chosen(precision="fp32", memory_format="contiguous") == Plan()
    assert made.tried == [Plan()]
    assert chosen() == Plan(precision="bf16", memory_format=LAST)
    made.tried.clear()
    assert chosen(precision="fp32", memory_format="contiguous") == Plan()
    assert made.tried == []


def test_what_was_never_checked_is_not_kept_beyond_the_next_search(machine):
    """Else a plan that was once quick, and has not been tried since, would have every run search anew."""
    times = {("bf16", LAST): 0.5 * MILLI, ("bf16", "contiguous"): 0.52 * MILLI}
    made = machine(of_plan=lambda plan: times.get((plan.precision, plan.memory_format), MILLI))
    assert chosen(100.0) == Plan(precision="bf16", memory_format=LAST)
    made.seconds = lambda plan: 6.0  # so that there is no time for the other
    assert chosen(LONG) == Plan()
    made.tried.clear()
    assert chosen(LONG) == Plan()
    assert made.tried == []


def test_nothing_is_known_of_a_machine_that_was_compiling(machine):
    """A search beside it would be of times that are too long."""
    made = machine({("bf16", LAST): 0.1 * MILLI, ("fp32", "contiguous"): MILLI})
    made.compiling = 12.0
    epochs = 15_000.0  # 45 s
    first = planned(prepared(epochs=epochs))
    assert first.plan == Plan()
    assert "still being compiled, once on this machine" in first.notes[-1]
    assert made.tried == [Plan()]
    made.compiling = 0.0
    assert planned(prepared(epochs=epochs)).notes == first.notes[:-1]
    assert chosen(epochs) == Plan(precision="bf16", memory_format=LAST)


def test_a_long_run_waits_until_all_is_compiled(machine):
    made = machine({("bf16", LAST): 0.1 * MILLI, ("fp32", "contiguous"): MILLI})
    made.compiling = 12.0  # more than the search may take
    assert chosen(100_000.0) == Plan(precision="bf16", memory_format=LAST)
    assert made.compiling == 0.0
