"""The summary of folds and of members: its numbers against answers gathered run by run, what it shows and says."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import accuracy_score, average_precision_score, confusion_matrix, f1_score, log_loss
from test_summaries import Page
from torch import nn
from toys import NAMES, message_of, quick, tiny, toy_source

import striate as st
from striate.data import ArraySource, FoldSource
from striate.errors import ConfigError, DataError, RunError
from striate.train import LabelEvaluation
from striate.train.summary import summarize_series

SEED = 3
CONFIG = quick(lr=0.01, seed=SEED)


@pytest.fixture(scope="module")
def folds(tmp_path_factory):
    """Three folds of the toy source; to be read, never written."""
    path = tmp_path_factory.mktemp("series") / "cv"
    return st.cross_validate(tiny(), toy_source(), 3, out=path, config=CONFIG)


@pytest.fixture(scope="module")
def members(tmp_path_factory):
    """Three bagged members; to be read, never written."""
    path = tmp_path_factory.mktemp("series") / "bagged"
    return st.fit_ensemble(tiny(), toy_source(), 3, out=path, bagging=True, config=CONFIG)


@pytest.fixture(scope="module")
def summary(folds):
    return folds.summary(toy_source())


def logits_of(path, images):
    """Return what the run in a folder answers to uint8 ``(N, 1, 8, 8)``, its preprocessing done by hand, in float64."""
    run = st.Run(path)
    (step,) = run.record.preprocess.steps
    with torch.no_grad():
        return run.module()((torch.from_numpy(images) / 255 - step.mean[0]) / step.std[0]).double().numpy()


def softmax(logits):
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def ece(shares, targets):
    """Return the expected calibration error in 15 bins, by a loop."""
    sure, right = shares.max(1), shares.argmax(1) == targets
    error = 0.0
    for number in range(15):
        held = (sure > number / 15) & (sure <= (number + 1) / 15)
        if held.any():
            error += held.mean() * abs(right[held].mean() - sure[held].mean())
    return error


def by_hand(path, source=None):
    """Return shares and targets of every image, each answered by the run that lacks its fold."""
    held = [FoldSource(source or toy_source(), i, 3, SEED) for i in (1, 2, 3)]
    shares = [softmax(logits_of(path / f"fold-{i}", each.array("val"))) for i, each in enumerate(held, 1)]
    return shares, [each.targets["val"] for each in held]


def check_pooled(measured, shares, targets):
    """Compare an evaluation with scikit-learn on the answers put together."""
    called = shares.argmax(1)
    assert measured.images == len(targets)
    assert measured.accuracy == accuracy_score(targets, called)
    assert np.array_equal(measured.confusion, confusion_matrix(targets, called))
    assert measured.macro_f1 == pytest.approx(f1_score(targets, called, average="macro"))
    assert measured.loss == pytest.approx(log_loss(targets, shares), rel=1e-6)
    assert measured.calibration_error == pytest.approx(ece(shares, targets), rel=1e-5)


def test_folds_put_together(folds, summary):
    shares, targets = by_hand(folds.path)
    pooled = np.concatenate(targets)
    assert 0.3 < summary.together.accuracy < 1
    check_pooled(summary.together, np.concatenate(shares), pooled)
    assert [c.support for c in summary.together.classes] == np.bincount(pooled).tolist() == [24, 24, 24]
    each = [accuracy_score(t, s.argmax(1)) for s, t in zip(shares, targets, strict=True)]
    assert list(summary.scores.figures["accuracy"]) == each
    assert summary.scores == folds.scores  # the same bits as of each run measured alone
    mean, deviation = np.mean(each), np.std(each, ddof=1)
    assert summary.result == f"{mean:.2%} ± {deviation:.2%} accuracy over 3 folds"
    assert summary.course.startswith("all 3 folds done: 18 steps in ")
    for entry, one in zip(summary.entries, (1, 2, 3), strict=True):
        own = FoldSource(toy_source(), one, 3, SEED)
        assert entry.summary.evaluation == st.Run(folds.path / f"fold-{one}").evaluate("val", own)


def test_members_answer_together(members):
    summary = members.summary(data=toy_source())
    val = toy_source().array("val")
    shares = [softmax(logits_of(members.path / f"member-{i}", val)) for i in (1, 2, 3)]
    targets = toy_source().targets["val"]
    check_pooled(summary.together, np.mean(shares, 0), targets)
    each = [accuracy_score(targets, s.argmax(1)) for s in shares]
    assert list(summary.scores.figures["accuracy"]) == pytest.approx(each)
    assert summary.result == (
        f"{accuracy_score(targets, np.mean(shares, 0).argmax(1)):.2%} accuracy together, members {np.mean(each):.2%} "
        f"± {np.std(each, ddof=1):.2%}"
    )
    assert summary.title == "tiny on toy, 3 members, bagging"
    page = Page(summary.html)
    start = page.cells.index("together")
    assert page.cells[start + 1 : start + 3] == ["24", f"{summary.together.accuracy:.2%}"]
    assert "3, 4, 5" in page.words  # the seeds
    tested = members.summary("test", toy_source())
    assert tested.together == members.evaluate("test", toy_source()).together
    assert "on test" in tested.html


def test_the_page(folds, summary, tmp_path):
    page = Page(summary.html)
    assert page.addresses == []  # the runs have no pages
    assert "script" not in page.tags
    for outside in ("http://", "https://", "url("):
        assert outside not in summary.html
    assert page.tags.count("svg") == 6
    assert "tiny on toy, 3 folds" in page.words
    for name, i in (("fold-1", 0), ("fold-3", 2)):
        start = page.cells.index(name)
        figures = folds.scores.figures
        assert page.cells[start + 1 : start + 5] == [
            "24",
            f"{figures['accuracy'][i]:.2%}",
            f"{figures['macro_f1'][i]:.2%}",
            f"{figures['loss'][i]:.4f}",
        ]
        assert page.cells[start + 7] == "completed"
    start = page.cells.index("± sd")
    assert page.cells[start + 2] == f"{np.std(folds.scores.figures['accuracy'], ddof=1):.2%}"
    first = page.cells.index(NAMES[0], page.cells.index(NAMES[0]) + 1)  # the heads are named so too
    for i, row in enumerate(summary.together.confusion):
        assert page.cells[first + 4 * i : first + 4 * i + 4] == [
            NAMES[i],
            *(str(n) if n else "" for n in row),
        ]
    assert "Where it errs, out of fold" in page.words
    assert summary._repr_html_() in summary.html
    assert str(summary).startswith(f"tiny on toy, 3 folds\n{summary.result}; all 3 folds done")
    summary.save(tmp_path / "x.html")
    assert (tmp_path / "x.html").read_text(encoding="utf-8") == summary.html


def test_links_lead_to_the_pages_of_the_runs(folds, tmp_path):
    path = shutil.copytree(folds.path, tmp_path / "a b")
    summary = summarize_series(path, toy_source())
    for run in summary.done[:2]:
        run.save_in_run()
    assert Page(summary.html).addresses == ["fold-1/summary.html", "fold-2/summary.html"]
    (tmp_path / "other").mkdir()
    summary.save(tmp_path / "other" / "x.html")
    there = Page((tmp_path / "other" / "x.html").read_text()).addresses
    assert there == ["../a%20b/fold-1/summary.html", "../a%20b/fold-2/summary.html"]
    assert Page(summary._repr_html_()).addresses == []  # a notebook lies anywhere
    own = Page((path / "fold-1" / "summary.html").read_text())
    assert f"{summary.scores.figures['accuracy'][0]:.2%}" in own.words


def test_the_picture(summary, members, tmp_path):
    for name, each in (("folds", summary), ("members", members.summary(data=toy_source()))):
        file = tmp_path / f"{name}.png"
        each.save(file)
        with Image.open(file) as image:
            assert (image.format, image.width) == ("PNG", 1728)
            assert len(np.unique(np.asarray(image))) > 50
    text = message_of(ConfigError, summary.save, tmp_path / "x.pdf")
    assert text == f"{tmp_path / 'x.pdf'}: must end with .html or .png, which say how it is written."


def begun_only(path):
    """Make fold-2 one that was killed amid its second epoch, and fold-3 one that has not begun."""
    shutil.rmtree(path / "fold-3")
    (path / "fold-2" / "model.safetensors").unlink()
    log = path / "fold-2" / "events.jsonl"
    lines = log.read_text().splitlines(keepends=True)
    cut = next(i for i, line in enumerate(lines) if json.loads(line)["event"] == "Validated")
    log.write_text("".join(lines[: cut + 1]))
    return path


def test_folds_that_are_not_done(folds, tmp_path):
    path = begun_only(shutil.copytree(folds.path, tmp_path / "cv"))
    summary = summarize_series(path, toy_source())
    shares, targets = by_hand_first(path)
    check_pooled(summary.together, shares, targets)
    assert summary.scores.runs == ("fold-1",)
    assert summary.result == f"{accuracy_score(targets, shares.argmax(1)):.2%} accuracy over 1 of 3 folds"
    assert summary.course.startswith("1 of 3 folds done: 9 steps")
    assert summary.unfinished == (
        "Not counted: fold-2 (still running, or cut short), fold-3 (not begun). The command that began it, given "
        f"again with --out {path} (out=…), goes on there."
    )
    page = Page(summary.html)
    assert summary.unfinished in page.words
    states = [page.cells[page.cells.index(f"fold-{i}") + 7] for i in (1, 2, 3)]
    assert states == ["completed", "still running, or cut short", "not begun"]
    assert page.cells[page.cells.index("fold-2") + 2] == "–"
    assert summary.html.count("<title>fold-2</title>") == 3  # its curves are shown
    summary.save(tmp_path / "x.png")
    for name in ("fold-1", "fold-2"):
        shutil.rmtree(path / name)
    nothing = summarize_series(path)
    assert (nothing.result, nothing.problem) == ("No fold is measured yet", "no fold is done yet.")
    assert "Not measured: no fold is done yet." in Page(nothing.html).words
    nothing.save(tmp_path / "x.png")


def by_hand_first(path):
    held = FoldSource(toy_source(), 1, 3, SEED)
    return softmax(logits_of(path / "fold-1", held.array("val"))), held.targets["val"]


def test_a_run_that_cannot_be_read(folds, tmp_path):
    path = shutil.copytree(folds.path, tmp_path / "cv")
    (path / "fold-2" / "run.yaml").write_text("[")
    summary = summarize_series(path, toy_source())
    assert summary.scores.runs == ("fold-1", "fold-3")
    assert summary.unfinished.startswith(
        f"Not counted: fold-2 (cannot be read). {path / 'fold-2'}: its run.yaml"
    )
    assert "goes on there" not in summary.unfinished
    Page(summary.html)


def test_data_that_is_elsewhere(folds, tmp_path):
    """The figures are those that were told, the rest says why it is not there."""
    summary = folds.summary()
    assert summary.together is None
    assert summary.problem.startswith("no data called 'toy'")
    assert summary.scores == folds.scores
    page = Page(summary.html)
    assert any(summary.problem in words for words in page.words)
    assert page.tags.count("svg") == 5
    summary.save(tmp_path / "x.png")
    text = message_of(DataError, folds.summary, toy_source(train=51))
    assert text == (
        f"toy is not what {folds.path / 'fold-1'} was trained on, or has changed since; its folds would not be those "
        "that the runs lack, and nothing is measured."
    )


@pytest.mark.parametrize(
    "rows",
    [
        None,
        [],
        [1],
        [{"run": "fold-1", "images": 24, "accuracy": "x"}] * 3,
        [{"run": "fold-1", "accuracy": 0.5}],
    ],
    ids=["none", "empty", "no-rows", "words", "less"],
)
def test_figures_that_are_damaged(folds, tmp_path, rows):
    path = shutil.copytree(folds.path, tmp_path / "cv")
    data = json.loads((path / "folds.json").read_text())
    (path / "folds.json").write_text(json.dumps(data | {"runs": rows}))
    summary = summarize_series(path)
    assert (summary.scores, summary.result) == (None, "Not measured")
    Page(summary.html)


def test_bad_arguments(folds, tmp_path):
    text = message_of(ConfigError, summarize_series, folds.path, toy_source(), "test")
    assert text.startswith("split='test': must be 'val', of folds.")
    text = message_of(RunError, summarize_series, tmp_path)
    assert text == f"{tmp_path}: holds no series of runs; it has neither folds.json nor ensemble.json."


@pytest.mark.parametrize(
    "change", [{"folds": 1}, {"folds": 10**9}, {"folds": "3"}, {"seed": -1}, {"data": None}], ids=repr
)
def test_a_damaged_file(folds, tmp_path, change):
    data = json.loads((folds.path / "folds.json").read_text())
    (tmp_path / "folds.json").write_text(json.dumps(data | change))
    text = message_of(RunError, summarize_series, tmp_path)
    assert (
        text == f"{tmp_path / 'folds.json'}: is damaged; it must name data, the number of folds and the seed."
    )


def test_a_module_of_your_own(tmp_path):
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    done = st.cross_validate(module, toy_source(), 2, out=tmp_path / "cv", config=quick(epochs=1.0))
    summary = done.summary(toy_source())
    assert summary.scores == done.scores
    assert summary.together.images == 72
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())
    assert summarize_series(tmp_path / "cv", toy_source(), module=module).scores == done.scores


def label_source():
    plain = toy_source()
    targets = {
        split: np.stack([plain.targets[split] == 0, plain.targets[split] > 0, plain.targets[split] == 2], 1)
        for split in ("train", "val")
    }
    return ArraySource(
        "labels",
        {s: plain.array(s) for s in targets},
        {s: t.astype(np.uint8) for s, t in targets.items()},
        NAMES,
    )


def test_several_labels(tmp_path):
    source = label_source()
    done = st.cross_validate(tiny(), source, 3, out=tmp_path / "cv", config=CONFIG)
    summary = done.summary(source)
    held = [FoldSource(source, i, 3, SEED) for i in (1, 2, 3)]
    parts = [logits_of(tmp_path / "cv" / f"fold-{i}", held[i - 1].array("val")) for i in (1, 2, 3)]
    logits = np.concatenate(parts)
    truths = np.concatenate([each.targets["val"] for each in held])
    together = summary.together
    assert isinstance(together, LabelEvaluation)
    assert together.images == 72
    expected = average_precision_score(truths, logits, average=None)
    assert together.average_precisions == pytest.approx(expected)
    assert together.macro_f1 == pytest.approx(f1_score(truths, logits > 0, average="macro", zero_division=0))
    assert together.accuracy == accuracy_score(truths, logits > 0)
    each = done.scores.figures["mean_average_precision"]
    assert (
        summary.result
        == f"{np.mean(each):.2%} ± {np.std(each, ddof=1):.2%} mean average precision over 3 folds"
    )
    page = Page(summary.html)
    assert "average precision" in page.cells
    summary.save(tmp_path / "x.png")


def test_names_are_no_markup(tmp_path):
    plain = toy_source()
    evil = ('<script>alert("1")</script>', "<img src=x>", "$x_1$ & \x1b[31m")
    splits = ("train", "val")
    source = ArraySource(
        "<u>set</u>", {s: plain.array(s) for s in splits}, {s: plain.targets[s] for s in splits}, evil
    )
    done = st.cross_validate(tiny(), source, 2, out=tmp_path / "<b>cv", config=quick(lr=1e-5, epochs=1.0))
    summary = done.summary(source)
    summary.done[0].save_in_run()
    page = Page(summary.html)
    assert not {"script", "img", "u"} & set(page.tags)
    assert "tiny on <u>set</u>, 2 folds" in page.words
    assert "\x1b" not in summary.html
    summary.save(tmp_path / "x.png")
