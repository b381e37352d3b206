"""Means of weights against closed forms, and that a module gets its own back to the bit."""

import numpy as np
import pytest
import torch
from oracles import small
from safetensors.torch import load, save
from torch import nn
from toys import message_of

from striate.errors import ConfigError, WeightsError
from striate.train.config import AveragingConfig
from striate.train.methods import Ema, Swa, make_average

FLOATS = ("conv.weight", "norm.running_mean", "out.bias")


def moved(module, step):
    """Set every floating-point tensor of ``module`` to numbers that are a function of ``step``."""
    generator = torch.Generator().manual_seed(step)
    for value in module.state_dict().values():
        if value.is_floating_point():
            value.normal_(generator=generator)
        else:
            value.fill_(step)
    return {name: value.detach().double().numpy().copy() for name, value in module.state_dict().items()}


def means(average):
    return {n.removeprefix("mean/"): v.double().numpy() for n, v in average.state().items() if n != "count"}


def test_ema_is_its_sum():
    module = small()
    values = [moved(module, 0)]
    average = Ema(module, 0.6)
    for step in range(1, 21):
        values.append(moved(module, step))
        assert average.update(module, step)
    decays = [min(0.6, (1 + t) / (10 + t)) for t in range(20)]
    assert decays[0] == 0.1
    assert decays[-1] == 0.6
    # Each set of weights counts its own share times all decays after it.
    shares = [np.prod(decays)] + [(1 - d) * np.prod(decays[t + 1 :]) for t, d in enumerate(decays)]
    assert sum(shares) == pytest.approx(1)
    got = means(average)
    for name in FLOATS:
        assert np.abs(got[name] - sum(s * v[name] for s, v in zip(shares, values, strict=True))).max() < 1e-12
    assert "norm.num_batches_tracked" not in got


@pytest.mark.parametrize(
    ("config", "taken"),
    [
        (AveragingConfig(swa=0.5), [10, 14, 17, 20]),  # epochs of 10 / 3 steps end at 4, 7, 10, 14, 17, 20
        (AveragingConfig(swa=0.0, swa_every=2), [7, 14, 20]),
        (AveragingConfig(swa=0.99), [20]),
        (AveragingConfig(swa=0.5, swa_every=50), [20]),
    ],
    ids=["half", "every other", "late", "never"],
)
def test_swa_takes_the_ends_of_epochs(config, taken):
    module = small()
    average = make_average(module, config, steps=20, steps_per_epoch=10 / 3)
    values = {step: moved(module, step) for step in range(1, 21)}
    got = []
    for step in range(1, 21):
        moved(module, step)
        if average.update(module, step):
            got.append(step)
    assert got == taken
    assert average.count == len(taken)
    for name in FLOATS:
        wanted = np.mean([values[step][name] for step in taken], axis=0)
        assert np.abs(means(average)[name] - wanted).max() < 1e-12


def both(module):
    return [Ema(module, 0.9), Swa(module, 0, 9, 1.0)]


@pytest.mark.parametrize("which", [0, 1], ids=["ema", "swa"])
def test_in_place_and_back_to_the_bit(which):
    module = small(torch.float32)
    average = both(module)[which]
    for step in range(1, 6):
        moved(module, step)
        average.update(module, step)
    moved(module, 6)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    places = {name: p.data_ptr() for name, p in module.named_parameters()}
    with average.in_place_of(module):
        for name, value in means(average).items():
            assert np.array_equal(module.state_dict()[name].double().numpy(), value)
        assert module.norm.num_batches_tracked == 6
        module.train()
        module(torch.ones(4, 2, 3, 3))  # changes statistics and counts
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name])
    assert places == {name: p.data_ptr() for name, p in module.named_parameters()}


def test_a_module_gets_its_own_back_after_an_error():
    module = small()
    average = Ema(module, 0.9)
    moved(module, 1)
    average.update(module, 1)
    before = module.out.weight.detach().clone()

    def fails():
        with average.in_place_of(module):
            assert not torch.equal(module.out.weight, before)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fails()
    assert torch.equal(module.out.weight, before)


def test_with_nothing_in_the_mean_the_module_stays_as_it_is():
    module = small()
    average = Swa(module, 5, 9, 1.0)
    moved(module, 1)
    before = module.out.weight.detach().clone()
    with average.in_place_of(module):
        assert torch.equal(module.out.weight, before)


@pytest.mark.parametrize("which", [0, 1], ids=["ema", "swa"])
def test_resumed_to_the_bit(which):
    through = both(small(torch.float32))[which]
    for step in range(1, 10):
        module = small(torch.float32)
        moved(module, step)
        through.update(module, step)
        if step == 4:
            kept = load(save({n: v.contiguous() for n, v in through.state().items()}))
    resumed = both(small(torch.float32))[which]
    resumed.load(kept)
    for step in range(5, 10):
        module = small(torch.float32)
        moved(module, step)
        resumed.update(module, step)
    assert resumed.state().keys() == through.state().keys()
    for name, value in through.state().items():
        assert torch.equal(value, resumed.state()[name])


def test_means_of_bfloat16_are_finer_than_it():
    module = nn.Linear(1, 1, bias=False).bfloat16()
    nn.init.ones_(module.weight)
    average = Ema(module, 0.999)
    average.load({"count": torch.tensor(0), "mean/weight": torch.zeros(1, 1)})
    for step in range(100_000, 100_100):
        average.update(module, step)
    assert means(average)["weight"].item() == pytest.approx(1 - 0.999**100, rel=1e-4)


@pytest.mark.parametrize("change", ["missing", "unexpected", "shape"])
def test_state_of_another_module(change):
    average = Ema(small(), 0.9)
    state = dict(average.state())
    if change == "missing":
        del state["mean/out.bias"]
    elif change == "unexpected":
        state["mean/out.more"] = torch.zeros(1)
    else:
        state["mean/out.bias"] = torch.zeros(9, dtype=torch.float64)
    name = "mean/out.more" if change == "unexpected" else "mean/out.bias"
    message = message_of(WeightsError, average.load, state)
    assert message.startswith(f"means of weights do not fit the module: {name} are missing, unexpected")


def test_which_mean():
    module = small()
    assert make_average(module, AveragingConfig(), 10, 2.0) is None
    assert isinstance(make_average(module, AveragingConfig(ema=0.9), 10, 2.0), Ema)
    two = AveragingConfig(ema=0.9, swa=0.5)
    assert message_of(ConfigError, make_average, module, two, 10, 2.0) == (
        "ema=0.9 and swa=0.5: one mean answers; leave one of them out."
    )
