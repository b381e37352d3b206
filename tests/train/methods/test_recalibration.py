"""Statistics of BatchNorm after `recalibrate`, against numpy."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.swa_utils import update_bn

from striate.nn import build
from striate.spec import AuxHead, BatchNorm, Conv, Flatten, Linear, Network, Sequential
from striate.train.methods import recalibrate


def batches(count=4):
    return torch.randn(count, 8, 2, 6, 6, generator=torch.Generator().manual_seed(1)).double() * 3 + 1


def normed():
    torch.manual_seed(0)
    module = nn.Sequential(nn.BatchNorm2d(2), nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3, momentum=0.3), nn.ReLU())
    return module.double()


def test_statistics_are_the_mean_of_those_of_batches():
    module = normed()
    recalibrate(module, batches())
    x = batches().numpy()
    mean = x.mean((1, 3, 4)).mean(0)
    variance = x.var((1, 3, 4), ddof=1).mean(0)
    assert np.allclose(module[0].running_mean, mean)
    assert np.allclose(module[0].running_var, variance)
    assert module[0].num_batches_tracked == 4
    assert module[2].momentum == 0.3


def test_as_torch_has_it_where_there_is_no_dropout():
    ours, theirs = normed(), normed()
    ours(batches()[0])  # what was there before does not count
    recalibrate(ours, batches())
    update_bn(batches(), theirs)
    for name, value in ours.state_dict().items():
        assert torch.equal(value, theirs.state_dict()[name])


def test_dropout_stays_out_and_modes_stay():
    module = nn.Sequential(nn.Dropout(0.9), nn.BatchNorm2d(2)).double()
    module[0].eval()
    modes = [part.training for part in module.modules()]
    state = torch.get_rng_state()
    recalibrate(module, batches())
    assert torch.equal(torch.get_rng_state(), state)
    assert [part.training for part in module.modules()] == modes
    module.train()
    recalibrate(module, batches())
    assert np.allclose(module[1].running_mean, batches().numpy().mean((0, 1, 3, 4)))


def test_heads_that_do_not_run_keep_their_statistics():
    head = AuxHead(Sequential(BatchNorm(name="inner"), Flatten(), Linear(2)), 0.3, name="aux")
    module = build(
        Network("n", (2, 6, 6), Sequential(Conv(3, 3), head, BatchNorm(), Flatten(), Linear(2))), seed=0
    )
    module.double().train()
    module(batches()[0])
    before = copy.deepcopy(module.state_dict())
    recalibrate(module, batches())
    changed = {n for n, value in module.state_dict().items() if not torch.equal(value, before[n])}
    assert len(changed) == 3
    assert not any("aux" in name for name in changed)


def test_no_images_change_nothing():
    module = normed()
    module(batches()[0])
    before = copy.deepcopy(module.state_dict())
    recalibrate(module, [])
    assert all(torch.equal(value, before[n]) for n, value in module.state_dict().items())


def test_after_an_error_all_is_as_before():
    module = normed().train()
    module(batches()[0])
    before = copy.deepcopy(module.state_dict())
    with pytest.raises(RuntimeError, match="should contain 5 elements"):
        recalibrate(module, [*batches(), torch.zeros(2, 5, 6, 6).double()])
    assert module[2].momentum == 0.3
    assert all(part.training for part in module.modules())
    assert all(torch.equal(value, before[n]) for n, value in module.state_dict().items())
