"""Values that are no numbers are located: in images, targets, weights, outputs, the loss, the backward pass."""

import math

import pytest
import torch
from torch import nn
from toys import message_of, quick, tiny, toy_source

from striate.data import Batches
from striate.errors import TrainingError
from striate.train import Diverged, train
from striate.train.diverge import NotFinite, first_bad_gradient
from striate.train.feeding import made_ready
from striate.train.prepare import prepare
from striate.train.stepping import Stepper


class Root(nn.Module):
    """A root, whose slope at 0 is infinite."""

    def forward(self, x):
        return (x.detach().amax() - x).sqrt()


class NoNumbersBack(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * math.nan


class Poison(nn.Module):
    def forward(self, x):
        return NoNumbersBack.apply(x)


def net(*middle):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        *middle,
        nn.Dropout(0.5),
        nn.Flatten(),
        nn.Linear(144, 3),
    )


class Between(nn.Module):
    """Its own code, and no layer, makes a gradient that is no number."""

    def __init__(self, place):
        super().__init__()
        torch.manual_seed(0)
        self.place = place
        self.conv, self.relu, self.flat, self.out = (
            nn.Conv2d(1, 4, 3),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(144, 3),
        )

    def forward(self, x):
        x = self.relu(self.conv(x))
        if self.place == "relu":
            x = NoNumbersBack.apply(x)
        x = self.out(self.flat(x))
        return NoNumbersBack.apply(x) if self.place == "out" else x


class Branches(nn.Module):
    """Two ways from one map; the gradient of one of them is no number."""

    def __init__(self, bad):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(1, 4, 3)
        self.left, self.right = (Poison() if side == bad else nn.Identity() for side in ("left", "right"))
        self.flat, self.out = nn.Flatten(), nn.Linear(144, 3)

    def forward(self, x):
        x = self.conv(x)
        return self.out(self.flat(self.left(x) + self.right(x)))


def stepped(module, **options):
    prepared = prepare(module, toy_source(), quick(**options))
    return Stepper(prepared, 6), Batches(prepared.train, 16, 0)


def problem_of(steps, batch):
    """Return the problem of a step; the weights, and what the optimizer keeps, are as before."""
    before = {name: p.detach().clone() for name, p in steps.module.named_parameters()}
    kept = str(steps.optimizer.state_dict()["state"])
    with pytest.raises(NotFinite) as caught:
        steps.step(made_ready(steps.prepared, batch))
    for name, parameter in steps.module.named_parameters():
        assert torch.equal(parameter.view(torch.int32), before[name].view(torch.int32))
    assert str(steps.optimizer.state_dict()["state"]) == kept
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in steps.module.modules())
    return caught.value


@pytest.mark.parametrize(
    ("module", "layer", "what"),
    [
        pytest.param(net(Root()), "3", "gradient", id="a root of 0"),
        pytest.param(net(Poison()), "3", "gradient", id="a layer of one's own"),
        pytest.param(Between("relu"), "relu", "output gradient", id="between layers"),
        pytest.param(Between("out"), "out", "output gradient", id="behind the last layer"),
        pytest.param(Branches("left"), "left", "gradient", id="the first branch"),
        pytest.param(Branches("right"), "right", "gradient", id="the second branch"),
    ],
)
@pytest.mark.parametrize("every", ["epoch", None], ids=["looked at", "not looked at"])
def test_the_layer_that_makes_the_gradient_is_found(module, layer, what, every):
    steps, batches = stepped(module, health_every=every)
    found = problem_of(steps, batches[4])
    assert (found.figure, found.step, found.layer, found.what) == ("gradient", 5, layer, what)


def test_the_gradient_of_the_loss_itself():
    steps, batches = stepped(net())
    loss = steps.prepared.loss
    steps.execution.loss = lambda logits, targets: loss(NoNumbersBack.apply(logits), targets)
    found = problem_of(steps, batches[0])
    assert (found.layer, found.what) == (None, "gradient")
    assert "in the gradient of the loss itself." in found.message()


def test_the_gradient_of_a_weight_alone():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))

        def forward(self, x):
            return x * NoNumbersBack.apply(self.scale)

    steps, batches = stepped(net(Own()))
    found = problem_of(steps, batches[0])
    assert (found.layer, found.what) == ("3", "gradient")


def test_gradients_whose_length_is_no_float32_are_numbers():
    class Large(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(3))

        def forward(self, x):
            return x.flatten(1)[:, :3] * 1e-9 + self.weight * 1e25

    steps, batches = stepped(Large(), optimizer="sgd", lr=1e-30)
    steps.step(made_ready(steps.prepared, batches[0]))
    assert steps.module.weight.grad.isfinite().all()
    assert steps.module.weight.grad.abs().max() > 1e23  # whose square is no float32


def test_the_search_puts_buffers_back():
    module = net(Poison())
    steps, batches = stepped(module)
    problem_of(steps, batches[0])
    assert int(module[1].num_batches_tracked) == 1  # of the step itself


def test_gradients_that_are_numbers():
    module = net()
    images = torch.rand(4, 1, 8, 8)
    assert first_bad_gradient(module, lambda: module(images).sum()) == (None, "gradient")


@pytest.mark.parametrize("value", [math.inf, math.nan], ids=str)
@pytest.mark.parametrize("part", ["images", "targets"])
def test_what_comes_in_is_told_apart(part, value):
    steps, batches = stepped(net())
    images, _ = steps.prepared.inputs(batches[0])
    targets = torch.full((16, 3), 1 / 3)
    (images if part == "images" else targets).view(-1)[5] = value
    steps.prepared.__dict__["inputs"] = lambda batch, share: (images, targets)
    found = problem_of(steps, batches[0])
    assert (found.figure, found.layer, found.what) == ("loss", None, part)
    assert found.message().startswith(
        f"the loss at step 1 is not a finite number: the {part} of the batch are not. Look at "
    )


def test_weights_that_a_step_spoiled_are_told_at_the_next():
    wild = {"paths": "5.weight", "lr_factor": 1e33, "weight_decay": 1e10}
    steps, batches = stepped(net(), optimizer="sgd", lr=1e-3, weight_decay=0.0, warmup=0.0, groups=[wild])
    steps.step(made_ready(steps.prepared, batches[0]))
    assert not steps.module[5].weight.isfinite().all()
    found = problem_of(steps, batches[1])
    assert (found.figure, found.step, found.layer, found.what) == ("loss", 2, "5", "weights")


def test_a_run_says_where(tmp_path):
    events = train(net(Root()), toy_source(), quick(lr=0.01), tmp_path / "run")
    told = next(event for event in events if isinstance(event, Diverged))
    assert told == Diverged(step=1, layer="3", what="gradient")
    assert message_of(TrainingError, next, events) == (
        "the gradient at step 1 is not a finite number: first in the gradient of '3'. The usual causes are a root "
        "or a logarithm of 0, a division by 0, and too high a learning rate (here 0.01); the weights are as they "
        "were before the step. Nothing of its weights was kept: there was no checkpoint yet in "
        f"{tmp_path / 'run'}."
    )
    assert not list((tmp_path / "run").rglob("*.safetensors"))


def test_described_networks_are_searched_too(tmp_path):
    steps, batches = stepped(tiny())
    steps.module.relu1.register_full_backward_hook(lambda part, given, got: (given[0] * math.nan,))
    with pytest.raises(NotFinite) as caught:
        steps.step(made_ready(steps.prepared, batches[0]))
    assert (caught.value.layer, caught.value.what) == ("relu1", "gradient")
