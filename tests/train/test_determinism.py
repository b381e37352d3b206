"""A run is a function of its seed."""

import pytest
import torch
from toys import trained

from striate.spec import BatchNorm, Conv, Dropout, Flatten, Linear, MaxPool, Network, ReLU, Sequential
from striate.train import StepDone

NETWORK = Network(
    "dropping",
    (1, 8, 8),
    Sequential(Conv(4, 3), BatchNorm(), ReLU(), MaxPool(2), Flatten(), Dropout(0.5), Linear(3)),
)


def run(path, **options):
    events = trained(path, NETWORK, **options)
    losses = [e.loss for e in events if isinstance(e, StepDone)]
    return losses, (path / "model.safetensors").read_bytes()


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_the_same_seed_gives_the_same_bits(tmp_path, optimizer):
    first = run(tmp_path / "a", seed=1, optimizer=optimizer)
    torch.manual_seed(99)
    torch.rand(7)  # what happened before does not matter
    assert run(tmp_path / "b", seed=1, optimizer=optimizer) == first


def test_another_seed_gives_another_run(tmp_path):
    losses, weights = run(tmp_path / "a", seed=1)
    others, other_weights = run(tmp_path / "b", seed=2)
    assert len(losses) == len(others) == 6
    assert all(a != b for a, b in zip(losses, others, strict=True))
    assert weights != other_weights
