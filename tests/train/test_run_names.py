"""Where runs are made, who may read them, and what interrupts them."""

import dataclasses
import os
import signal
import stat
from pathlib import Path

import pytest
import torch
from torch import nn
from toys import message_of, quick, tiny, toy_source

import striate as st
from striate.errors import ConfigError, DescriptionError, TrainingError
from striate.nn import build
from striate.spec import AuxHead, Conv, Flatten, Linear, Network, ReLU, Sequential
from striate.train import Diverged, Finished, train


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("../../escaped", "escaped-1"),
        ("/abs/olute", "abs-olute-1"),
        ("..", "network-1"),
        ("my net", "my-net-1"),
        ("网" * 100, "网" * 20 + "-1"),
    ],
)
def test_a_network_s_name_never_leaves_runs(tmp_path, monkeypatch, name, folder):
    monkeypatch.chdir(tmp_path)
    network = dataclasses.replace(tiny(), name=name)
    st.fit(network, toy_source(), config=quick(epochs=0.2))
    assert [p.name for p in tmp_path.iterdir()] == ["runs"]
    assert [p.name for p in (tmp_path / "runs").iterdir()] == [folder]


def test_two_runs_begun_together_take_two_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, second = (train(tiny(), toy_source(), quick(epochs=0.2)) for _ in range(2))
    assert [next(first).run, next(second).run] == [str(Path("runs") / f"tiny-{i}") for i in (1, 2)]
    first.close()
    second.close()


def test_others_may_read_a_run_as_the_umask_says(tmp_path):
    before = os.umask(0o027)
    try:
        st.fit(tiny(), toy_source(), out=tmp_path / "run", config=quick(epochs=0.2))
    finally:
        os.umask(before)
    files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o640}


def test_an_interrupt_that_comes_too_late_changes_nothing(tmp_path):
    def press(event):
        if isinstance(event, Finished):
            os.kill(os.getpid(), signal.SIGINT)

    run = st.fit(tiny(), toy_source(), out=tmp_path / "run", config=quick(), on_event=press)
    assert run.module()(torch.zeros(1, 1, 8, 8)).shape == (1, 3)


def test_the_heads_outputs_are_checked(tmp_path):
    body = [Conv(4, 3), AuxHead([Flatten(), Linear(5)], name="head"), ReLU(), Flatten(), Linear(3)]
    network = Network("n", (1, 8, 8), Sequential(*body))
    assert message_of(ConfigError, train, network, toy_source(), quick(), tmp_path / "run") == (
        "head (AuxHead) gives an output of shape (5,), and the data has 3 classes; end its body with Linear(3)."
    )
    assert list(tmp_path.iterdir()) == []


def test_a_batch_that_this_machine_cannot_hold(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 5}.__getitem__)
    text = message_of(ConfigError, train, tiny(), toy_source(), quick(), tmp_path / "run")
    needed = 4 * (3 * 151 + 16 * (64 + 144 + 144 + 36 + 36 + 3))  # tiny: parameters, input and outputs
    assert text == (
        "batch_size=16: must be less for this network. "
        f"Training takes at least {needed / 1024:.1f} KiB, and this machine has 20.0 KiB."
    )


def test_a_network_that_this_machine_cannot_hold_even_for_one_image(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 1024, "SC_PHYS_PAGES": 3}.__getitem__)
    text = message_of(ConfigError, train, tiny(), toy_source(), quick(), tmp_path / "run")
    least = 4 * (3 * 151 + 64 + 144 + 144 + 36 + 36 + 3)
    assert text == (
        f"this network takes at least {least / 1024:.1f} KiB to train, with one image at a time, and this machine has "
        "3.0 KiB. Use a smaller network or a smaller input."
    )


class Exhausting(nn.Module):
    """Has memory for so many images."""

    def __init__(self, most):
        super().__init__()
        self.inner = build(tiny(), seed=0)
        self.most = most

    def forward(self, x):
        if len(x) > self.most and self.training:
            raise RuntimeError(
                "[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate 9"
            )
        return self.inner(x)


def test_memory_that_runs_out_amid_training(tmp_path):
    module = Exhausting(most=2)
    events = train(module, toy_source(), quick(), tmp_path / "run")
    next(events)
    module.most = 0
    assert message_of(TrainingError, next, events) == (
        "not enough memory for one image at a time: [enforce fail] DefaultCPUAllocator: not enough memory: "
        "you tried to allocate 9. Use a smaller network or input."
    )


class Scaled(nn.Module):
    """Has weights of its own beside those of its parts."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor([float("nan")]))
        self.part = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))

    def forward(self, x):
        return self.scale * self.part(x)


@pytest.mark.parametrize(("module", "layer"), [(Scaled(), ""), (nn.Sequential(Scaled()), "0")])
def test_weights_beside_parts_are_watched_too(tmp_path, module, layer):
    events = train(module, toy_source(), quick(), tmp_path / "run")
    next(events)
    assert next(events) == Diverged(step=1, layer=layer, what="weights")
    where = "the module itself" if not layer else "'0'"
    assert f"first in the weights of {where}. " in message_of(TrainingError, next, events)


def test_networks_by_the_names_of_the_command_line(tmp_path):
    path = tmp_path / "net.yaml"
    tiny().save(path)
    run = st.fit(str(path), toy_source(), out=tmp_path / "run", config=quick(epochs=0.2))
    assert run.network == tiny()


def test_what_is_no_network(tmp_path):
    allowed = "must be a Network or a torch.nn.Module; st.zoo has named ones, st.Network.load reads files."
    assert message_of(ConfigError, st.train, 3, toy_source()) == f"network=3: {allowed}"
    assert message_of(ConfigError, st.fit, None, toy_source()) == f"network=None: {allowed}"
    assert message_of(DescriptionError, st.analyze, "lenet5") == (
        "network='lenet5': must be a Network, such as st.zoo.lenet5()."
    )
