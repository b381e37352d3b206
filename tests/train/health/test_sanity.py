"""Overfitting one batch: what can learn passes, what cannot does not, and nothing is left behind."""

import json

import numpy as np
import pytest
import torch
from torch import nn
from toys import files_below, message_of, quick, stripes, tiny, toy_source

import striate as st
from striate.data import ArraySource
from striate.errors import ConfigError
from striate.spec import Conv, Dropout, Flatten, Linear, Network, ReLU, Sequential
from striate.train import overfit_batch

LIMIT = 0.05 * np.log(3)


def random_labels():
    images, targets = {}, {}
    for seed, split in enumerate(("train", "val")):
        images[split], _ = stripes(24, seed)
        targets[split] = np.random.default_rng(seed).integers(0, 3, 24)
    return ArraySource("random", images, targets, ("a", "b", "c"))


def wide():
    return Network(
        "wide", (1, 8, 8), Sequential(Conv(8, 3), ReLU(), Flatten(), Linear(32), ReLU(), Linear(3))
    )


def test_what_can_learn(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = st.sanity(tiny(), toy_source(), batch_size=16, device="cpu", lr=0.01)
    assert found.ok
    assert (found.network, found.images, found.accuracy, found.causes) == ("tiny", 16, 1.0, ())
    assert found.loss <= found.limit == pytest.approx(LIMIT)
    assert 1 < found.steps < found.most == 500
    assert str(found).startswith(
        f"tiny overfits one batch of 16 images in {found.steps} steps: the network can learn ("
    )
    assert files_below(tmp_path) == []


def test_labels_at_random_are_learned_by_heart():
    assert overfit_batch(wide(), random_labels(), quick(lr=0.01)).ok


def test_nothing_hinders_it():
    network = Network("noisy", (1, 8, 8), Sequential(Conv(8, 3), ReLU(), Flatten(), Dropout(0.95), Linear(3)))
    hindered = {
        "l1": 1.0,
        "l2": 1.0,
        "max_norm": 1e-3,
        "gradient_noise": 5.0,
        "label_smoothing": 0.9,
        "ema": 0.9,
    }
    config = quick(lr=0.01, weight_decay=10.0, augment="cifar", **hindered)
    assert overfit_batch(network, toy_source(), config).ok


def test_zero_weights_cannot_learn():
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    found = overfit_batch(module, toy_source(), quick(lr=0.01), steps=30)
    assert not found.ok
    assert found.steps == found.most == 30
    assert any("0: its gradient is 0 (likewise 3)." in cause for cause in found.causes)
    assert str(found).splitlines()[1] == "likely causes:"


def test_a_cut_gradient_cannot_be_learned_through():
    class Cut(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = nn.Linear(64, 8), nn.Linear(8, 3)
            nn.init.zeros_(self.head.weight)
            self.head.weight.requires_grad = False

        def forward(self, x):
            return self.head(self.body(x.flatten(1)).detach())

    found = overfit_batch(Cut(), toy_source(), quick(lr=0.01), steps=20)
    assert found.causes[0].startswith("body: its gradient is 0.")


def test_a_tiny_rate_is_the_cause():
    found = overfit_batch(tiny(), toy_source(), quick(lr=1e-9), steps=20)
    assert not found.ok
    assert "Raise --lr." in found.causes[0]
    assert "The loss hardly fell" in found.causes[-1]


def test_a_loss_that_is_no_number_is_the_cause():
    found = overfit_batch(tiny(), toy_source(), quick(lr=1e25, optimizer="sgd", warmup=0.0))
    assert not found.ok
    assert found.steps == 1
    assert "is not a finite number: first in the " in found.causes[0]
    assert json.loads(json.dumps(found.to_data(), allow_nan=False))["ok"] is False


def test_images_that_contradict_each_other_are_the_cause():
    images = np.repeat(stripes(6)[0], 2, 0)
    source = ArraySource(
        "twins",
        {"train": images, "val": images},
        {s: np.arange(12) % 3 for s in ("train", "val")},
        ("a", "b", "c"),
    )
    found = overfit_batch(tiny(), source, quick(lr=0.01, batch_size=12), steps=20)
    assert found.causes[0] == (
        "6 images of the batch are equal to another with another label; see striate data check."
    )


def test_a_module_and_the_random_state_stay_as_they_were():
    module = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.Flatten(), nn.Linear(144, 3)
    )
    before = {name: value.clone() for name, value in module.state_dict().items()}
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    overfit_batch(module, toy_source(), quick(), steps=3)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads
    assert module[2].p == 0.5


def test_it_is_a_function_of_the_seed():
    first, again, other = (
        overfit_batch(tiny(), toy_source(), quick(lr=0.01, seed=s), steps=40) for s in (1, 1, 2)
    )
    assert first == again
    assert first.loss != other.loss


def test_several_labels_an_image():
    images, targets = stripes(24)
    several = np.eye(3, dtype=np.uint8)[targets]
    several[:, 0] = 1
    source = ArraySource(
        "several", {"train": images, "val": images}, {"train": several, "val": several}, ("a", "b", "c")
    )
    found = overfit_batch(tiny(), source, quick(lr=0.02))
    assert found.ok
    assert found.limit == pytest.approx(0.05 * np.log(2))


@pytest.mark.parametrize("steps", [0, -1, "x", 2.0])
def test_steps_below_one(steps):
    text = message_of(ConfigError, overfit_batch, tiny(), toy_source(), quick(), steps=steps)
    assert text == f"steps={steps!r}: must be a whole number, 1 or more."


def test_on_the_command_line(striate, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    common = ("train", "lenet5_relu", "--data", "digits", "--device", "cpu", "--sanity", "--batch-size", "16")
    done = striate(*common)
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("lenet5_relu overfits one batch of 16 images in ")
    failed = striate(*common, "--lr", "1e30", "--optimizer", "sgd", "--warmup", "0", "--json")
    assert failed.status == 1
    data = json.loads(failed.out)
    assert (data["ok"], data["images"], len(data["causes"])) == (False, 16, 1)
    refused = striate(*common, "--out", "x")
    assert refused.status == 2
    assert refused.err == "striate: --sanity makes no run folder; leave out --out.\n"
    assert files_below(tmp_path) == []
