"""Losses against naive loops in float64, torch's cross-entropy and scikit-learn."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional as F
from toys import message_of

from striate.errors import ConfigError
from striate.train.config import LossConfig
from striate.train.losses import class_weights, first_loss, make_loss

COUNT, CLASSES = 40, 4
RNG = np.random.default_rng(3)
LOGITS = RNG.normal(size=(COUNT, CLASSES)) * 3
NUMBERS = RNG.choice(CLASSES, COUNT, p=(0.5, 0.3, 0.15, 0.05))
SHARES = RNG.dirichlet(np.full(CLASSES, 0.3), COUNT)
SEVERAL = (RNG.random((COUNT, CLASSES)) < (0.6, 0.3, 0.2, 0.5)).astype(float)
TARGETS = {"numbers": NUMBERS, "shares": SHARES, "several": SEVERAL}
WEIGHTS = {"none": "none", "given": (0.5, 2.0, 1.0, 7.0)}


def softmax(row):
    powers = [math.exp(value - max(row)) for value in row]
    return [power / sum(powers) for power in powers]


def sigmoid(value):
    return 1 / (1 + math.exp(-value))


def naive(name, logits, targets, weights, smoothing, focus, several):
    """The loss by its definition, number by number."""
    weights = (1.0,) * CLASSES if weights == "none" else weights
    top = bottom = 0.0
    for row, target in zip(logits, targets, strict=True):
        shares = [float(target == k) for k in range(CLASSES)] if targets.ndim == 1 else list(target)
        rest = 0.5 if several else 1 / CLASSES
        wanted = [(1 - smoothing) * t + smoothing * rest for t in shares]
        counted = sum(w * t for w, t in zip(weights, shares, strict=True))
        if name == "binary" or several:
            power = focus if name == "focal" else 0.0
            for w, t, x in zip(weights, wanted, row, strict=True):
                p = sigmoid(x)
                top -= w * (t * (1 - p) ** power * math.log(p) + (1 - t) * p**power * math.log(1 - p))
                bottom += w
            continue
        bottom += counted
        if name == "squared":
            top += counted * sum((x - t) ** 2 for x, t in zip(row, wanted, strict=True))
        else:
            power = focus if name == "focal" else 0.0
            for w, t, p in zip(weights, wanted, softmax(row), strict=True):
                top -= w * t * (1 - p) ** power * math.log(p)
    return top / bottom


CASES = [
    pytest.param(name, targets, weights, smoothing, id=f"{name}-{targets}-{weights}-{smoothing}")
    for name in ("cross-entropy", "binary", "squared", "focal")
    for targets in TARGETS
    for weights in WEIGHTS
    for smoothing in (0.0, 0.1)
    if targets != "several" or name in ("binary", "focal")
]


def loss_of(name, targets, **options):
    config = LossConfig(name=name, **options)
    training = torch.from_numpy(SEVERAL if targets == "several" else NUMBERS)
    loss = make_loss(config, training, CLASSES)
    return lambda logits: loss(
        torch.as_tensor(logits),
        torch.from_numpy(TARGETS[targets]).to(torch.int64 if targets == "numbers" else torch.float32),
    )


@pytest.mark.parametrize(("name", "targets", "weights", "smoothing"), CASES)
def test_against_the_definition(name, targets, weights, smoothing):
    logits = torch.tensor(LOGITS, dtype=torch.float32)
    for focus in (2.0, 0.5) if name == "focal" else (2.0,):
        options = {"label_smoothing": smoothing, "focus": focus, "class_weights": WEIGHTS[weights]}
        ours = loss_of(name, targets, **options)(logits)
        assert ours.shape == ()
        expected = naive(
            name, LOGITS, TARGETS[targets], WEIGHTS[weights], smoothing, focus, targets == "several"
        )
        assert ours.item() == pytest.approx(expected, rel=2e-5)


@pytest.mark.parametrize("weights", [pytest.param(w, id=name) for name, w in WEIGHTS.items()])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_of_numbers_is_torchs(weights, smoothing):
    logits = torch.tensor(LOGITS, dtype=torch.float32)
    given_weights = None if weights == "none" else torch.tensor(weights)
    expected = F.cross_entropy(
        logits, torch.from_numpy(NUMBERS), weight=given_weights, label_smoothing=smoothing
    )
    ours = loss_of("cross-entropy", "numbers", class_weights=weights, label_smoothing=smoothing)(logits)
    assert torch.equal(ours, expected)


def test_cross_entropy_is_scikit_learns():
    balanced = compute_class_weight("balanced", classes=np.arange(CLASSES), y=NUMBERS)
    probabilities = np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True)
    expected = log_loss(NUMBERS, probabilities, sample_weight=balanced[NUMBERS])
    ours = loss_of("cross-entropy", "numbers", class_weights="balanced")(LOGITS.astype(np.float32))
    assert ours.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["cross-entropy", "binary", "squared", "focal"])
@pytest.mark.parametrize("weights", [pytest.param(w, id=name) for name, w in WEIGHTS.items()])
def test_shares_all_in_one_class_count_as_its_number(name, weights):
    loss = make_loss(
        LossConfig(name=name, class_weights=weights, label_smoothing=0.1), torch.from_numpy(NUMBERS), CLASSES
    )
    logits, numbers = torch.tensor(LOGITS, dtype=torch.float32), torch.from_numpy(NUMBERS)
    assert loss(logits, F.one_hot(numbers).float()).item() == pytest.approx(
        loss(logits, numbers).item(), rel=1e-6
    )


@given(
    st.integers(2, 2000), st.sampled_from(["cross-entropy", "binary", "squared", "focal"]), st.floats(0, 0.5)
)
def test_the_first_loss_is_that_of_logits_that_say_nothing(classes, name, smoothing):
    config = LossConfig(name=name, label_smoothing=smoothing, focus=1.5)
    targets = torch.arange(3) % classes
    loss = make_loss(config, targets, classes)(torch.zeros(3, classes, dtype=torch.float64), targets)
    assert loss.item() == pytest.approx(first_loss(config, classes), rel=1e-9)


@pytest.mark.parametrize("name", ["binary", "focal"])
def test_the_first_loss_of_several_labels(name):
    config = LossConfig(name=name, focus=1.5, label_smoothing=0.1)
    targets = torch.from_numpy(SEVERAL)
    loss = make_loss(config, targets, CLASSES)(torch.zeros(COUNT, CLASSES, dtype=torch.float64), targets)
    assert loss.item() == pytest.approx(first_loss(config, CLASSES, several_labels=True), rel=1e-9)
    assert first_loss(LossConfig(), 10) == math.log(10)


def test_balanced_weights():
    config = LossConfig(class_weights="balanced")
    numbers = class_weights(config, torch.from_numpy(NUMBERS), CLASSES)
    expected = compute_class_weight("balanced", classes=np.arange(CLASSES), y=NUMBERS)
    assert numbers.tolist() == pytest.approx(expected.tolist(), rel=1e-6)
    # Each class counts alike in all.
    assert np.bincount(NUMBERS, weights=numbers.numpy()[NUMBERS]) == pytest.approx(COUNT / CLASSES)
    several = class_weights(config, torch.from_numpy(SEVERAL), CLASSES)
    assert (several * torch.from_numpy(SEVERAL).sum(0)).tolist() == pytest.approx(
        [SEVERAL.sum() / CLASSES] * CLASSES
    )
    lacking = class_weights(config, torch.tensor([0, 0, 0, 2]), 3)
    assert lacking.tolist() == pytest.approx([4 / 6, 0.0, 2.0])


@pytest.mark.parametrize("focus", [0.0, 0.3, 1.0, 2.0])
@pytest.mark.parametrize("several", [False, True], ids=["one", "several"])
def test_focal_has_finite_slopes_where_an_answer_is_sure(focus, several):
    targets = torch.eye(3) if several else torch.arange(3)
    loss = make_loss(LossConfig(name="focal", focus=focus), targets, 3)
    for sign in (1, -1):
        logits = (sign * 200 * torch.eye(3)).requires_grad_()
        value = loss(logits, targets)
        value.backward()
        assert torch.isfinite(value)
        assert torch.isfinite(logits.grad).all()


SLOPED = [
    pytest.param(name, targets, id=f"{name}-{targets}")
    for name in ("cross-entropy", "binary", "squared", "focal")
    for targets in TARGETS
    if targets != "several" or name in ("binary", "focal")
]


@pytest.mark.parametrize(("name", "targets"), SLOPED)
def test_slopes_against_finite_differences(name, targets):
    wanted = torch.from_numpy(TARGETS[targets][:6])
    training = wanted if targets == "several" else torch.from_numpy(NUMBERS)
    loss = make_loss(LossConfig(name=name, label_smoothing=0.1), training, CLASSES)
    logits = torch.from_numpy(LOGITS[:6].copy()).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss(x, wanted), (logits,))


@pytest.mark.parametrize("name", ["cross-entropy", "binary", "squared", "focal"])
def test_half_precision_is_computed_in_float32(name):
    logits = torch.from_numpy(LOGITS).bfloat16()
    loss = loss_of(name, "numbers")
    assert torch.equal(loss(logits), loss(logits.float()))


@pytest.mark.parametrize("name", ["cross-entropy", "squared"])
def test_several_labels_want_a_loss_for_them(name):
    text = message_of(ConfigError, make_loss, LossConfig(name=name), torch.from_numpy(SEVERAL), CLASSES)
    assert text == (
        f"loss={name!r}: must be binary or focal, as images may have several labels. Set it with loss.name=binary."
    )


def test_a_weight_for_each_class():
    config = LossConfig(class_weights=(1.0, 2.0))
    text = message_of(ConfigError, make_loss, config, torch.from_numpy(NUMBERS), CLASSES)
    assert text == "class_weights=[1.0, 2.0]: must be none, balanced, or 4 numbers, one for each class."


@pytest.mark.parametrize("name", ["cross-entropy", "binary", "squared", "focal"])
def test_class_weights_of_logits_in_float64(name):
    logits = torch.randn(6, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    targets = torch.tensor([0, 1, 2, 0, 0, 1])
    weighted = make_loss(LossConfig(name=name, class_weights="balanced"), targets, 3)
    value = weighted(logits, targets)
    assert value.dtype == torch.float64
    torch.testing.assert_close(value.float(), weighted(logits.float(), targets), rtol=1e-5, atol=0)
