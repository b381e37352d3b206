"""A run is a function of its seed."""

import pytest
import torch
from toys import quick, toy_source, trained

from striate.spec import BatchNorm, Conv, Dropout, Flatten, Linear, MaxPool, Network, ReLU, Sequential
from striate.train import StepDone, train

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


@pytest.mark.parametrize("end", ["drained", "closed", "failed"])
def test_small_steps_take_one_thread_and_the_setting_is_restored(tmp_path, end):
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        events = train(NETWORK, toy_source(), quick(), tmp_path / "run")
        next(events)
        assert torch.get_num_threads() == 1
        if end == "drained":
            list(events)
        elif end == "closed":
            events.close()
        else:
            with pytest.raises(LookupError):
                events.throw(LookupError())
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
