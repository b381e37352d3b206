"""A machine whose times are given, on which nothing is known yet."""

from types import SimpleNamespace

import pytest
import torch
from plan_machine import Machine

from striate.train.plan import choosing, searching
from striate.train.plan.measuring import Bench


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Return a function that makes a machine of given times, by (precision, memory format); the rest takes 1 s.

    Nothing is known of it yet, and it has one thread.
    """
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    monkeypatch.setattr(searching, "ready", lambda patience: False)  # the code of fused layers

    def make(times=None, of_plan=None):
        def seconds(plan):
            return (times or {}).get((plan.precision, plan.memory_format), 1.0)

        made = Machine(of_plan or seconds)
        monkeypatch.setattr(searching, "time", SimpleNamespace(perf_counter=made.perf_counter))
        monkeypatch.setattr(Bench, "measure", lambda bench, *rest: made.measure(bench, *rest))
        monkeypatch.setattr(Bench, "load_fused", lambda bench, patience: made.load_fused(patience))
        monkeypatch.setattr(choosing, "pending", lambda: made.compiling > 0)
        monkeypatch.setattr(Bench, "checked", lambda bench, row: made.checked(row))
        return made

    return make
