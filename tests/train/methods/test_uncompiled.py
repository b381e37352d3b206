"""Optimizers that load no compiler compute as torch's do, and are as them to their users."""

import copy

import pytest
import torch
from torch import nn

from striate.train.methods.uncompiled import uncompiled

KINDS = {
    "sgd": (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    "adagrad": (torch.optim.Adagrad, {"lr": 0.1}),
    "adamw": (torch.optim.AdamW, {"lr": 0.1, "fused": True}),
    "nadam": (torch.optim.NAdam, {"lr": 0.1}),
    "rmsprop": (torch.optim.RMSprop, {"lr": 0.1, "momentum": 0.5}),
}


def stepped(optimizer, module):
    """Return the weights after three steps."""
    for number in range(3):
        optimizer.zero_grad()
        module(torch.arange(4.0) + number).square().sum().backward()
        optimizer.step()
    return [weight.detach().clone() for weight in module.parameters()]


@pytest.mark.parametrize("name", KINDS)
def test_steps_and_states_are_those_of_torch(name):
    kind, options = KINDS[name]
    torch.manual_seed(0)
    module = nn.Linear(4, 3)
    twin = copy.deepcopy(module)
    ours, theirs = uncompiled(kind)(module.parameters(), **options), kind(twin.parameters(), **options)
    assert all(map(torch.equal, stepped(ours, module), stepped(theirs, twin)))
    again = uncompiled(kind)(module.parameters(), **options)
    again.load_state_dict(copy.deepcopy(theirs.state_dict()))
    assert all(map(torch.equal, stepped(again, module), stepped(theirs, twin)))
    assert str(ours) == str(theirs)


def test_hooks_are_called_and_no_gradients_kept():
    module, seen = nn.Linear(4, 3), []
    optimizer = uncompiled(torch.optim.SGD)(module.parameters(), lr=0.1)
    optimizer.register_step_pre_hook(lambda *_: seen.append("before"))
    optimizer.register_step_post_hook(lambda *_: seen.append(torch.is_grad_enabled()))
    stepped(optimizer, module)
    assert seen == ["before", True] * 3
    assert all(weight.is_leaf for weight in module.parameters())
