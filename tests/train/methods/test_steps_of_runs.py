"""What methods make of whole steps of `train`, against softmax regression worked out in float64."""

import numpy as np
import pytest
from toys import quick, toy_source

from striate.data import batch_indices
from striate.nn import build
from striate.spec import Flatten, Linear, Network, Sequential
from striate.train import StepDone, Validated, train

NETWORK = Network("regression", (1, 8, 8), Sequential(Flatten(), Linear(3, name="out")))
IMAGES, LR, SEED = 48, 0.1, 3
PLAIN = {
    "seed": SEED,
    "optimizer": "sgd",
    "momentum": 0.0,
    "lr": LR,
    "weight_decay": 0.0,
    "schedule": "constant",
    "warmup": 0.0,
}


@pytest.fixture(scope="module")
def start():
    """The weights that a run begins with, float64."""
    return {name: value.double().numpy() for name, value in build(NETWORK, seed=SEED).state_dict().items()}


def inputs():
    """Return the training images as the network must see them, float64 ``(48, 64)``, and their targets."""
    source = toy_source()
    pixels = source.array("train") / 255
    return ((pixels - pixels.mean()) / pixels.std()).reshape(IMAGES, 64), source.targets["train"]


def gradient(values, chosen):
    """Return the gradient of the mean cross-entropy of the chosen images."""
    x, targets = (part[chosen] for part in inputs())
    logits = x @ values["out.weight"].T + values["out.bias"]
    shares = np.exp(logits - logits.max(1, keepdims=True))
    error = (shares / shares.sum(1, keepdims=True) - np.eye(3)[targets]) / len(x)
    return {"out.weight": error.T @ x, "out.bias": error.sum(0)}


def stepped(values, slopes):
    return {name: value - LR * slopes[name] for name, value in values.items()}


@pytest.fixture
def end_of(tmp_path):
    """Return a function that trains with more options and returns the weights after the last step."""

    def call(**options):
        module, end = build(NETWORK, seed=SEED), {}
        for event in train(
            module, toy_source(), quick(**PLAIN | options), tmp_path / str(len(list(tmp_path.iterdir())))
        ):
            if isinstance(event, StepDone):
                end = {name: value.double().numpy() for name, value in module.state_dict().items()}
        return end

    return call


def assert_same(got, wanted):
    assert got.keys() == wanted.keys()
    for name, value in wanted.items():
        np.testing.assert_allclose(got[name], value, atol=2e-6, rtol=0)


@pytest.mark.parametrize("batch_size", [48, 8, 1], ids=["full", "mini", "single"])
def test_gradient_descent_by_batches(start, end_of, batch_size):
    steps = 2 * IMAGES // batch_size
    order = [batch_indices(IMAGES, batch_size, SEED, step) for step in range(steps)]
    assert sorted(np.concatenate(order)) == sorted([*range(IMAGES)] * 2)
    wanted = start
    for chosen in order:
        wanted = stepped(wanted, gradient(wanted, chosen))
    assert_same(end_of(batch_size=batch_size, epochs=2.0), wanted)


def test_a_full_batch_knows_no_order(end_of):
    first, other = (end_of(batch_size=IMAGES, epochs=3.0, sampling=how) for how in ("shuffle", "balanced"))
    assert_same(first, other)


ALL = np.arange(IMAGES)


def l1(values):
    slopes = gradient(values, ALL)
    return slopes | {"out.weight": slopes["out.weight"] + 0.01 * np.sign(values["out.weight"])}


def l2(values):
    slopes = gradient(values, ALL)
    return slopes | {"out.weight": slopes["out.weight"] + 0.2 * values["out.weight"]}


def by_norm(values):
    slopes = gradient(values, ALL)
    norm = np.sqrt(sum((slope**2).sum() for slope in slopes.values()))
    assert norm > 0.05  # else the comparison says nothing
    return {name: slope * 0.05 / norm for name, slope in slopes.items()}


def by_value(values):
    slopes = gradient(values, ALL)
    assert max(np.abs(slope).max() for slope in slopes.values()) > 0.01
    return {name: slope.clip(-0.01, 0.01) for name, slope in slopes.items()}


CHANGED = {
    "l1": ({"l1": 0.01}, l1),
    "l2": ({"l2": 0.2}, l2),
    "weight decay of sgd": ({"weight_decay": 0.2}, l2),
    "clip_norm": ({"clip_norm": 0.05}, by_norm),
    "clip_value": ({"clip_value": 0.01}, by_value),
}


@pytest.mark.parametrize("name", CHANGED)
def test_what_changes_the_gradient(start, end_of, name):
    options, slopes = CHANGED[name]
    wanted = start
    for _ in range(3):
        wanted = stepped(wanted, slopes(wanted))
    assert_same(end_of(batch_size=IMAGES, epochs=3.0, **options), wanted)


def test_max_norm_projects_after_the_step(start, end_of):
    wanted = stepped(start, gradient(start, ALL))
    norms = np.linalg.norm(wanted["out.weight"], axis=1, keepdims=True)
    radius = float(np.median(norms))
    wanted["out.weight"] = wanted["out.weight"] * np.minimum(1, radius / norms)
    assert_same(end_of(batch_size=IMAGES, epochs=1.0, max_norm=radius), wanted)


def test_gradient_noise_is_what_is_left_of_a_step(start, end_of):
    plain = stepped(start, gradient(start, ALL))
    noisy = end_of(batch_size=IMAGES, epochs=1.0, gradient_noise=0.5)
    noise = np.concatenate([(plain[name] - noisy[name]).ravel() for name in plain]) / LR
    assert noise.std() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(2 * noise.size))
    assert noise.mean() == pytest.approx(0, abs=4 * 0.5 / np.sqrt(noise.size))


@pytest.mark.parametrize("step", [1, 5])
def test_ema_answers_with_its_sum(start, tmp_path, step):
    decays = [min(0.9, t / (t + 9)) for t in range(1, step + 1)]
    mean, wanted = start, start
    for decay in decays:
        wanted = stepped(wanted, gradient(wanted, ALL))
        mean = {name: decay * mean[name] + (1 - decay) * wanted[name] for name in mean}
    module = build(NETWORK, seed=SEED)
    options = PLAIN | {"batch_size": IMAGES, "epochs": float(step), "ema": 0.9}
    for event in train(module, toy_source(), quick(**options), tmp_path / "run"):
        if isinstance(event, Validated):
            last = event
    x, targets = validation()
    logits = x @ mean["out.weight"].T + mean["out.bias"]
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert last.loss == pytest.approx(-np.log(shares[np.arange(len(x)), targets]).mean(), abs=1e-5)


def validation():
    """Return the validation images as the network must see them, float64 ``(24, 64)``, and their targets."""
    source = toy_source()
    train_pixels, pixels = source.array("train") / 255, source.array("val") / 255
    images = (pixels - train_pixels.mean()) / train_pixels.std()
    return images.reshape(len(images), 64), source.targets["val"]
