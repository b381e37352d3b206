"""`evaluate` against scikit-learn, on logits that are read from a table."""

import numpy as np
import pytest
import sklearn.metrics as sk
import torch
from torch import nn

from striate.data import Dataset, Preprocess, Standardize
from striate.train import evaluate, forward_in_batches

COUNT, CLASSES = 700, 8  # several batches
NAMES = tuple(f"class {i}" for i in range(CLASSES))
RAW = Preprocess((1, 1, 2), (Standardize((0.0,), (1 / 255,)),))  # leaves bytes as they are


class Table(nn.Module):
    """Answers with the row whose number the two pixels spell."""

    def __init__(self, logits):
        super().__init__()
        self.logits = torch.from_numpy(logits).float()
        self.modes = []

    def forward(self, x):
        self.modes.append(self.training)
        high, low = x[:, 0, 0].round().long().unbind(1)
        return self.logits[high * 256 + low]


def numbered(targets):
    numbers = np.arange(len(targets))
    pixels = np.stack([numbers // 256, numbers % 256], 1).astype(np.uint8)
    return Dataset(torch.from_numpy(pixels)[:, None, None], torch.from_numpy(targets))


@pytest.fixture(scope="module")
def case():
    rng = np.random.default_rng(11)
    targets = rng.integers(0, CLASSES - 1, COUNT)  # none is of the last class
    logits = rng.normal(size=(COUNT, CLASSES)).astype(np.float32)
    logits[np.arange(COUNT), targets] += 1.0
    logits[:, 2] = -30  # class 2 is never called
    return logits, targets, evaluate(Table(logits), numbered(targets), RAW, NAMES, "val")


def test_accuracy_top5_and_loss(case):
    logits, targets, ours = case
    assert (ours.split, ours.images, ours.skipped) == ("val", COUNT, ())
    labels = np.arange(CLASSES)
    assert ours.accuracy == pytest.approx(sk.accuracy_score(targets, logits.argmax(1)), rel=1e-12)
    top5 = sk.top_k_accuracy_score(targets, logits, k=5, labels=labels)
    assert ours.top5 == pytest.approx(top5, rel=1e-12)
    probabilities = np.exp(logits.astype(float))
    probabilities /= probabilities.sum(1, keepdims=True)
    assert ours.loss == pytest.approx(sk.log_loss(targets, probabilities, labels=labels), rel=1e-6)
    assert 0.2 < ours.accuracy < 0.9


def test_confusion(case):
    logits, targets, ours = case
    expected = sk.confusion_matrix(targets, logits.argmax(1), labels=np.arange(CLASSES))
    assert np.array_equal(np.array(ours.confusion), expected)


def test_classes(case):
    logits, targets, ours = case
    scores = sk.precision_recall_fscore_support(
        targets, logits.argmax(1), labels=np.arange(CLASSES), zero_division=np.nan
    )
    for i, (precision, recall, f1, support) in enumerate(zip(*scores, strict=True)):
        mine = ours.classes[i]
        assert (mine.name, mine.support) == (NAMES[i], support)
        assert mine.precision == (None if np.isnan(precision) else pytest.approx(precision))
        assert mine.recall == (None if np.isnan(recall) else pytest.approx(recall))
        if mine.f1 is not None:
            assert mine.f1 == pytest.approx(f1)
    assert (ours.classes[2].precision, ours.classes[2].recall, ours.classes[2].f1) == (None, 0.0, None)
    assert (ours.classes[7].support, ours.classes[7].recall, ours.classes[7].f1) == (0, None, None)


def test_it_prints_the_figures(case):
    _, targets, ours = case
    lines = str(ours).splitlines()
    assert lines[0] == (
        f"val: accuracy {ours.accuracy:.2%} of 700 images, top-5 {ours.top5:.2%}, loss {ours.loss:.4f}"
    )
    assert lines[1] == (
        f"balanced accuracy {ours.balanced_accuracy:.2%}, macro-F1 {ours.macro_f1:.2%}, "
        f"mean confidence {ours.mean_confidence:.2%}, calibration error {ours.calibration_error:.2%}"
    )
    assert len(lines) == 4 + CLASSES
    confused = np.array(ours.confusion)
    np.fill_diagonal(confused, 0)
    assert lines[4].startswith(f"class 0     {(targets == 0).sum()}")
    assert lines[4].endswith(f"{NAMES[confused[0].argmax()]} ({confused[0].max()})")
    assert "–" in lines[6]
    html = ours._repr_html_()
    assert html.count("<td") == CLASSES**2
    assert html.count("<tr") == CLASSES + 1


def test_names_are_escaped_in_a_notebook():
    ours = evaluate(Table(np.eye(2)), numbered(np.array([0, 1])), RAW, ("<b>", "&"))
    assert "<b>" not in ours._repr_html_()
    assert "&lt;b&gt;" in ours._repr_html_()


def test_macro_f1_and_balanced_accuracy(case):
    logits, targets, ours = case
    assert ours.macro_f1 == pytest.approx(
        sk.f1_score(targets, logits.argmax(1), average="macro", zero_division=0)
    )
    # Class 7 has no images, which scikit-learn warns of and leaves out.
    assert ours.balanced_accuracy == pytest.approx(
        sk.recall_score(targets, logits.argmax(1), labels=np.arange(7), average="macro")
    )
    seen = np.flatnonzero(logits.argmax(1) != 7)
    kept = evaluate(Table(logits[seen]), numbered(targets[seen]), RAW, NAMES)
    assert kept.balanced_accuracy == pytest.approx(
        sk.balanced_accuracy_score(targets[seen], logits[seen].argmax(1))
    )


def test_to_data_is_json_of_the_same():
    ours = evaluate(Table(np.eye(2)), numbered(np.array([0, 0])), RAW, ("a", "b"), "test")
    sure = np.e / (1 + np.e)  # 0.731, of the eleventh bin
    empty = {"count": 0, "confidence": None, "accuracy": None}
    assert ours.to_data() == {
        "split": "test",
        "images": 2,
        "accuracy": 0.5,
        "top5": 1.0,
        "loss": pytest.approx(0.5 * (np.log(1 + np.e) + np.log(1 + np.e) - 1)),
        "balanced_accuracy": 0.5,
        "macro_f1": pytest.approx(1 / 3),
        "mean_confidence": pytest.approx(sure),
        "calibration_error": pytest.approx(sure - 0.5),
        "classes": (
            {"name": "a", "support": 2, "precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3)},
            {"name": "b", "support": 0, "precision": 0.0, "recall": None, "f1": None},
        ),
        "confusion": ((1, 1), (0, 0)),
        "calibration": (
            *[empty] * 10,
            {"count": 2, "confidence": pytest.approx(sure), "accuracy": 0.5},
            *[empty] * 4,
        ),
        "skipped": (),
    }


@pytest.mark.parametrize("training", [True, False])
def test_it_measures_in_evaluation_mode_and_restores_the_mode(training):
    table = Table(np.eye(600)).train(training)
    outputs = forward_in_batches(table, numbered(np.arange(600)).images, RAW, torch.device("cpu"))
    assert torch.equal(outputs, torch.eye(600))  # in order, across batches
    assert table.modes == [False] * len(table.modes)
    assert len(table.modes) > 1
    assert table.training is training
