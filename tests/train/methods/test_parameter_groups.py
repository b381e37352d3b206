"""Which weights decay, at which rate they are trained, and which are not."""

import pytest
import torch
from oracles import give, gradients, options, small
from torch import nn
from toys import message_of

from striate.errors import ConfigError
from striate.nn import build
from striate.spec import (
    Conv,
    Flatten,
    Linear,
    LocallyConnected,
    Network,
    PReLU,
    Sequential,
    TiledConv,
)
from striate.train.config import Group
from striate.train.methods import make_optimizer


def by_path(module, optimizer, key):
    names = {id(p): n for n, p in module.named_parameters()}
    return {names[id(p)]: group[key] for group in optimizer.param_groups for p in group["params"]}


def test_norms_and_biases_are_spared():
    network = Network(
        "n",
        (1, 8, 8),
        Sequential(
            Conv(4, 3, name="conv"),
            PReLU(name="slope"),
            LocallyConnected(3, 2, name="local"),
            TiledConv(3, 2, 2, name="tiled"),
            Flatten(),
            Linear(2, name="out"),
        ),
    )
    module = build(network)
    assert module.local.bias.ndim == 3
    assert module.tiled.bias.ndim == 3
    decays = by_path(module, make_optimizer(module, options(weight_decay=0.25)), "weight_decay")
    weights = {"conv.weight", "local.weight", "tiled.weight", "out.weight"}
    assert decays == {n: 0.25 if n in weights else 0.0 for n, _ in module.named_parameters()}


def test_a_norm_over_maps_is_spared():
    module = nn.Sequential(nn.LayerNorm((2, 4, 4)), nn.Flatten(), nn.Linear(32, 2))
    assert module[0].weight.ndim == 3
    decays = by_path(module, make_optimizer(module, options()), "weight_decay")
    assert decays == {"0.weight": 0, "0.bias": 0, "2.weight": 0.1, "2.bias": 0}


def test_decay_all():
    module = small()
    decays = by_path(module, make_optimizer(module, options(decay_all=True)), "weight_decay")
    assert decays == dict.fromkeys(dict(module.named_parameters()), 0.1)


def test_the_first_group_that_matches_counts():
    module = small()
    groups = (
        Group(paths="fc.*", lr_factor=0.5),
        Group(paths="*.weight", lr_factor=3.0, weight_decay=0.2),
        Group(paths="conv.*", lr_factor=7.0),
    )
    optimizer = make_optimizer(module, options(groups=groups))
    factors = by_path(module, optimizer, "lr_factor")
    expected = {
        "conv.weight": 3.0,
        "conv.bias": 7.0,
        "norm.weight": 3.0,
        "norm.bias": 1.0,
        "fc.weight": 0.5,
        "fc.bias": 0.5,
        "out.weight": 3.0,
        "out.bias": 1.0,
    }
    assert factors == expected
    assert by_path(module, optimizer, "lr") == {n: 0.05 * f for n, f in expected.items()}
    decays = by_path(module, optimizer, "weight_decay")
    assert {n for n, d in decays.items() if d == 0.2} == {"conv.weight", "out.weight"}
    assert {n for n, d in decays.items() if d == 0.1} == {"fc.weight"}


@pytest.mark.parametrize("name", ["sgd", "adamw", "lars", "muon"])
def test_factor_0_freezes(name):
    module = small()
    optimizer = make_optimizer(
        module, options(name=name, groups=(Group(paths="conv.*", lr_factor=0.0),), lookahead=2)
    )
    assert not module.conv.weight.requires_grad
    assert "conv.weight" not in by_path(module, optimizer, "lr")
    before = {n: p.detach().clone() for n, p in module.named_parameters()}
    for by_name in gradients(module, 3):
        give(module, by_name)
        optimizer.step()
    stayed = {n for n, p in module.named_parameters() if torch.equal(p, before[n])}
    assert stayed == {"conv.weight", "conv.bias"}


def test_weights_that_two_layers_share_are_taken_once():
    module = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    module[1].weight = module[0].weight
    optimizer = make_optimizer(module, options())
    assert sum(len(group["params"]) for group in optimizer.param_groups) == 3


@pytest.mark.parametrize(
    ("groups", "says"),
    [
        ((Group(paths="conf.*"),), "groups: 'conf.*' matches no weight. Did you mean 'conv."),
        (
            (Group(paths="*.bias", weight_decay=0.1),),
            "groups: '*.bias' has weight_decay=0.1, but norms and biases",
        ),
        ((Group(paths="*", lr_factor=0.0),), "there is nothing to train: every weight is frozen."),
    ],
    ids=["no match", "decay of biases", "all frozen"],
)
def test_bad_groups(groups, says):
    assert message_of(ConfigError, make_optimizer, small(), options(groups=groups)).startswith(says)
