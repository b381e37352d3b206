"""Batches computed in parts are computed whole: against plain PyTorch in float64."""

import numpy as np
import pytest
import torch
from plan_toys import CPU, batch, tiny_module
from torch import nn
from torch.nn import functional as F

from striate.nn import build
from striate.spec import AuxHead, Conv, Flatten, Linear, Network, ReLU, Sequential
from striate.train.config import LossConfig
from striate.train.losses import make_loss
from striate.train.plan import Plan
from striate.train.plan.execution import Execution, laid_out, lay_out

WEIGHTS = (0.5, 2.0, 1.25)
NUMBERS = torch.tensor([0, 2, 1, 1, 0, 2, 2, 2, 2, 1])  # by classes neither even nor in order
SHARES = torch.from_numpy(np.random.default_rng(0).dirichlet((0.5, 0.5, 0.5), 10)).float()
LABELS = torch.from_numpy(np.random.default_rng(1).integers(0, 2, (10, 3))).float()

CASES = {
    "plain": ({}, NUMBERS),
    "class weights": ({"class_weights": WEIGHTS}, NUMBERS),
    "shares": ({}, SHARES),
    "shares and weights": ({"class_weights": WEIGHTS}, SHARES),
    "smoothed": ({"label_smoothing": 0.2}, NUMBERS),
    "smoothed and weighted": ({"label_smoothing": 0.2, "class_weights": WEIGHTS}, NUMBERS),
    "several labels": ({"name": "binary"}, LABELS),
    "several labels, weighted": ({"name": "binary", "class_weights": WEIGHTS}, LABELS),
}


def oracle(logits, targets, options):
    """Return the loss of a whole batch, written out, in float64."""
    weights = torch.tensor(options.get("class_weights", (1.0, 1.0, 1.0)), dtype=torch.float64)
    if options.get("name") == "binary":
        each = F.binary_cross_entropy_with_logits(logits, targets.double(), reduction="none")
        return (each * weights).mean(0).sum() / weights.sum()
    shares = F.one_hot(targets, 3).double() if targets.ndim == 1 else targets.double()
    smoothing = options.get("label_smoothing", 0.0)
    smooth = shares * (1 - smoothing) + smoothing / 3
    each = -(smooth * weights * logits.log_softmax(1)).sum(1)
    return each.sum() / (shares * weights).sum()


def gradients(module):
    return torch.cat([p.grad.double().flatten() for p in module.parameters()])


def in_parts(module, images, targets, options, **plan):
    """Return loss and gradients as they are added up, and how many images were computed at a time."""
    sample = LABELS if options.get("name") == "binary" else NUMBERS
    execution = Execution(module, make_loss(LossConfig(**options), sample, 3), Plan(**plan), CPU)
    module.zero_grad()
    value, sizes = 0.0, []
    for part, wanted, share in execution.parts(execution.taken(images), targets):
        losses = execution.losses(part, wanted)
        (losses.whole * share).backward()
        value += losses.whole.item() * float(share)
        sizes.append(len(part))
    return value, gradients(module), sizes


@pytest.mark.parametrize("memory_format", ["contiguous", "channels_last"])
@pytest.mark.parametrize(
    ("size", "sizes"),
    [(None, [10]), (10, [10]), (12, [10]), (5, [5, 5]), (4, [4, 3, 3]), (3, [3, 3, 2, 2]), (1, [1] * 10)],
    ids=["none", "all", "more", "halves", "uneven thirds", "uneven quarters", "one by one"],
)
@pytest.mark.parametrize(("options", "targets"), CASES.values(), ids=CASES)
def test_gradients_of_parts_add_up_to_those_of_the_batch(options, targets, size, sizes, memory_format):
    images, _ = batch(10)
    plain = tiny_module().double()
    loss = oracle(plain(images.double()), targets, options)
    loss.backward()
    value, got, computed = in_parts(
        tiny_module(), images, targets, options, micro_batch=size, memory_format=memory_format
    )
    wanted = gradients(plain)
    assert computed == sizes
    assert value == pytest.approx(loss.item(), rel=1e-6)
    assert (got - wanted).norm() < 1e-6 * wanted.norm()


def test_the_heads_of_training_are_added_in_parts_too():
    body = [
        Conv(4, 3, name="conv"),
        AuxHead([Flatten(), Linear(3)], weight=0.5, name="aux"),
        ReLU(),
        Flatten(),
        Linear(3),
    ]
    network = Network("n", (1, 8, 8), Sequential(*body))
    images, targets = batch(10)
    plain = build(network, seed=0).double()
    seen = []
    head = next(part for part in plain.aux.modules() if isinstance(part, nn.Linear))
    head.register_forward_hook(lambda *call: seen.append(call[2]))
    logits = plain(images.double())
    loss = F.cross_entropy(logits, targets) + 0.5 * F.cross_entropy(seen[0], targets)
    loss.backward()
    value, got, _ = in_parts(build(network, seed=0), images, targets, {}, micro_batch=4)
    assert value == pytest.approx(loss.item(), rel=1e-6)
    assert (got - gradients(plain)).norm() < 1e-6 * got.norm()


def test_what_a_pass_gives():
    images, targets = batch(6)
    module = tiny_module()
    execution = Execution(module, make_loss(LossConfig(), targets, 3), Plan(precision="bf16"), CPU)
    losses = execution.losses(images, targets)
    assert losses.logits.dtype == torch.bfloat16
    assert losses.answered.dtype == losses.whole.dtype == torch.float32
    assert torch.equal(losses.answered, F.cross_entropy(losses.logits.float(), targets))
    assert losses.whole is losses.answered
    again = execution.eager_losses(images, targets)
    assert torch.equal(again.logits, losses.logits)


def test_layouts_keep_values_paths_and_what_is_no_image():
    module = nn.ModuleDict({"plane": nn.Conv2d(2, 4, 3), "line": nn.Conv1d(2, 4, 3), "all": nn.Linear(4, 3)})
    before = {name: (p, p.detach().clone()) for name, p in module.named_parameters()}
    lay_out(module, Plan(memory_format="channels_last"))
    for name, p in module.named_parameters():
        assert p is before[name][0]
        assert torch.equal(p, before[name][1])
        assert p.is_contiguous() is (name != "plane.weight")
    assert module["plane"].weight.is_contiguous(memory_format=torch.channels_last)
    lay_out(module, Plan())
    assert all(p.is_contiguous() for p in module.parameters())
    row = torch.zeros(3, 4)
    assert laid_out(row, Plan(memory_format="channels_last")) is row


@pytest.mark.parametrize(
    ("compiled_from", "compiled"), [(None, [False] * 3), (0, [True] * 3), (2, [False, False, True])], ids=repr
)
def test_the_step_from_which_it_is_compiled(monkeypatch, compiled_from, compiled):
    calls = []

    def marked(function, *, dynamic):
        assert dynamic is False

        def call(*arguments):
            calls.append("compiled")
            return function(*arguments)

        return call

    monkeypatch.setattr(torch, "compile", marked)
    images, targets = batch(4)
    plan = Plan(compiled_from=compiled_from)
    execution = Execution(tiny_module(), make_loss(LossConfig(), targets, 3), plan, CPU)
    assert [execution.joins_layers(step) for step in range(3)] == compiled
    for step, wanted in enumerate(compiled):
        calls.clear()
        execution.losses(images, targets, step)
        assert bool(calls) is wanted
    calls.clear()
    execution.eager_losses(images, targets)
    assert not calls
