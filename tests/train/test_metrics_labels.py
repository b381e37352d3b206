"""Figures of images that may have several labels, against scikit-learn."""

import json

import numpy as np
import pytest
import sklearn.metrics as sk
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from striate.data import ArraySource, Dataset, Preprocess, Standardize, load_split
from striate.train.metrics import LabelEvaluation, evaluate, scored
from striate.train.metrics.labels import average_precision

COUNT, NAMES = 600, ("cat", "dog", "<none>", "bird")
RAW = Preprocess((1, 1, 2), (Standardize((0.0,), (1 / 255,)),))


class Table(nn.Module):
    """Answers with the row whose number the two pixels spell."""

    def __init__(self, logits):
        super().__init__()
        self.logits = torch.from_numpy(logits).float()

    def forward(self, x):
        high, low = x[:, 0, 0].round().long().unbind(1)
        return self.logits[high * 256 + low]


@pytest.fixture(scope="module")
def case():
    rng = np.random.default_rng(2)
    truths = (rng.random((COUNT, 4)) < (0.5, 0.2, 0.0, 0.7)).astype(np.uint8)  # no image has the third
    logits = (rng.normal(size=(COUNT, 4)) + 1.5 * truths - (0, 0, 9, 0)).round(1)  # many alike
    numbers = np.arange(COUNT)
    pixels = np.stack([numbers // 256, numbers % 256], 1).astype(np.uint8)[:, None, None]
    source = ArraySource("many", {"test": pixels}, {"test": truths}, NAMES)
    dataset = load_split(source, "test", (1, 1, 2))
    return logits, truths, evaluate(Table(logits), dataset, RAW, NAMES)


def test_targets_of_several_labels_are_loaded_as_they_are():
    truths = np.array([[1, 0], [1, 1]], np.uint8)
    source = ArraySource("two", {"test": np.zeros((2, 1, 1, 1), np.uint8)}, {"test": truths}, ("a", "b"))
    targets = load_split(source, "test", (1, 1, 1)).targets
    assert targets.dtype == torch.float32
    assert targets.tolist() == truths.tolist()


def test_figures(case):
    logits, truths, ours = case
    called = logits > 0
    assert isinstance(ours, LabelEvaluation)
    assert (ours.split, ours.images, ours.skipped) == ("test", COUNT, ())
    assert ours.accuracy == pytest.approx(sk.accuracy_score(truths, called))
    probabilities = 1 / (1 + np.exp(-logits))
    columns = [sk.log_loss(truths[:, k], probabilities[:, k], labels=[0, 1]) for k in range(4)]
    assert ours.loss == pytest.approx(np.mean(columns), rel=1e-6)
    has = [0, 1, 3]
    assert ours.macro_f1 == pytest.approx(sk.f1_score(truths[:, has], called[:, has], average="macro"))
    expected = sk.average_precision_score(truths[:, has], logits[:, has], average="macro")
    assert ours.mean_average_precision == pytest.approx(expected)


def test_labels(case):
    logits, truths, ours = case
    scores = sk.precision_recall_fscore_support(truths, logits > 0, zero_division=np.nan)
    for k in (0, 1, 3):
        row = ours.classes[k]
        assert (row.precision, row.recall, row.f1) == pytest.approx([scores[i][k] for i in range(3)])
        assert (row.name, row.support) == (NAMES[k], scores[3][k])
        expected = sk.average_precision_score(truths[:, k], logits[:, k])
        assert ours.average_precisions[k] == pytest.approx(expected)
    assert ours.average_precisions[2] is None
    assert (ours.classes[2].support, ours.classes[2].recall, ours.classes[2].precision) == (0, None, None)


@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=1, max_size=30))
def test_average_precision(answers):
    scores, truths = zip(*answers, strict=True)
    ours = average_precision(torch.tensor(scores, dtype=torch.float64), torch.tensor(truths))
    if any(truths):
        assert ours == pytest.approx(sk.average_precision_score(truths, scores))
    else:
        assert ours is None


def test_it_prints_the_figures(case):
    ours = case[2]
    lines = str(ours).splitlines()
    assert lines[0] == (
        f"test: mean average precision {ours.mean_average_precision:.2%} of 600 images, "
        f"macro-F1 {ours.macro_f1:.2%}, all labels right {ours.accuracy:.2%}, loss {ours.loss:.4f}"
    )
    assert lines[2].split() == ["label", "images", "precision", "recall", "f1", "average", "precision"]
    assert len(lines) == 3 + len(NAMES)
    assert len({len(line) for line in lines[2:]}) == 1  # columns stand under one another
    assert "<none>" not in ours._repr_html_()
    data = json.loads(json.dumps(ours.to_data()))
    assert data["mean_average_precision"] == ours.mean_average_precision
    assert data["average_precisions"][2] is None
    assert [row["name"] for row in data["classes"]] == list(NAMES)


def test_views_average_probabilities():
    rng = np.random.default_rng(1)
    images = torch.from_numpy(rng.integers(0, 256, (5, 1, 1, 2), np.uint8))
    targets = torch.from_numpy((rng.random((5, 2)) < 0.5).astype(np.float32))
    module = nn.Sequential(nn.Flatten(), nn.Linear(2, 2))
    preprocess = Preprocess((1, 1, 2))
    ours = evaluate(module, Dataset(images, targets), preprocess, ("a", "b"), views="flip")
    with torch.no_grad():
        values = preprocess.normalize(images)
        mean = (module(values).double().sigmoid() + module(values.flip(3)).double().sigmoid()) / 2
    assert ours.loss == pytest.approx(
        nn.functional.binary_cross_entropy(mean, targets.double()).item(), rel=1e-5
    )


def test_pieces_make_up_the_whole(case):
    logits, truths, ours = case
    pieces = torch.split(torch.from_numpy(logits), 7)
    assert scored(pieces, torch.from_numpy(truths), NAMES, "test").loss == pytest.approx(ours.loss, rel=1e-6)
