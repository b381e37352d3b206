"""Two whole steps against softmax regression worked out in float64."""

import math

import numpy as np
import pytest
from safetensors.numpy import load_file
from toys import toy_source, trained

from striate.data import batch_indices
from striate.nn import build
from striate.spec import Flatten, Linear, Network, Sequential
from striate.train import StepDone

NETWORK = Network("regression", (1, 8, 8), Sequential(Flatten(), Linear(3, name="out")))


def inputs():
    """Return the training images as the network must see them, float64 ``(48, 64)``, and their targets."""
    source = toy_source()
    pixels = source.array("train") / 255
    return ((pixels - pixels.mean()) / pixels.std()).reshape(len(pixels), 64), source.targets["train"]


def loss_and_gradient(weight, bias, x, targets, smoothing):
    logits = x @ weight.T + bias
    log_probabilities = logits - logits.max(1, keepdims=True)
    log_probabilities -= np.log(np.exp(log_probabilities).sum(1, keepdims=True))
    wanted = (1 - smoothing) * np.eye(3)[targets] + smoothing / 3
    loss = -(wanted * log_probabilities).sum(1).mean()
    error = (np.exp(log_probabilities) - wanted) / len(x)
    return loss, {"weight": error.T @ x, "bias": error.sum(0)}


def sgd(values, gradients, memory, lr, decay, step):
    for name in values:
        gradient = gradients[name] + (decay * values[name] if name == "weight" else 0)
        memory[name] = 0.8 * memory.get(name, 0) + gradient
        values[name] = values[name] - lr * memory[name]


def adamw(values, gradients, memory, lr, decay, step):
    for name in values:
        first, second = memory.get(name, (0, 0))
        first = 0.9 * first + 0.1 * gradients[name]
        second = 0.999 * second + 0.001 * gradients[name] ** 2
        memory[name] = first, second
        if name == "weight":
            values[name] = values[name] * (1 - lr * decay)
        upright = first / (1 - 0.9**step), second / (1 - 0.999**step)
        values[name] = values[name] - lr * upright[0] / (np.sqrt(upright[1]) + 1e-8)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize(("name", "rule", "lr"), [("sgd", sgd, 0.05), ("adamw", adamw, 0.01)])
def test_two_steps(name, rule, lr, smoothing, tmp_path):
    decay, seed = 0.1, 3
    events = trained(
        tmp_path / "run",
        NETWORK,
        epochs=1.0,
        batch_size=24,
        optimizer=name,
        lr=lr,
        momentum=0.8,
        weight_decay=decay,
        warmup=0.0,
        label_smoothing=smoothing,
        seed=seed,
    )
    module = build(NETWORK, seed=seed)
    values = {n.removeprefix("out."): p.detach().double().numpy() for n, p in module.named_parameters()}
    x, targets = inputs()
    memory, losses = {}, []
    for step, rate in enumerate([lr, lr * 0.5 * (1 + math.cos(math.pi / 2))]):
        chosen = batch_indices(48, 24, seed, step)
        loss, gradients = loss_and_gradient(
            values["weight"], values["bias"], x[chosen], targets[chosen], smoothing
        )
        losses.append(loss)
        rule(values, gradients, memory, rate, decay, step + 1)
    assert [e.loss for e in events if isinstance(e, StepDone)] == pytest.approx(losses, rel=1e-5)
    kept = load_file(tmp_path / "run" / "model.safetensors")
    for n in ("weight", "bias"):
        assert np.abs(kept[f"out.{n}"] - values[n]).max() < 2e-6
        moved = np.abs(values[n] - dict(module.named_parameters())[f"out.{n}"].detach().numpy()).max()
        assert moved > 1e-3  # else the comparison says nothing
