"""Every optimizer against its paper's formulas in float64."""

import numpy as np
import pytest
import torch
from oracles import LR, RULES, after, give, gradients, options, small
from toys import message_of

from striate.errors import ConfigError
from striate.train.config import OptimizerConfig
from striate.train.methods import make_optimizer

CASES = [
    *({"name": name} for name in RULES if name != "adadelta"),
    {"name": "adadelta", "lr": 1.0, "eps": 1e-6},
    {"name": "sgd", "momentum": 0.0},
    {"name": "sgd", "momentum": 0.8, "nesterov": True},
    {"name": "rmsprop", "momentum": 0.0, "smoothing": 0.7},
    {"name": "adam", "betas": (0.5, 0.6), "eps": 1e-3},
    {"name": "radam", "betas": (0.9, 0.6)},
]


LOOSE = {"nadam": 1e-8}
"""torch keeps the product of NAdam's momenta in float32."""


def case_id(case):
    return "-".join(map(str, case.values()))


def trained(module, config, by_step):
    optimizer = make_optimizer(module, config)
    for by_name in by_step:
        give(module, by_name)
        optimizer.step()
    return {name: parameter.detach().numpy() for name, parameter in module.named_parameters()}


@pytest.mark.parametrize(
    ("dtype", "near"), [(torch.float64, 1e-12), (torch.float32, 3e-5)], ids=["f64", "f32"]
)
@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_several_steps(case, dtype, near):
    module, config = small(dtype), options(**case)
    by_step = gradients(module)
    wanted = after(RULES[case["name"]], config, module, by_step)
    before = {name: p.detach().clone().numpy() for name, p in module.named_parameters()}
    got = trained(module, config, by_step)
    for name, weights in wanted.items():
        assert np.abs(got[name] - weights).max() < max(near, LOOSE.get(case["name"], 0))
        assert np.abs(before[name] - weights).max() > 1e-4  # else the comparison says nothing


def test_lookahead_meets_its_formula():
    module, config = small(), options(name="sgd", lookahead=3, lookahead_share=0.4)
    by_step = gradients(module, 8)
    optimizer = make_optimizer(module, config)
    names = dict(module.named_parameters())
    slow = {n: p.detach().clone().numpy() for n, p in names.items()}
    fast = {n: (w.copy(), np.zeros_like(w)) for n, w in slow.items()}
    for t, by_name in enumerate(by_step, 1):
        give(module, by_name)
        optimizer.step()
        for n, (w, v) in fast.items():
            v = 0.9 * v + by_name[n] + (0.1 * w if w.ndim > 1 else 0)
            w = w - LR * v
            if t % 3 == 0:
                slow[n] = slow[n] + 0.4 * (w - slow[n])
                w = slow[n].copy()
            fast[n] = (w, v)
        for n, p in names.items():
            assert np.abs(p.detach().numpy() - fast[n][0]).max() < 1e-12, (n, t)


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_a_whole_share_is_no_lookahead(name):
    by_step = gradients(small())
    plain = trained(small(), options(name=name), by_step)
    ahead = trained(small(), options(name=name, lookahead=2, lookahead_share=1.0), by_step)
    for path, weights in plain.items():
        assert np.abs(ahead[path] - weights).max() < 1e-12


def test_lars_survives_weights_and_gradients_of_zero():
    module = small()
    torch.nn.init.zeros_(module.fc.weight)
    optimizer = make_optimizer(module, options(name="lars", weight_decay=0.0))
    by_name = gradients(module)[0]
    by_name["out.weight"][:] = 0
    before = module.out.weight.detach().clone()
    give(module, by_name)
    optimizer.step()
    assert np.allclose(module.fc.weight.detach(), -LR * by_name["fc.weight"])
    assert torch.equal(module.out.weight, before)


def test_weights_without_a_gradient_stay():
    for name in ("sgd", "adamw", "lars", "muon"):
        module = small()
        optimizer = make_optimizer(module, options(name=name, lookahead=1))
        before = {n: p.detach().clone() for n, p in module.named_parameters()}
        give(module, gradients(module)[0])
        module.fc.weight.grad = None
        module.norm.bias.grad = None
        optimizer.step()
        stayed = {n for n, p in module.named_parameters() if torch.equal(p, before[n])}
        assert stayed == {"fc.weight", "norm.bias"}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"name": "adam"}, "for adam with momentum=0.9"),
        ({"name": "sgd", "momentum": 0.0}, "for sgd with momentum=0"),
    ],
    ids=["adam", "without momentum"],
)
def test_nesterov_where_there_is_none(given, says):
    message = message_of(ConfigError, make_optimizer, small(), OptimizerConfig(nesterov=True, **given))
    assert message.startswith("nesterov=True: must be False ")
    assert says in message
