"""What is not as it should be, of networks that were made so."""

import math

import pytest
import torch
from torch import nn
from toys import quick, toy_source

from striate.data import Batches
from striate.train.config import LossConfig
from striate.train.events import LayerHealth
from striate.train.feeding import made_ready
from striate.train.health.symptoms import judge_layers, judge_start
from striate.train.prepare import prepare
from striate.train.stepping import Stepper


def row(path="fc", **known):
    return LayerHealth(**{"path": path, "kind": "Linear", "mean": 0.0, "std": 1.0} | known)


def relu(path, dead, seen=640, units=64):
    return row(path, kind="ReLU", dead=dead, units=units, seen=seen)


def weights(path, gradient=1.0, ratio=1e-3, norm=1.0):
    return row(path, gradient_norm=gradient, weight_norm=norm, update_ratio=ratio)


def kinds(layers, rate=1.0, first=False):
    return [(symptom.kind, symptom.layers) for symptom in judge_layers(layers, rate, first=first)]


@pytest.mark.parametrize(
    ("layers", "rate", "first", "found"),
    [
        pytest.param([relu("r", 0.62)], 1, False, [("dead-units", ("r",))], id="dead"),
        pytest.param([relu("r", 0.4)], 1, False, [], id="a few dead"),
        pytest.param([relu("r", 1.0, seen=16)], 1, False, [], id="too few images"),
        pytest.param(
            [relu("a", 0.6), relu("b", 1.0)], 1, False, [("dead-units", ("b", "a"))], id="the worst first"
        ),
        pytest.param([weights("a", ratio=2e-6)], 1, False, [("small-updates", ("a",))], id="small"),
        pytest.param([weights("a", ratio=2e-6)], 0.05, False, [], id="small, as is the rate"),
        pytest.param([weights("a", ratio=2e-5), weights("b", ratio=0.09)], 1, False, [], id="within"),
        pytest.param([weights("a", ratio=0.2)], 0.05, False, [("large-updates", ("a",))], id="large"),
        pytest.param([weights("a", ratio=None, norm=0.0)], 1, False, [], id="weights of 0"),
        pytest.param([weights("a", gradient=0.0, ratio=0.0)], 1, False, [("no-gradient", ("a",))], id="none"),
        pytest.param([weights("a", gradient=0.0, ratio=0.0)], 1, True, [], id="none yet"),
        pytest.param(
            [weights("a", 1e-5), weights("b", 1e-3), weights("c")],
            1,
            False,
            [("vanishing-gradient", ("a",))],
            id="fades",
        ),
        pytest.param(
            [weights("a", 1e-3), weights("b", 1e-3), weights("c")], 1, False, [], id="fades a little"
        ),
        pytest.param(
            [weights("a", 1e-5, norm=1e-5), weights("b"), weights("c")],
            1,
            False,
            [],
            id="small as its weights are",
        ),
        pytest.param([weights("a", 1e-5), weights("c")], 1, False, [], id="two layers"),
    ],
)
def test_rows_are_judged(layers, rate, first, found):
    assert kinds(layers, rate, first) == found


@pytest.mark.parametrize(
    ("layers", "text"),
    [
        pytest.param(
            [relu("conv3", 0.62)],
            "conv3: 62% of its 64 units are dead, 0 for every image of the batch. Lower --lr, use LeakyReLU() or He's "
            "initialization, or put a BatchNorm() before.",
            id="dead",
        ),
        pytest.param(
            [weights(f"l{n}", ratio=n * 1e-7) for n in range(1, 7)],
            "l1: a step moves its weights by 1e-07 of their length, where 1e-03 is usual (likewise l2, l3, l4 and 2 "
            "more). Raise --lr.",
            id="small",
        ),
        pytest.param(
            [weights("fc", ratio=0.52)],
            "fc: a step moves its weights by 0.52 of their length, where 0.001 is usual. Lower --lr, or lengthen "
            "--warmup.",
            id="large",
        ),
    ],
)
def test_what_is_said(layers, text):
    assert [symptom.text for symptom in judge_layers(layers, 1.0, first=False)] == [text]


def first_step(module, **options):
    prepared = prepare(module, toy_source(), quick(health_every="epoch", **options))
    steps = Stepper(prepared, 6)
    steps.step(made_ready(prepared, Batches(prepared.train, 16, 0)[0]))
    return steps.inspected


def network(scale=1.0, shift=None):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    with torch.no_grad():
        module[1].weight.mul_(scale)
        if shift is not None:
            module[1].bias[:] = torch.tensor(shift)
    return module


@pytest.mark.parametrize(
    ("module", "preprocess", "cause"),
    [
        pytest.param(network(30.0), "standardize", "it is sure, and wrong.", id="weights too large"),
        pytest.param(
            network(0.0, [0.0, 0.0, -20.0]),
            "standardize",
            "The logits of an image differ by 9.4",
            id="a bias",
        ),
    ],
)
def test_a_loss_that_begins_too_high_is_told(module, preprocess, cause):
    inspected = first_step(module, preprocess=preprocess)
    (symptom,) = [s for s in inspected.symptoms if s.kind == "first-loss"]
    assert symptom.text.startswith("the loss begins at ")
    assert "where a network that knows nothing has ln 3 = 1.10. " in symptom.text
    assert cause in symptom.text


def test_a_loss_that_begins_as_it_should():
    assert [s for s in first_step(network()).symptoms if s.kind == "first-loss"] == []


LOGITS = torch.zeros(4, 10)
IMAGES = torch.zeros(4, 1, 2, 2)


@pytest.mark.parametrize(
    ("name", "several", "known"),
    [
        ("cross-entropy", False, math.log(10)),
        ("binary", True, math.log(2)),
        ("focal", False, 0.9**2 * math.log(10)),
        ("focal", True, 0.5**2 * math.log(2)),
    ],
)
def test_each_loss_has_its_own_beginning(name, several, known):
    config = LossConfig(name=name)
    limit = 1.5 * known + 0.5
    assert judge_start(limit * 0.999, config, IMAGES, LOGITS, several_labels=several) is None
    found = judge_start(limit * 1.001, config, IMAGES, LOGITS, several_labels=several)
    assert f"{known:.2f}. The logits are small, so look at the targets" in found.text


def test_of_squared_errors_nothing_is_said():
    assert judge_start(1e3, LossConfig(name="squared"), IMAGES, LOGITS, several_labels=False) is None


def test_images_that_are_not_normalized_are_the_cause():
    found = judge_start(90.0, LossConfig(name="cross-entropy"), IMAGES + 255, LOGITS, several_labels=False)
    assert (
        "The images reach it with values as large as 255: normalize them (--preprocess standardize)."
        in found.text
    )


def test_dead_units_of_a_network_are_told():
    module = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 3))
    with torch.no_grad():
        module[0].bias[:5] = -1e6
    (symptom,) = first_step(module).symptoms
    assert (symptom.kind, symptom.layers) == ("dead-units", ("1",))
    assert symptom.text.startswith("1: 62% of its 8 units are dead")


def test_a_deep_network_of_sigmoids_has_a_gradient_that_vanishes():
    torch.manual_seed(0)
    layers = [layer for _ in range(9) for layer in (nn.Linear(16, 16), nn.Sigmoid())]
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.Sigmoid(), *layers, nn.Linear(16, 3))
    (symptom,) = first_step(module).symptoms
    assert (symptom.kind, symptom.layers) == ("vanishing-gradient", ("1",))
