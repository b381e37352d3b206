"""What a step shows of its layers, against plain torch and numpy."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from toys import quick, tiny, toy_source

from striate.data import Batches
from striate.train.feeding import made_ready
from striate.train.health.histograms import BINS, histogram
from striate.train.prepare import prepare
from striate.train.stepping import Stepper


class Net(nn.Module):
    """Three channels of the first ReLU never fire, and 5 of the second's 8 units."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.conv = nn.Conv2d(1, 4, 3)
        self.relu = nn.ReLU()
        self.flat = nn.Flatten()
        self.fc = nn.Linear(4 * 36, 8)
        self.relu6 = nn.ReLU6(inplace=True)
        self.out = nn.Linear(8, 3)
        with torch.no_grad():
            self.conv.bias[:3] = -1e6
            self.conv.bias[3] = 1.0
            self.fc.bias[[0, 2, 3, 5, 7]] = -1e6
            self.fc.bias[[1, 4, 6]] = 4.0

    def forward(self, x):
        return self.out(self.relu6(self.fc(self.flat(self.relu(self.conv(x))))))


def stepper(module, **options):
    options = {"optimizer": "sgd", "lr": 0.1, "momentum": 0.0, "weight_decay": 0.0, "warmup": 0.0} | options
    prepared = prepare(module, toy_source(), quick(schedule="constant", health_every=1, **options))
    return Stepper(prepared, 6), Batches(prepared.train, 16, 0)[0]


def looked_at(module, **options):
    """Return the rows of the first step by their paths, and the weights, values and gradients plain torch has."""
    steps, batch = stepper(module, **options)
    images, targets = steps.prepared.inputs(batch)
    module = steps.module
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    values = {}
    x = images
    for name, part in module.named_children():
        x = part(x)
        values[name] = x.detach().double().numpy().copy()
    grads = torch.autograd.grad(nn.functional.cross_entropy(x, targets), list(module.parameters()))
    steps.step(made_ready(steps.prepared, batch))
    grads = dict(zip(before, grads, strict=True))
    return {row.path: row for row in steps.inspected.layers}, before, values, grads, steps


def test_dead_units_are_those_that_were_killed():
    rows, *_ = looked_at(Net())
    assert (rows["relu"].dead, rows["relu"].units, rows["relu"].seen) == (3 / 4, 4, 16 * 36)
    assert (rows["relu6"].dead, rows["relu6"].units, rows["relu6"].seen) == (5 / 8, 8, 16)
    assert [path for path, row in rows.items() if row.dead is None] == ["conv", "flat", "fc", "out"]


def test_one_position_of_one_image_that_is_above_zero_makes_a_unit_live():
    module = nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))
    steps, batch = stepper(module)
    images = torch.full((16, 1, 8, 8), -1.0)
    steps.prepared.__dict__["inputs"] = lambda batch, share: (images, batch.targets)
    steps.step(made_ready(steps.prepared, batch))
    assert steps.inspected.layers[0].dead == 1
    images[11, 0, 7, 2] = 1e-9
    steps.step(made_ready(steps.prepared, batch))
    assert steps.inspected.layers[0].dead == 0


def test_values_are_those_of_the_forward_pass():
    rows, _, values, _, _ = looked_at(Net())
    assert list(rows) == ["conv", "relu", "flat", "fc", "relu6", "out"]
    for name, row in rows.items():
        assert row.mean == pytest.approx(values[name].mean(), rel=1e-6)
        assert row.std == pytest.approx(values[name].std(), rel=1e-6)
    assert [row.kind for row in rows.values()] == ["Conv2d", "ReLU", "Flatten", "Linear", "ReLU6", "Linear"]


def test_gradients_and_updates_of_plain_descent():
    rows, before, _, grads, _ = looked_at(Net())
    for name in ("conv", "fc", "out"):
        weight, gradient = before[f"{name}.weight"].double(), grads[f"{name}.weight"].double()
        assert rows[name].gradient_norm == pytest.approx(gradient.norm().item(), rel=1e-5)
        assert rows[name].weight_norm == pytest.approx(weight.norm().item(), rel=1e-6)
        assert rows[name].update_ratio == pytest.approx(
            (0.1 * gradient.norm() / weight.norm()).item(), rel=1e-4
        )
    assert {rows[name].gradient_norm for name in ("relu", "flat", "relu6")} == {None}


def test_gradients_are_those_before_clipping_and_updates_those_after_it():
    rows, before, _, grads, _ = looked_at(Net(), clip_norm=1e-3)
    whole = torch.cat([g.flatten() for g in grads.values()]).double().norm().item()
    assert rows["out"].gradient_norm == pytest.approx(grads["out.weight"].norm().item(), rel=1e-5)
    moved = 0.1 * grads["out.weight"].norm().item() * 1e-3 / whole
    assert rows["out"].update_ratio == pytest.approx(moved / before["out.weight"].norm().item(), rel=1e-3)


def test_the_update_is_what_the_optimizer_did():
    rows, before, _, _, steps = looked_at(Net(), optimizer="adamw", weight_decay=0.3, max_norm=0.5)
    for name in ("conv", "fc", "out"):
        weight = before[f"{name}.weight"].double()
        moved = steps.module.get_parameter(f"{name}.weight").detach().double() - weight
        assert rows[name].update_ratio == pytest.approx((moved.norm() / weight.norm()).item(), rel=1e-5)


@pytest.mark.parametrize("still", ["zero", "frozen", "group"])
def test_weights_of_which_nothing_can_be_said(still):
    module, options = Net(), {}
    with torch.no_grad():
        if still == "zero":
            module.out.weight.zero_()
    if still == "frozen":
        module.out.weight.requires_grad = False
    if still == "group":
        options["groups"] = [{"paths": "out.*", "lr_factor": 0.0}]
    steps, batch = stepper(module, **options)
    steps.step(made_ready(steps.prepared, batch))
    row = steps.inspected.layers[-1]
    assert row.update_ratio is None
    assert (row.weight_norm is None) == (row.gradient_norm is None) == (still != "zero")


def test_huge_values_have_a_length():
    module = Net()
    with torch.no_grad():
        module.conv.weight.fill_(1e30)  # whose square is no float32
        module.conv.bias.zero_()
        module.fc.weight.zero_()
    steps, batch = stepper(module)
    steps.step(made_ready(steps.prepared, batch))
    assert steps.inspected.layers[0].weight_norm == pytest.approx(6e30)
    assert math.isfinite(steps.inspected.layers[0].std)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(np.random.default_rng(0).normal(size=(3, 5, 7, 11)).astype(np.float32), id="normal"),
        pytest.param(
            np.random.default_rng(1).exponential(size=300_000).astype(np.float32), id="several pieces"
        ),
        pytest.param(np.array([-2.0, 0.0, 0.0, 6.0], np.float32), id="ends"),
        pytest.param(np.array([3.0, np.nan, 4.0, np.inf, -np.inf], np.float32), id="not finite"),
        pytest.param(np.array([7.0], np.float32), id="one"),
        pytest.param(np.array([1e38, -3e38, 0.0], np.float32), id="huge"),
    ],
)
def test_histograms_count_as_numpy_does(values):
    found = histogram("x", torch.from_numpy(values))
    exact = values[np.isfinite(values)].astype(np.float64)
    counts, edges = np.histogram(exact, bins=BINS, range=(found.low, found.high))
    assert list(found.counts) == counts.tolist()
    assert found.edges == pytest.approx(edges.tolist())
    assert (found.least, found.greatest) == (exact.min(), exact.max())
    assert found.low <= found.least <= found.greatest <= found.high
    assert found.count == len(exact)
    assert found.total == pytest.approx(exact.sum())
    assert found.squares == pytest.approx((exact**2).sum())
    assert found.std == pytest.approx(exact.std(), abs=1e-12, rel=1e-6)


@pytest.mark.parametrize("values", [[], [math.nan, math.inf]], ids=["none", "none finite"])
def test_no_values_no_histogram(values):
    assert histogram("x", torch.tensor(values)) is None


def test_equal_and_huge_values():
    found = histogram("x", torch.tensor([1e30, 1e30]))
    assert found.count == 2
    assert found.low < found.least == found.greatest < found.high


def test_bfloat16_and_strided_values():
    values = torch.randn(4, 6, 5, 5, generator=torch.Generator().manual_seed(0)).bfloat16()
    strided = values.contiguous(memory_format=torch.channels_last)
    assert histogram("x", strided).counts == histogram("x", values).counts
    assert sum(histogram("x", values).counts) == 600


def test_every_weight_and_layer_has_its_histogram():
    steps, batch = stepper(Net())
    steps.step(made_ready(steps.prepared, batch))
    tags = {h.tag for h in steps.inspected.histograms}
    assert tags == {f"values/{name}" for name in ("conv", "relu", "flat", "fc", "relu6", "out")} | {
        f"gradients/{name}.{kind}" for name in ("conv", "fc", "out") for kind in ("weight", "bias")
    }


def test_a_layer_that_runs_twice_is_looked_at_once():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.relu, self.flat, self.out = nn.ReLU(), nn.Flatten(), nn.Linear(64, 3)

        def forward(self, x):
            return self.out(self.flat(self.relu(-self.relu(x) - 1)))

    steps, batch = stepper(Twice())
    steps.step(made_ready(steps.prepared, batch))
    relu = steps.inspected.layers[0]
    assert (relu.path, relu.dead) == ("relu", 0)  # of the second time it is 1


@pytest.mark.parametrize(
    ("every", "batch_size", "looked"),
    [
        ("epoch", 16, [1, 4, 7]),
        ("epoch", 20, [1, 4, 6]),  # 48, 96 images are passed in steps 3 and 5
        ("epoch", 100, [1, 2]),
        (1, 16, [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        (4, 16, [1, 5, 9]),
        (None, 16, []),
    ],
)
def test_which_steps_are_looked_at(every, batch_size, looked):
    config = quick(epochs=3.0, batch_size=batch_size, health_every=every)
    prepared = prepare(tiny(), toy_source(), config)
    batches = Batches(prepared.train, batch_size, 0)
    count = batches.steps(3.0)
    steps = Stepper(prepared, count)
    found = []
    for k in reversed(range(count)):  # a function of the step, not of those before
        steps.step(made_ready(steps.prepared, batches[k]))
        if steps.inspected:
            found.append(steps.inspected.step)
    assert found[::-1] == looked
