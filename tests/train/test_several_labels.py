"""Images that may have several labels, from training to prediction, against scikit-learn and sigmoids by hand."""

import json

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from sklearn.metrics import average_precision_score, f1_score, log_loss
from toys import NAMES, message_of, quick, tiny, toy_source

import striate as st
from striate.data import ArraySource, Recipe
from striate.data.augment.effects import Mixup
from striate.errors import ConfigError, DataError
from striate.train import Finished, LabelEvaluation, Started, StepDone, Validated


def labeled(count, seed):
    """Return uint8 ``(count, 1, 8, 8)``, dark noise with a bright band for each label, and labels ``(count, 3)``."""
    random = np.random.default_rng(seed)
    labels = (random.random((count, 3)) < 0.4).astype(np.uint8)
    images = random.integers(0, 100, (count, 1, 8, 8))
    for image, row in zip(images, labels, strict=True):
        for k in np.flatnonzero(row):
            image[:, :, 3 * k : 3 * k + 2] += 80
    return images.astype(np.uint8), labels


def label_source():
    parts = {split: labeled(n, n) for split, n in (("train", 64), ("val", 40), ("test", 33))}
    images, labels = ({split: pair[i] for split, pair in parts.items()} for i in (0, 1))
    return ArraySource("labels", images, labels, NAMES)


OPTIONS = {"epochs": 6.0, "lr": 0.02}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A finished run and its events; to be read, never written."""
    events = []
    path = tmp_path_factory.mktemp("labels") / "run"
    run = st.fit(tiny(), label_source(), out=path, config=quick(**OPTIONS), on_event=events.append)
    return run, events


def probabilities(run, images):
    """Return the sigmoids of uint8 ``(N, 1, 8, 8)``, by hand, float64 ``(N, 3)``."""
    (step,) = run.record.preprocess.steps
    with torch.no_grad():
        logits = run.module()((torch.from_numpy(images) / 255 - step.mean[0]) / step.std[0])
    return 1 / (1 + np.exp(-logits.double().numpy()))


def of_kind(events, kind):
    return [event for event in events if isinstance(event, kind)]


def test_the_loss_is_chosen_and_recorded(trained):
    run, events = trained
    data = yaml.safe_load((run.path / "run.yaml").read_text())
    assert data["training"]["loss"]["name"] == "binary"
    assert data["data"]["several_labels"] is True
    assert run.record.several_labels
    (note,) = of_kind(events, Started)[0].notes
    assert note == (
        "an image may have several labels, and each is learned as a yes or no of its own, by loss=binary"
    )


def test_one_label_an_image_is_cross_entropy_as_before(toy_run):
    data = yaml.safe_load((toy_run / "run.yaml").read_text())
    assert data["training"]["loss"]["name"] == "cross-entropy"
    assert data["data"]["several_labels"] is False


def test_the_first_loss_is_the_mean_of_binary_cross_entropies(trained, tmp_path):
    config = quick(epochs=0.1, batch_size=64)
    losses = []
    run = st.fit(
        tiny(),
        label_source(),
        out=tmp_path / "run",
        config=config,
        on_event=lambda e: losses.append(e.loss) if isinstance(e, StepDone) else None,
    )
    fresh = st.build(tiny(), seed=0)
    (step,) = run.record.preprocess.steps
    source = label_source()
    with torch.no_grad():
        logits = fresh((torch.from_numpy(source.array("train")) / 255 - step.mean[0]) / step.std[0])
    given = torch.sigmoid(logits.double()).numpy()
    wanted = np.mean([log_loss(source.targets["train"][:, k], given[:, k]) for k in range(3)])
    assert losses[0] == pytest.approx(wanted, rel=1e-5)


def test_the_best_epoch_is_that_of_the_mean_average_precision(trained):
    run, events = trained
    validated = of_kind(events, Validated)
    assert {event.measure for event in validated} == {"mean average precision"}
    best = max(validated, key=lambda event: (event.accuracy, -event.loss))
    finished = of_kind(events, Finished)[0]
    assert (finished.best_step, finished.best_accuracy) == (best.step, best.accuracy)
    assert finished.measure == "mean average precision"
    source = label_source()
    shares, truths = probabilities(run, source.array("val")), source.targets["val"]
    assert best.accuracy == pytest.approx(average_precision_score(truths, shares, average="macro"))


def test_an_evaluation_is_scikit_learns(trained):
    run, _ = trained
    source = label_source()
    ours = run.evaluate("test", source)
    shares, truths = probabilities(run, source.array("test")), source.targets["test"]
    assert isinstance(ours, LabelEvaluation)
    assert ours.average_precisions == pytest.approx(average_precision_score(truths, shares, average=None))
    assert ours.macro_f1 == pytest.approx(f1_score(truths, shares > 0.5, average="macro"))
    assert ours.accuracy == np.mean(((shares > 0.5) == truths).all(1))
    assert ours.score == ours.mean_average_precision
    assert ours.mean_average_precision > 0.8  # it has learned


@pytest.mark.parametrize("threshold", [None, 0.0, 0.3, 1.0], ids=repr)
def test_predictions_are_sigmoids(trained, threshold):
    run, _ = trained
    pixels = label_source().array("test")
    images = [Image.fromarray(image[0]) for image in pixels]
    predictions = run.predict(images, top=2, threshold=threshold)
    for prediction, row in zip(predictions, probabilities(run, pixels), strict=True):
        order = np.argsort(-row)
        assert [guess.class_name for guess in prediction.top] == [NAMES[i] for i in order[:2]]
        assert [guess.probability for guess in prediction.top] == pytest.approx(row[order[:2]], rel=1e-5)
        wanted = 0.5 if threshold is None else threshold
        assert prediction.labels == tuple(NAMES[i] for i in order if row[i] > wanted)


def test_views_are_averaged_by_their_sigmoids(trained):
    run, _ = trained
    pixels = label_source().array("test")[:5]
    mean = (probabilities(run, pixels) + probabilities(run, pixels[..., ::-1].copy())) / 2
    predictions = run.predict([Image.fromarray(image[0]) for image in pixels], top=3, views="flip")
    for prediction, row in zip(predictions, mean, strict=True):
        given = {guess.class_name: guess.probability for guess in prediction.top}
        assert [given[name] for name in NAMES] == pytest.approx(row.tolist(), rel=1e-5)


def test_how_predictions_look(trained):
    run, _ = trained
    bright, dark = np.full((8, 8), 255, np.uint8), np.zeros((8, 8), np.uint8)
    some = np.array(dark)
    some[0:2] = 255
    several, nothing = run.predict([Image.fromarray(some), Image.fromarray(bright)], threshold=0.0)[0], None
    assert several.labels is not None
    nothing = run.predict([Image.fromarray(dark)], threshold=1.0)[0]
    assert nothing.labels == ()
    assert str(nothing).startswith("image: no label (")
    assert str(several).startswith(f"image: {'; '.join(several.labels)} (")
    assert nothing.to_data()["labels"] == []
    assert list(several.to_data()) == ["image", "labels", "top"]


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")], ids=repr)
def test_a_threshold_is_a_probability(trained, threshold):
    text = message_of(ConfigError, trained[0].predict, [], threshold=threshold)
    assert text == f"threshold={threshold!r}: must be a probability, 0 to 1."


def test_one_label_has_no_threshold(toy_run):
    assert message_of(ConfigError, st.Run(toy_run).predict, [], threshold=0.5) == (
        "threshold=0.5: must be left out, as an image has one label."
    )


@pytest.mark.parametrize("loss", ["focal", "binary"])
def test_losses_for_labels(tmp_path, loss):
    run = st.fit(tiny(), label_source(), out=tmp_path / "run", config=quick(loss=loss, **OPTIONS))
    assert run.record.training.loss.name == loss
    assert run.evaluate("test", label_source()).mean_average_precision > 0.7


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param(
            {"loss": name},
            f"loss='{name}': must be binary or focal, as images may have several labels. Set it with loss.name=binary.",
            id=name,
        )
        for name in ("cross-entropy", "squared")
    ]
    + [
        pytest.param(
            {"sampling": "balanced"},
            "sampling='balanced': must be shuffle, as an image may have several labels. Use sampling=shuffle, with "
            "class_weights=balanced.",
            id="sampling",
        )
    ],
)
def test_what_does_not_go_with_several_labels(tmp_path, options, message):
    out = tmp_path / "run"
    assert message_of(ConfigError, st.fit, tiny(), label_source(), out=out, **options) == message
    assert not out.exists()


def test_a_run_of_one_label_is_not_measured_on_several(toy_run):
    assert message_of(DataError, st.Run(toy_run).evaluate, "test", label_source()).startswith(
        "labels: its images may have several labels each, and the run was trained to give one, with "
        "loss=cross-entropy."
    )


def test_a_run_of_several_labels_on_data_of_one(trained):
    run, _ = trained
    source = toy_source()
    ours = run.evaluate("test", source)
    shares, truths = probabilities(run, source.array("test")), np.eye(3)[source.targets["test"]]
    assert ours.average_precisions == pytest.approx(average_precision_score(truths, shares, average=None))


def test_mixed_images_have_mixed_labels(tmp_path):
    config = quick(augment=Recipe((Mixup(),)), **OPTIONS)
    run = st.fit(tiny(), label_source(), out=tmp_path / "run", config=config)
    assert run.evaluate("test", label_source()).mean_average_precision > 0.6


def test_folds_and_members(tmp_path):
    options = {"epochs": 1.0, "device": "cpu"}
    done = st.cross_validate(tiny(), label_source(), 2, out=tmp_path / "cv", **options)
    assert list(done.scores.figures) == ["mean_average_precision", "accuracy", "macro_f1", "loss"]
    assert done.scores.images == (52, 52)
    assert "mean AP" in str(done)
    ensemble = st.fit_ensemble(tiny(), label_source(), 2, bagging=True, out=tmp_path / "e", **options)
    pixels = label_source().array("test")[:4]
    mean = np.mean([probabilities(run, pixels) for run in ensemble.members], axis=0)
    predictions = ensemble.predict([Image.fromarray(image[0]) for image in pixels], top=3, threshold=0.4)
    for prediction, row in zip(predictions, mean, strict=True):
        given = {guess.class_name: guess.probability for guess in prediction.top}
        assert [given[name] for name in NAMES] == pytest.approx(row.tolist(), rel=1e-5)
        assert set(prediction.labels) == {NAMES[i] for i in range(3) if row[i] > 0.4}
    assert ensemble.evaluate("test", label_source()).members.runs == ("member-1", "member-2")


def test_check_looks_at_it(trained):
    report = st.check(tiny(), label_source(), config=quick())
    assert not [f for f in report.findings if f.verdict == "error"]
    loss = report.figures.loss
    assert loss.uniform == pytest.approx(np.log(2))
    assert loss.prior is None
    assert "ln 2 = 0.69 expected" in str(report)
    assert json.loads(json.dumps(report.to_data()))["figures"]["loss"]["prior"] is None
    refused = st.check(tiny(), label_source(), loss="squared")
    assert [f.kind for f in refused.findings if f.verdict == "error"] == ["refused"]


def test_the_best_of_images_without_labels_is_that_of_the_least_loss(tmp_path):
    images, labels = labeled(64, 1)
    parts = {"train": labels, "val": np.zeros((16, 3), np.uint8)}
    source = ArraySource("none", {"train": images, "val": images[:16]}, parts, NAMES)
    events = []
    st.fit(tiny(), source, out=tmp_path / "run", config=quick(), on_event=events.append)
    validated = of_kind(events, Validated)
    assert [event.accuracy for event in validated] == [0.0, 0.0]
    assert of_kind(events, Finished)[0].best_step == min(validated, key=lambda e: e.loss).step
