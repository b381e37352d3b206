"""Ensembles against probabilities averaged by hand."""

import dataclasses
import gc
import weakref

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import log_loss
from toys import NAMES, message_of, quick, stripes, tiny, toy_source

from striate.data import ArraySource, Preprocess, Recipe, Standardize
from striate.errors import ConfigError, DataError, RunError
from striate.nn import build, save_weights
from striate.ship.ensemble import predict_ensemble
from striate.train import RunFolder, RunRecord
from striate.train.measure import evaluate_run
from striate.train.several.ensemble import evaluate_ensemble

SOURCE = toy_source()


def member(path, seed, deviation=0.5, **changes):
    """Write a run whose weights are drawn by ``seed``."""
    record = RunRecord(
        network=tiny(),
        module=None,
        data="toy",
        fingerprint=SOURCE.fingerprint,
        sizes={"train": 48, "val": 24},
        class_names=NAMES,
        preprocess=Preprocess((1, 8, 8), (Standardize((0.3,), (deviation,)),)),
        augment=Recipe(),
        training=quick(loss="cross-entropy"),
        versions={},
        created="2020-01-01T00:00:00+00:00",
    )
    record = dataclasses.replace(record, **changes)
    folder = RunFolder.create(path, record)
    save_weights(build(record.network, seed=seed), folder.weights)
    return RunFolder.open(path)


@pytest.fixture
def members(tmp_path):
    """Three runs, one with another preprocessing."""
    return [member(tmp_path / f"run-{i}", seed=i, deviation=0.5 if i else 0.1) for i in range(3)]


def probabilities(members, images):
    """Return the mean probabilities of uint8 ``(N, 1, 8, 8)``, by hand."""
    total = 0.0
    for each in members:
        mean, deviation = 0.3, each.record.preprocess.steps[0].std[0]
        with torch.no_grad():
            logits = each.module()((torch.from_numpy(images) / 255 - mean) / deviation).double().numpy()
        shares = np.exp(logits - logits.max(1, keepdims=True))
        total = total + shares / shares.sum(1, keepdims=True)
    return total / len(members)


def test_an_evaluation_is_of_the_mean_probabilities(members):
    ours = evaluate_ensemble(members, SOURCE).together
    shares, targets = probabilities(members, SOURCE.array("test")), SOURCE.targets["test"]
    assert ours.accuracy == np.mean(shares.argmax(1) == targets)
    assert ours.loss == pytest.approx(log_loss(targets, shares), rel=1e-5)
    assert ours.mean_confidence == pytest.approx(shares.max(1).mean(), rel=1e-5)
    assert (ours.split, ours.images) == ("test", 24)
    assert ours.loss <= np.mean([evaluate_run(each, SOURCE).loss for each in members])  # Jensen


def test_members_are_measured_beside_it(members):
    ours = evaluate_ensemble(members, SOURCE)
    alone = [evaluate_run(each, SOURCE) for each in members]
    assert ours.members.runs == ("run-0", "run-1", "run-2")
    for name in ("accuracy", "macro_f1", "loss"):
        values = [getattr(each, name) for each in alone]
        assert ours.members.figures[name] == tuple(values)
        assert ours.members.mean[name] == pytest.approx(np.mean(values))
        assert ours.members.deviation[name] == pytest.approx(np.std(values, ddof=1))
    assert ours.accuracy == ours.together.accuracy
    data = ours.to_data()
    assert data["accuracy"] == ours.together.accuracy
    assert [row["loss"] for row in data["members"]["runs"]] == [each.loss for each in alone]
    lines = str(ours).splitlines()
    assert [line.split()[0] for line in lines[:7]] == ["run", *ours.members.runs, "mean", "±", "together"]
    assert evaluate_ensemble(members[:1], SOURCE).members.deviation["loss"] is None


def test_one_member_answers_as_its_run(members):
    for views in ("center", "flip"):
        alone = evaluate_ensemble(members[:1], SOURCE, "val", views=views).together
        assert alone == evaluate_run(members[0], SOURCE, "val", views=views)


def test_views_and_members_are_averaged_alike(members):
    ours = evaluate_ensemble(members, SOURCE, views="flip").together
    images = SOURCE.array("test")
    shares = (probabilities(members, images) + probabilities(members, images[..., ::-1].copy())) / 2
    assert ours.loss == pytest.approx(log_loss(SOURCE.targets["test"], shares), rel=1e-5)


def test_members_may_see_images_of_other_sizes(members, tmp_path):
    network = tiny().with_input((1, 12, 12))
    other = member(
        tmp_path / "large",
        9,
        network=network,
        preprocess=Preprocess((1, 12, 12), (Standardize((0.3,), (0.5,)),)),
    )
    both = evaluate_ensemble([members[0], other], SOURCE).together
    alone = [evaluate_run(each, SOURCE).loss for each in (members[0], other)]
    assert min(alone) / 2 < both.loss <= np.mean(alone)


def test_modules_are_in_memory_one_after_another(members, monkeypatch):
    alive, most = weakref.WeakSet(), []
    load = RunFolder.module

    def counted(self, *arguments):
        gc.collect()
        most.append(len(alive))
        module = load(self, *arguments)
        alive.add(module)
        return module

    monkeypatch.setattr(RunFolder, "module", counted)
    evaluate_ensemble(members, SOURCE)
    predict_ensemble(members, [SOURCE.image("test", 0)])
    assert most == [0] * 6  # none is left when another is loaded


@pytest.mark.parametrize("several", [False, True], ids=["open", "files"])
def test_predictions_are_of_the_mean_probabilities(members, several, tmp_path):
    pixels = stripes(70, seed=5)[0]  # more than a batch
    images = [Image.fromarray(image[0]) for image in pixels]
    names = ["image"] * 70
    if several:
        names = [str(tmp_path / f"{i}.png") for i in range(70)]
        for image, name in zip(images, names, strict=True):
            image.save(name)
        images = names
    predictions = predict_ensemble(members, iter(images), top=2)
    assert [p.image for p in predictions] == names
    for prediction, row in zip(predictions, probabilities(members, pixels), strict=True):
        order = np.argsort(-row)[:2]
        assert [g.index for g in prediction.top] == order.tolist()
        assert [g.class_name for g in prediction.top] == [NAMES[i] for i in order]
        assert [g.probability for g in prediction.top] == pytest.approx(row[order], rel=1e-5)


def test_several_labels_are_averaged_by_their_sigmoids(members, tmp_path):
    one_label, members = (
        members[0],
        [
            member(
                tmp_path / f"labels-{i}", seed=i, deviation=0.5 if i else 0.1, training=quick(loss="binary")
            )
            for i in range(3)
        ],
    )
    truths = (np.random.default_rng(0).random((24, 3)) < 0.4).astype(np.uint8)
    source = ArraySource("many", {"test": SOURCE.array("test")}, {"test": truths}, NAMES[::-1])
    ours = evaluate_ensemble(members, source).together
    total = 0.0
    for each in members:
        mean, deviation = 0.3, each.record.preprocess.steps[0].std[0]
        with torch.no_grad():
            images = (torch.from_numpy(SOURCE.array("test")) / 255 - mean) / deviation
            total = total + each.module()(images).double().sigmoid() / 3
    expected = torch.nn.functional.binary_cross_entropy(
        total, torch.from_numpy(truths[:, ::-1].astype(float))
    )
    assert ours.loss == pytest.approx(expected.item(), rel=1e-5)
    assert [c.name for c in ours.classes] == list(NAMES)
    assert message_of(DataError, evaluate_run, one_label, source) == (
        "many: its images may have several labels each, and the run was trained to give one, with "
        "loss=cross-entropy. Keep one label of each, or train with loss=binary."
    )


def test_members_of_other_classes_are_refused(members, tmp_path):
    first = members[0].path
    other = member(tmp_path / "other", 5, class_names=("left", "center", "right"))
    for call in (evaluate_ensemble, predict_ensemble):
        assert message_of(RunError, call, [*members, other], []) == (
            f"{first} has 'middle' as class 1 and {other.path} 'center'; "
            "the members of an ensemble must have the same classes in one order."
        )
    two = member(tmp_path / "two", 5, class_names=("left", "right"), network=tiny(classes=2))
    assert message_of(RunError, evaluate_ensemble, [members[0], two], SOURCE) == (
        f"{first} has 3 classes and {two.path} 2; "
        "the members of an ensemble must have the same classes in one order."
    )
    assert (
        message_of(RunError, evaluate_ensemble, [], SOURCE)
        == "members=[]: an ensemble needs one run or more."
    )


def test_members_give_one_label_or_several(members, tmp_path):
    other = member(tmp_path / "other", 5, several_labels=True)
    assert message_of(RunError, evaluate_ensemble, [members[0], other], SOURCE) == (
        f"{members[0].path} and {other.path}: one was trained to give several labels and the other one; the members of "
        "an ensemble must give alike."
    )


def test_members_of_other_data_want_it_named(members, tmp_path):
    other = member(tmp_path / "other", 5, data="fold:1/3@0:toy", fingerprint="0" * 64)
    assert message_of(DataError, evaluate_ensemble, [members[0], other]) == (
        f"{members[0].path} was trained on toy and {other.path} on fold:1/3@0:toy, or on another state of it; "
        "say what to measure them on: --data SOURCE (data=…)."
    )
    assert evaluate_ensemble([members[0], other], SOURCE).together.images == 24


def test_bad_arguments(members):
    assert "unknown views 'flop'" in message_of(ConfigError, evaluate_ensemble, members, SOURCE, views="flop")
    assert message_of(DataError, predict_ensemble, members, [], top=0) == (
        "top=0: must be a whole number of at least 1."
    )
    assert predict_ensemble(members, []) == []
