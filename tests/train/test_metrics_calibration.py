"""Calibration against a loop over answers, and the diagram that is drawn of it."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from toys import files_below, message_of

from striate.errors import ConfigError, RunError
from striate.train.metrics import scored
from striate.train.metrics.calibration import BINS, binned, calibration_error, mean_confidence

NAMES = ("a", "b", "c")


def by_hand(confidences, right):
    """Guo et al. 2017, equations 1 to 3, with bins ((m − 1)/15, m/15]."""
    error = 0.0
    for m in range(1, 16):
        inside = [i for i, p in enumerate(confidences) if (m - 1) / 15 < p <= m / 15]
        if inside:
            accuracy = np.mean([right[i] for i in inside])
            confidence = np.mean([confidences[i] for i in inside])
            error += len(inside) / len(confidences) * abs(accuracy - confidence)
    return error


EDGES = st.integers(1, 15).map(lambda m: m / 15)


@given(st.lists(st.tuples(st.one_of(st.floats(0.001, 1), EDGES), st.booleans()), min_size=1, max_size=60))
def test_against_a_loop(answers):
    confidences, right = zip(*answers, strict=True)
    bins = binned(torch.tensor(confidences, dtype=torch.float64), torch.tensor(right))
    assert len(bins) == BINS == 15
    assert sum(b.count for b in bins) == len(answers)
    assert calibration_error(bins) == pytest.approx(by_hand(confidences, right), abs=1e-12)
    assert mean_confidence(bins) == pytest.approx(np.mean(confidences))
    for number, each in enumerate(bins):
        inside = [r for p, r in answers if number / 15 < p <= (number + 1) / 15]
        assert each.count == len(inside)
        assert each.accuracy == (pytest.approx(np.mean(inside)) if inside else None)


@pytest.fixture(scope="module")
def evaluation():
    rng = np.random.default_rng(5)
    targets = rng.integers(0, 3, 900)
    logits = rng.normal(size=(900, 3)) * 2
    logits[np.arange(900), targets] += 2
    return logits, targets, scored([torch.from_numpy(logits)], torch.from_numpy(targets), NAMES, "test")


def test_of_an_evaluation(evaluation):
    logits, targets, ours = evaluation
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    right = shares.argmax(1) == targets
    assert ours.calibration_error == pytest.approx(by_hand(shares.max(1), right), rel=1e-9)
    assert ours.mean_confidence == pytest.approx(shares.max(1).mean(), rel=1e-12)
    assert ours.to_data()["calibration"][14]["count"] == (shares.max(1) > 14 / 15).sum()


def test_answers_as_sure_as_they_are_right_have_no_error():
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.5, 1, 200_000)
    bins = binned(torch.from_numpy(sure), torch.from_numpy(rng.random(200_000) < sure))
    assert calibration_error(bins) < 0.01
    assert calibration_error(binned(torch.from_numpy(sure), torch.ones(200_000, dtype=torch.bool))) > 0.2


def test_the_diagram(evaluation, tmp_path):
    ours = evaluation[2]
    for name in ("one.svg", "two.svg", "one.png"):
        ours.plot_calibration(tmp_path / name)
    drawn = (tmp_path / "one.svg").read_bytes()
    assert drawn == (tmp_path / "two.svg").read_bytes()
    texts = ["".join(e.itertext()) for e in ET.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")]
    assert f"test: calibration error {ours.calibration_error:.1%}" in texts
    assert {"accuracy", "confidence", "images"} <= set(texts)
    with Image.open(tmp_path / "one.png") as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    blue = np.abs(pixels - (0x3B, 0x76, 0xC4)).max(2) < 8
    assert blue.mean() > 0.1  # its bars are there


def test_where_it_cannot_be_written(evaluation, tmp_path):
    ours = evaluation[2]
    path = tmp_path / "diagram.jpg"
    assert message_of(ConfigError, ours.plot_calibration, path) == (
        f"{path}: must end with .svg or .png, which say how it is drawn."
    )
    path = tmp_path / "nowhere" / "diagram.svg"
    assert message_of(RunError, ours.plot_calibration, path) == (
        f"{path}: cannot be written: No such file or directory."
    )
    assert files_below(tmp_path) == []
