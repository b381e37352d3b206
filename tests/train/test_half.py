"""float16: the loss is scaled, nothing else sees that it is, and a step whose gradients overflow is left out."""

import functools
import math

import pytest
import torch
from cut_runs import begun, files, last, rows
from torch import nn
from torch.nn import functional as F
from toys import message_of, quick, tiny, toy_source, trained

from striate.data import Batches
from striate.errors import WeightsError
from striate.nn import build
from striate.train import Diverged, Inspected, StepDone, resume, stepping
from striate.train.config import TrainConfig
from striate.train.diverge import NotFinite
from striate.train.feeding import made_ready
from striate.train.keeping.checkpoint import Checkpoint
from striate.train.loss_scale import LossScale
from striate.train.plan import Plan
from striate.train.plan.asking import asked_plan
from striate.train.plan.checking import Checker
from striate.train.plan.execution import Execution
from striate.train.plan.plan import allowed_precisions, known_precisions
from striate.train.prepare import prepare
from striate.train.stepping import Stepper

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
HALF = Plan(precision="fp16")
HUGE = 2.0**26  # of which tiny's gradients, some 0.3, are no float16 until it has halved some ten times
SGD = {
    "optimizer": "sgd",
    "momentum": 0.9,
    "lr": 0.02,
    "warmup": 0.0,
    "schedule": "constant",
    "weight_decay": 0.0,
}


def stepper(module=None, first=None, **options):
    """Return a stepper in float16, its loss scale at ``first``, and its batches."""
    options = {"precision": "fp16", "memory_format": "contiguous"} | SGD | options
    prepared = prepare(module or tiny(), toy_source(), quick(**options))
    made = Stepper(prepared, 100)
    if first is not None:
        made.loss_scale = LossScale(prepared.plan, CPU, first)
    return made, Batches(prepared.train, 16, 0)


def stepped(made, batches, steps):
    return [made.step(made_ready(made.prepared, batches[step]))[0] for step in steps]


def weights_of(module):
    return torch.cat([p.detach().flatten() for p in module.parameters()])


def in_plain_pytorch(made, batches, steps, scale):
    """Return losses, weights, and which steps were left out, of a loop with a scale of its own."""
    module = build(tiny(), seed=0)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.02, momentum=0.9)
    losses, left_out = [], []
    for step in range(steps):
        inputs = made_ready(made.prepared, batches[step])
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.float16):
            loss = F.cross_entropy(module(inputs.images).float(), inputs.targets)
        (loss * scale).backward()
        losses.append(loss.item())
        if all(p.grad.isfinite().all() for p in module.parameters()):
            for weight in module.parameters():
                weight.grad /= scale
            optimizer.step()
        else:
            left_out.append(step)
            scale /= 2
    return losses, weights_of(module), left_out


@pytest.mark.parametrize("first", [2.0**4, HUGE], ids=["no overflow", "overflows"])
def test_steps_are_those_of_a_loop_in_plain_pytorch(first):
    made, batches = stepper(first=first)
    losses, weights, left_out = in_plain_pytorch(made, batches, 24, first)
    assert bool(left_out) is (first == HUGE)
    assert left_out == list(range(len(left_out)))
    assert len(left_out) < 20
    assert stepped(made, batches, range(24)) == pytest.approx(losses, abs=1e-6)
    assert (weights_of(made.module) - weights).norm() < 1e-5 * weights.norm()
    state = made.loss_scale.state()
    assert state["scale"] == first / 2 ** len(left_out)
    assert state["steps"] == 24 - len(left_out)


def scale_from(monkeypatch, first):
    monkeypatch.setattr(stepping, "LossScale", functools.partial(LossScale, first=first))


def test_it_learns_as_float32_does(tmp_path, monkeypatch):
    scale_from(monkeypatch, 2.0**8)
    curves = {
        precision: [
            event.loss
            for event in trained(tmp_path / precision, epochs=12.0, precision=precision, **SGD)
            if isinstance(event, StepDone)
        ]
        for precision in ("fp32", "fp16")
    }
    assert curves["fp32"][-1] < 0.5 * curves["fp32"][0]
    assert curves["fp16"] == pytest.approx(curves["fp32"], abs=2e-3)
    assert curves["fp16"] != curves["fp32"]


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "muon", "lars"])
def test_a_step_that_overflows_changes_no_weight_and_goes_on_with_the_schedule(optimizer):
    options = {
        "optimizer": optimizer,
        "lookahead": 2,
        "warmup": 0.5,
        "ema": 0.9,
        "max_norm": 0.1,
        "clip_norm": 1.0,
    }
    made, batches = stepper(first=HUGE, **options, health_every=1)
    before = weights_of(made.module)
    loss, rate = made.step(made_ready(made.prepared, batches[0]))
    assert math.isfinite(loss)
    assert torch.equal(weights_of(made.module), before)
    assert not made.optimizer.state_dict()["state"]
    assert made.loss_scale.state()["scale"] == HUGE / 2
    assert made.average.count == 1
    assert made.inspected.layers
    assert not made.inspected.symptoms
    assert all(layer.gradient_norm is None and layer.update_ratio is None for layer in made.inspected.layers)
    assert made.step(made_ready(made.prepared, batches[1]))[1] > rate


def test_what_bounds_gradients_sees_them_unscaled():
    made, batches = stepper(first=2.0**8, momentum=0.0, clip_norm=1e-3)
    before = weights_of(made.module)
    stepped(made, batches, range(1))
    assert (weights_of(made.module) - before).norm() == pytest.approx(0.02 * 1e-3, rel=1e-2)
    made, batches = stepper(first=2.0**8, momentum=0.0, clip_value=1e-4)
    before = weights_of(made.module)
    stepped(made, batches, range(1))
    assert (weights_of(made.module) - before).abs().max() == pytest.approx(0.02 * 1e-4, abs=6e-8)


def test_noise_is_added_to_gradients_that_are_unscaled():
    made, batches = stepper(first=2.0**8, momentum=0.0, gradient_noise=1e3)
    before = weights_of(made.module)
    stepped(made, batches, range(1))
    assert (weights_of(made.module) - before).std() == pytest.approx(0.02 * 1e3, rel=0.2)


def test_penalties_are_scaled_with_the_loss():
    """The slope of l2 alone, where nothing else has one: l2 · w."""

    class Constant(nn.Module):
        def __init__(self):
            super().__init__()
            self.fixed = nn.Linear(64, 3)

        def forward(self, x):
            return self.fixed(x.flatten(1) * 0)

    made, batches = stepper(Constant(), first=2.0**8, momentum=0.0, l2=0.5)
    before = made.module.fixed.weight.detach().clone()
    stepped(made, batches, range(1))
    assert torch.allclose(made.module.fixed.weight, before * (1 - 0.02 * 0.5), rtol=1e-3)


def test_health_sees_gradients_unscaled():
    norms = {}
    for precision in ("fp32", "fp16"):
        made, batches = stepper(first=2.0**8, precision=precision, health_every=1)
        stepped(made, batches, range(1))
        norms[precision] = [
            row.gradient_norm for row in made.inspected.layers if row.gradient_norm is not None
        ]
    assert len(norms["fp32"]) == 2
    assert norms["fp16"] == pytest.approx(norms["fp32"], rel=1e-2)


def test_gradients_below_what_float16_has_are_kept():
    """A slope of 1e-6 before a tenth of it: 1e-7 and less is half a last bit of float16, or nothing."""

    class Faint(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.first, self.second = nn.Linear(64, 8), nn.Linear(8, 3)

        def forward(self, x):
            return self.second(self.first(x.flatten(1))) * 1e-6

    gradients = {}
    for precision, first in (("fp32", 1.0), ("fp16", 2.0**16), ("fp16", 1.0)):
        made, batches = stepper(Faint(), first=first, precision=precision)
        stepped(made, batches, range(1))
        gradients[precision, first] = made.module.first.weight.grad.clone()
    exact = gradients["fp32", 1.0]
    assert (gradients["fp16", 2.0**16] - exact).norm() < 2e-2 * exact.norm()
    assert (gradients["fp16", 1.0] - exact).norm() > 0.2 * exact.norm()


def test_micro_batches():
    whole, batches = stepper(first=2.0**4)
    parts, _ = stepper(first=2.0**4, micro_batch=5)
    assert stepped(parts, batches, range(20)) == pytest.approx(stepped(whole, batches, range(20)), abs=2e-3)
    assert (weights_of(parts.module) - weights_of(whole.module)).norm() < 2e-2 * weights_of(
        whole.module
    ).norm()


def test_a_micro_batch_that_overflows_leaves_out_the_whole_step():
    made, batches = stepper(
        nn.Sequential(nn.Conv2d(1, 4, 3), SteepAt(2), nn.Flatten(), nn.Linear(144, 3)),
        first=2.0**4,
        micro_batch=4,
    )
    before = weights_of(made.module)
    stepped(made, batches, [0])
    assert torch.equal(weights_of(made.module), before)
    assert made.loss_scale.state()["scale"] == 2.0**3
    stepped(made, batches, [1])
    assert not torch.equal(weights_of(made.module), before)


class Slope(torch.autograd.Function):
    """The identity, whose slope is another."""

    @staticmethod
    def forward(ctx, x, slope):
        ctx.slope = slope
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * ctx.slope, None


class SteepAt(nn.Module):
    """One backward pass, of that number from 0, has gradients that are no float16."""

    def __init__(self, number):
        super().__init__()
        self.number = number

    def forward(self, x):
        self.number -= 1
        return Slope.apply(x, 1e8 if self.number == -1 else 1.0)


class Poison(nn.Module):
    def forward(self, x):
        return Slope.apply(x, math.nan)


def test_gradients_that_are_none_at_any_scale_are_told():
    made, batches = stepper(
        nn.Sequential(nn.Conv2d(1, 4, 3), Poison(), nn.Flatten(), nn.Linear(144, 3)), first=8.0
    )
    before = weights_of(made.module)
    stepped(made, batches, range(3))  # at 8, 4 and 2
    with pytest.raises(NotFinite) as caught:
        stepped(made, batches, [3])
    found = caught.value
    assert (found.figure, found.step, found.layer, found.what) == ("gradient", 4, "1", "gradient")
    assert torch.equal(weights_of(made.module), before)


def test_values_that_are_no_float16_are_told_at_once():
    class Large(nn.Module):
        def forward(self, x):
            return x * 1e6

    made, batches = stepper(nn.Sequential(nn.Conv2d(1, 4, 3), Large(), nn.Flatten(), nn.Linear(144, 3)))
    with pytest.raises(NotFinite) as caught:
        stepped(made, batches, [0])
    assert (caught.value.figure, caught.value.layer, caught.value.what) == ("loss", "1", "output")


@pytest.mark.parametrize("steps", [1, 4, 9])
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_run_that_was_cut_short_ends_as_one_that_was_not(tmp_path, monkeypatch, optimizer, steps):
    options = {"optimizer": optimizer, "precision": "fp16", "gradient_noise": 0.01}
    scale_from(monkeypatch, 2.0**20)
    whole = begun(tmp_path / "whole", 13, **options)
    state = Checkpoint.read(last(whole)).part("loss_scale/")
    assert 2**10 < state["scale"] < 2**20
    assert 0 < state["steps"] < 12
    cut = begun(tmp_path / "cut", steps, **options)
    scale_from(monkeypatch, 4.0)  # what begins anew would begin at
    list(resume(cut, toy_source()))
    assert files(cut) == files(whole)
    for kind in ("StepDone", "Validated", "Inspected"):
        assert rows(cut, kind) == rows(whole, kind)


def test_a_run_that_overflows_has_not_diverged(tmp_path, monkeypatch):
    scale_from(monkeypatch, HUGE)
    events = trained(tmp_path / "run", epochs=8.0, precision="fp16", health_every="epoch", **SGD)
    losses = [event.loss for event in events if isinstance(event, StepDone)]
    assert losses[-1] < losses[0]
    assert not any(isinstance(event, Diverged) for event in events)
    assert not any(event.symptoms for event in events if isinstance(event, Inspected))


def test_a_checkpoint_without_a_scale(tmp_path):
    path = begun(tmp_path / "run", 5, precision="fp16")
    state = Checkpoint.read(last(path))
    others = {name: tensor for name, tensor in state.tensors.items() if not name.startswith("loss_scale/")}
    assert len(others) == len(state.tensors) - 2
    Checkpoint(state.progress, others, state.groups).write(last(path))
    assert list(resume(path, toy_source()))[-1].step == 12


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_other_precisions_keep_no_scale(tmp_path, precision):
    path = begun(tmp_path / "run", 2, precision=precision)
    assert not Checkpoint.read(last(path)).part("loss_scale/")


BAD = {
    "no steps": {"scale": torch.tensor(2.0)},
    "no scale": {"steps": torch.tensor(2)},
    "0": {"scale": torch.tensor(0.0), "steps": torch.tensor(2)},
    "infinite": {"scale": torch.tensor(math.inf), "steps": torch.tensor(2)},
    "nan": {"scale": torch.tensor(math.nan), "steps": torch.tensor(2)},
    "steps that are none": {"scale": torch.tensor(2.0), "steps": torch.tensor(math.nan)},
    "steps below 0": {"scale": torch.tensor(2.0), "steps": torch.tensor(-1)},
    "many": {"scale": torch.ones(2), "steps": torch.tensor(1)},
}


@pytest.mark.parametrize("state", BAD.values(), ids=BAD)
def test_a_scale_that_is_none(state):
    text = message_of(WeightsError, LossScale(HALF, CPU).load, state)
    assert text == "the checkpoint's loss scale is damaged: it is to be a number above 0, and steps."
    LossScale(Plan(), CPU).load(state)  # of which float32 makes nothing


def deviation(module, plan=HALF):
    images, targets = torch.randn(8, 1, 8, 8, generator=torch.Generator().manual_seed(1)), torch.arange(8) % 3
    checker = Checker(Execution(module, F.cross_entropy, Plan(), CPU), images, targets)
    return checker.deviation(Execution(module, F.cross_entropy, plan, CPU))


def test_what_is_accepted_of_float16():
    far = deviation(build(tiny(), seed=0))
    assert far.problem == ""
    assert not far.rounds_nothing
    assert 2**-14 < far.layer < 2**-9
    assert far.most_layer == 2**-8
    assert far.most_layer < deviation(build(tiny(), seed=0), Plan(precision="bf16")).most_layer


@pytest.mark.parametrize("factor", [1e-5, 3e2], ids=["faint", "steep"])
def test_the_check_scales_the_loss_too(factor):
    """Gradients of 1e-7 are nothing in float16 without; those of 3e2 overflow with the first scale."""

    class Times(nn.Module):
        def forward(self, x):
            return x * factor

    torch.manual_seed(0)
    first = nn.Linear(64, 8)
    with torch.no_grad():
        first.weight /= factor if factor > 1 else 1
    far = deviation(nn.Sequential(nn.Flatten(), first, nn.Linear(8, 3), Times()))
    assert far.gradients < 0.02
    assert far.problem == ""


@pytest.mark.parametrize("off", [0.01, math.inf], ids=str)
def test_a_layer_that_is_wrong_in_float16_alone(off):
    class Wrong(nn.Linear):
        def forward(self, x):
            out = super().forward(x)
            return out * (1 + off) if out.dtype == torch.float16 else out

    torch.manual_seed(0)
    far = deviation(nn.Sequential(nn.Flatten(), Wrong(64, 8), nn.Linear(8, 3)))
    assert far.problem.startswith(f"off by {off:.2g} of the layer 1, and 0.0039 is accepted")


@pytest.mark.parametrize(
    ("new", "tried", "known"),
    [
        (True, ("fp32", "tf32", "bf16"), ("fp32", "tf32", "bf16", "fp16")),
        (False, ("fp32", "fp16"), ("fp32", "fp16")),
    ],
    ids=["a GPU with bfloat16", "one without"],
)
def test_it_is_tried_where_there_is_no_bfloat16(monkeypatch, new, tried, known):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: new)
    assert (allowed_precisions(CUDA), known_precisions(CUDA)) == (tried, known)
    assert asked_plan(TrainConfig(precision="fp16"), None, CUDA).precision == "fp16"
    assert asked_plan(TrainConfig(), None, CUDA).precision == "fp32"


def test_on_a_cpu_it_is_to_be_asked_for():
    assert "fp16" not in allowed_precisions(CPU)
    assert known_precisions(CPU)[-1] == "fp16"
    plan = asked_plan(TrainConfig(precision="fp16"), None, CPU)
    assert str(plan).startswith("fp16, channels last, ")
    assert Plan.from_data(plan.to_data()) == plan
