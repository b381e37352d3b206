"""Which answers changed, against answers made by hand. N images, K classes."""

import dataclasses
import shutil

import numpy as np
import pytest
import torch
from diff_runs import SOURCE, written
from torch.nn import functional as F
from toys import NAMES, message_of, quick, stripes, tiny, toy_source, trained, write_image, write_split_folder

import striate as st
from striate.data import ArraySource
from striate.errors import ConfigError, DataError
from striate.nn import build, save_weights


def logits_of(folder, images):
    """Return a run's logits ``(N, K)`` of uint8 ``(N, 1, 8, 8)``."""
    with torch.no_grad():
        return folder.module()((torch.from_numpy(images) / 255 - 0.3) / 0.5).double()


def kinds(right, other_right, changed):
    """Count right to wrong, wrong to right, wrong to another wrong."""
    return (
        sum(a and not b for a, b in zip(right, other_right, strict=True)),
        sum(b and not a for a, b in zip(right, other_right, strict=True)),
        sum(c and not a and not b for a, b, c in zip(right, other_right, changed, strict=True)),
    )


@pytest.fixture
def two(tmp_path):
    """Two runs of other weights."""
    return written(tmp_path / "a", seed=1), written(tmp_path / "b", seed=2)


@pytest.mark.parametrize("split", ["test", "val"])
def test_against_answers_by_hand(two, split):
    shares = [logits_of(run, SOURCE.array(split)).softmax(1).numpy() for run in two]
    called = [each.argmax(1) for each in shares]
    targets = SOURCE.targets[split]
    changed = np.flatnonzero(called[0] != called[1])
    right = [each == targets for each in called]
    found = st.diff(two[0].path, two[1].path, data=SOURCE, split=split, top=3).answers
    assert (found.data, found.split, found.images) == ("toy", split, 24)
    assert found.accuracies == pytest.approx([each.mean() for each in right])
    assert found.changed == len(changed) > 3
    counts = kinds(*(each.tolist() for each in right), (called[0] != called[1]).tolist())
    assert (found.right_to_wrong, found.wrong_to_right, found.wrong_to_wrong) == counts
    assert found.shift == pytest.approx(np.abs(shares[0] - shares[1]).max(), abs=1e-6)
    assert [each.number for each in found.examples] == changed[:3].tolist()
    for each in found.examples:
        assert each.name == f"toy {split}[{each.number}]"
        assert each.truth == (NAMES[targets[each.number]],)
        for answer, names, share in zip((each.first, each.second), called, shares, strict=True):
            assert answer.classes == (NAMES[names[each.number]],)
            assert answer.probability == pytest.approx(share[each.number].max(), abs=1e-6)


def test_in_words(two):
    report = st.diff(*two, data=SOURCE, top=1)
    found, (example,) = report.answers, report.answers.examples
    lines = str(report).splitlines()
    start = lines.index("predictions on 'test' of toy, 24 images")
    assert lines[start + 1] == f"  accuracy {found.accuracies[0]:.2%} and {found.accuracies[1]:.2%}"
    assert lines[start + 2].startswith(f"  {found.changed} answers changed: ")
    assert lines[start + 3] == f"  probabilities differ by {found.shift:.2g} at most"
    assert lines[start + 4] == "  the first 1 that changed:"
    assert lines[start + 5].split() == ["number", "image", "right", "first", "second"]
    words = [
        f"{example.number}",
        *example.name.split(),
        *example.truth,
        *(word for a in (example.first, example.second) for word in (*a.classes, f"{a.probability:.1%}")),
    ]
    assert lines[start + 6].split() == words
    assert f'<td style="text-align:left">{example.name}</td>' in report._repr_html_()
    assert st.diff(*two, data=SOURCE, top=0).answers.examples == ()


def test_probabilities_alone_may_differ(tmp_path):
    a = written(tmp_path / "a")
    shutil.copytree(a.path, tmp_path / "b")
    module = a.module()
    with torch.no_grad():
        module.get_submodule("head").bias += torch.tensor([1e-6, 0.0, 0.0])
    save_weights(module, tmp_path / "b" / "model.safetensors")
    report = st.diff(a.path, tmp_path / "b", data=SOURCE)
    assert not report.answers.changed
    assert not report.same
    assert "\n  no answer changed\n  probabilities differ by " in str(report)


def test_classes_in_another_order(tmp_path):
    """The second run has the first one's weights, its outputs in another order: it answers the same."""
    a = written(tmp_path / "a", seed=1)
    order = [2, 0, 1]
    b = written(tmp_path / "b", class_names=tuple(NAMES[i] for i in order))
    module = a.module()
    head = module.get_submodule("head")
    with torch.no_grad():
        head.weight.copy_(head.weight[order].clone())
        head.bias.copy_(head.bias[order].clone())
    save_weights(module, b.weights)
    found = st.diff(a.path, b.path, data=SOURCE).answers
    assert found.changed == 0
    assert found.shift < 1e-6
    assert found.accuracies[0] == found.accuracies[1] == st.Run(a.path).evaluate("test", SOURCE).accuracy


def test_inputs_of_another_shape(tmp_path):
    """Each run gets the images as its network wants them."""
    wide = dataclasses.replace(tiny().with_input((1, 12, 12)), name="wide")
    a, b = trained(tmp_path / "a"), trained(tmp_path / "b", wide)
    assert a[0].params != b[0].params
    report = st.diff(tmp_path / "a", tmp_path / "b", data=toy_source())
    runs = [st.Run(tmp_path / name) for name in "ab"]
    calls = [
        [p.top[0].class_name for p in run.predict([SOURCE.image("test", i) for i in range(24)])]
        for run in runs
    ]
    changed = [i for i, pair in enumerate(zip(*calls, strict=True)) if pair[0] != pair[1]]
    assert [each.number for each in report.answers.examples] == changed
    assert ("shape[1]", 8, 12) in [(d.path, d.first, d.second) for d in report.preprocessing]


def test_several_labels_an_image(tmp_path):
    images, targets = stripes(24, seed=5)
    marks = np.zeros((24, 3), np.uint8)
    marks[np.arange(24), targets] = 1
    marks[::4] = 0
    marks[1::4, 0] = 1
    split = dict.fromkeys(("train", "val", "test"), images)
    source = ArraySource("many", split, dict.fromkeys(split, marks), NAMES)
    changes = {"training": quick(loss="binary")}
    runs = [written(tmp_path / name, seed, **changes) for name, seed in (("a", 1), ("b", 2))]
    found = st.diff(*runs, data=source, top=24).answers
    shares = [logits_of(run, images).sigmoid().numpy() for run in runs]
    called = [each > 0.5 for each in shares]
    right = [(each == marks).all(1) for each in called]
    changed = (called[0] != called[1]).any(1)
    assert found.changed == changed.sum() > 0
    assert (found.right_to_wrong, found.wrong_to_right, found.wrong_to_wrong) == kinds(*right, changed)
    assert found.accuracies == pytest.approx([each.mean() for each in right])
    assert [each.number for each in found.examples] == np.flatnonzero(changed).tolist()
    for each in found.examples:
        n = each.number
        assert each.truth == tuple(name for name, mark in zip(NAMES, marks[n], strict=True) if mark)
        for answer, yes, share in zip((each.first, each.second), called, shares, strict=True):
            assert answer.classes == tuple(name for name, mark in zip(NAMES, yes[n], strict=True) if mark)
            expected = np.prod(np.where(yes[n], share[n], 1 - share[n]))
            assert answer.probability == pytest.approx(expected, abs=1e-6)
    none = any(() in (e.truth, e.first.classes, e.second.classes) for e in found.examples)
    assert ("no label" in str(st.diff(*runs, data=source, top=24))) == none


def test_one_class_beside_several_labels(tmp_path):
    """A run that gives one class is held against one that gives all whose sigmoid is above one half."""
    a = written(tmp_path / "a", seed=1)
    b = written(tmp_path / "b", seed=1, training=quick(loss="binary"), several_labels=True)
    logits = logits_of(a, SOURCE.array("test"))
    one = F.one_hot(logits.argmax(1), 3).bool()
    changed = (one != (logits > 0)).any(1).nonzero()[:, 0].tolist()
    report = st.diff(a, b, data=SOURCE, top=24)
    assert changed
    assert [each.number for each in report.answers.examples] == changed
    assert [(d.path, d.first, d.second) for d in report.data] == [("several_labels", False, True)]


def remark(report):
    assert report.answers is None
    (line,) = report.remarks
    assert str(report).splitlines()[-2] == line
    return line.removeprefix("Predictions were not compared: ")


def test_other_classes(tmp_path):
    a = written(tmp_path / "a")
    b = written(tmp_path / "b", network=tiny(4), class_names=("left", "middle", "up", "down"))
    assert remark(st.diff(a.path, b.path, data=SOURCE)) == (
        f"the runs know different classes; {a.path} alone knows right and {b.path} alone knows up, down."
    )
    more = written(tmp_path / "more", network=tiny(4), class_names=(*NAMES, "up"))
    assert remark(st.diff(a.path, more.path)) == (
        f"the runs know different classes; {more.path} alone knows up."
    )


def test_other_data(tmp_path):
    a = written(tmp_path / "a")
    b = written(tmp_path / "b", fingerprint="0" * 64)
    assert remark(st.diff(a.path, b.path)) == (
        f"{a.path} was trained on toy and {b.path} on toy, or on another state of it; "
        "say what both are to answer: --data SOURCE (data=…)."
    )
    assert st.diff(a.path, b.path, data=SOURCE).answers.images == 24


def test_data_that_are_gone_or_changed(tmp_path):
    folder = write_split_folder(tmp_path / "set", each=6)
    trained(tmp_path / "a", tiny(2, 3), folder)
    trained(tmp_path / "b", tiny(2, 3), folder, seed=1)
    assert st.diff(tmp_path / "a", tmp_path / "b").answers.images == 12
    write_image(folder / "test" / "cat" / "more.png", 99)
    line = remark(st.diff(tmp_path / "a", tmp_path / "b"))
    assert line.startswith(f"folder:{folder} has changed since the run was trained on it; ")
    assert st.diff(tmp_path / "a", tmp_path / "b", data=folder).answers.images == 13
    (folder / "test" / "cat" / "bad.png").write_text("x")
    message = message_of(DataError, st.diff, tmp_path / "a", tmp_path / "b", data=folder)
    assert "1 of 14 images in 'test' cannot be read" in message
    shutil.rmtree(folder)
    assert str(folder) in remark(st.diff(tmp_path / "a", tmp_path / "b"))


def test_a_run_without_weights(two):
    two[1].weights.unlink()
    line = remark(st.diff(*two, data=SOURCE))
    assert line == f"{two[1].path}: has no weights; its training ended before the first checkpoint."


def test_weights_that_do_not_fit(two):
    save_weights(build(tiny(4)), two[1].weights)
    assert str(two[1].weights) in remark(st.diff(*two, data=SOURCE))


def test_what_was_asked_for_and_is_not_there(two, tmp_path):
    text = message_of(DataError, st.diff, *two, data=SOURCE, split="holdout")
    assert text.startswith("toy has no split 'holdout'; it has train, val, test.")
    other = write_split_folder(tmp_path / "other")
    text = message_of(DataError, st.diff, *two, data=other)
    assert text.startswith(f"folder:{other} has classes that the run does not know: cat, dog.")
    missing = tmp_path / "none"
    assert str(missing) in message_of(DataError, st.diff, *two, data=missing)
    assert "device='gpu'" in message_of(ConfigError, st.diff, *two, device="gpu")


def test_the_module_s_own_answers(tmp_path):
    """A run that learned and one that did not: what `module()` says is what is compared."""
    trained(tmp_path / "a", epochs=6.0, lr=0.01)
    trained(tmp_path / "b", epochs=0.34, lr=1e-6)
    found = st.diff(tmp_path / "a", tmp_path / "b", data=toy_source(), top=24).answers
    images = torch.from_numpy(SOURCE.array("test"))
    called = []
    for name in "ab":
        run = st.Run(tmp_path / name)
        with torch.no_grad():
            called.append(F.softmax(run.module()(run.record.preprocess.normalize(images)), 1).argmax(1))
    assert [each.number for each in found.examples] == (called[0] != called[1]).nonzero()[:, 0].tolist()
    assert found.changed == len(found.examples) > 0
