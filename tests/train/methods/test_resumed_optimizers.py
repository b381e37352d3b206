"""An optimizer that was saved and loaded goes on to the bit."""

import json

import pytest
import torch
from oracles import give, gradients, options, small
from safetensors.torch import load, save
from toys import message_of

from striate.errors import WeightsError
from striate.train.methods import make_optimizer

NAMES = ["sgd", "adagrad", "adadelta", "rmsprop", "adam", "adamw", "nadam", "radam", "lars", "muon"]
ORDERS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


def through_a_file(state):
    """Return ``state`` as it comes back from tensors in safetensors and all else in JSON."""
    tensors = {
        f"{index}/{name}": value.contiguous()
        for index, values in state["state"].items()
        for name, value in values.items()
    }
    groups = json.loads(json.dumps(state["param_groups"]))
    back = {}
    for key, value in load(save(tensors)).items():
        index, name = key.split("/")
        back.setdefault(int(index), {})[name] = value
    return {"state": back, "param_groups": groups}


def made(order, dtype=torch.float32, **given):
    module = small(dtype).to(memory_format=ORDERS[order])
    return module, make_optimizer(module, options(**given))


def steps(module, optimizer, by_step):
    for done, by_name in enumerate(by_step):
        for group in optimizer.param_groups:
            group["lr"] = 0.05 / (1 + done) * group["lr_factor"]
        give(module, by_name)
        optimizer.step()


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("lookahead", [None, 3], ids=["plain", "lookahead"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("at", [1, 5])
def test_bit_for_bit(name, lookahead, order, at):
    check_resumed(at, order, name=name, lookahead=lookahead)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=["f64", "bf16"])
@pytest.mark.parametrize("name", NAMES)
def test_in_other_precisions(name, dtype):
    check_resumed(5, "contiguous", dtype=dtype, name=name, lookahead=3)


def check_resumed(at, order, **given):
    through, optimizer = made(order, **given)
    by_step = gradients(through, 11)
    steps(through, optimizer, by_step)

    first, optimizer = made(order, **given)
    steps(first, optimizer, by_step[:at])
    second, resumed = made(order, **given)
    second.load_state_dict(first.state_dict())
    resumed.load_state_dict(through_a_file(optimizer.state_dict()))
    for done, by_name in enumerate(by_step[at:], at):
        for group in resumed.param_groups:
            group["lr"] = 0.05 / (1 + done) * group["lr_factor"]
        give(second, by_name)
        resumed.step()
    for path, weights in through.named_parameters():
        assert torch.equal(weights, dict(second.named_parameters())[path]), path


def test_the_state_counts_none_but_tensors():
    for name in NAMES:
        module, optimizer = made("contiguous", name=name, lookahead=2)
        steps(module, optimizer, gradients(module, 3))
        state = optimizer.state_dict()["state"]
        assert len(state) == len(list(module.parameters()))
        assert all(torch.is_tensor(value) for values in state.values() for value in values.values())


@pytest.mark.parametrize("lookahead", [None, 2], ids=["plain", "lookahead"])
def test_the_state_of_another_network_is_refused(lookahead):
    module, optimizer = made("contiguous", lookahead=lookahead)
    steps(module, optimizer, gradients(module, 3))
    state = optimizer.state_dict()
    state["state"][0]["exp_avg"] = torch.zeros(3, 2, 2, 1)
    _, fresh = made("contiguous", lookahead=lookahead)
    assert message_of(WeightsError, fresh.load_state_dict, state) == (
        "the state of the optimizer does not fit: exp_avg has shape (3, 2, 2, 1), and its weight (3, 2, 2, 2). "
        "Resume with the network and the optimizer that the run began with."
    )


@pytest.mark.parametrize("change", ["group", "index"])
def test_the_state_of_other_groups_is_refused(change):
    module, optimizer = made("contiguous")
    steps(module, optimizer, gradients(module, 3))
    state = optimizer.state_dict()
    if change == "group":
        state["param_groups"][1]["params"].pop()
    else:
        state["state"][99] = state["state"][0]
    _, fresh = made("contiguous")
    message = message_of(WeightsError, fresh.load_state_dict, state)
    weights = 7 if change == "group" else 8
    assert message.startswith(
        f"the state of the optimizer does not fit: it is of {weights} weights in 2 groups,"
    )
