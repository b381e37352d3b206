"""Cross-validation: its figures against numpy over evaluations of each run, its folds against counts, going on."""

import json
import signal

import numpy as np
import pytest
import torch
from torch import nn
from toys import NAMES, files_below, message_of, quick, tiny, toy_source

import striate as st
from striate.data import FoldSource
from striate.errors import ConfigError, RunError
from striate.train import StepDone

CONFIG = quick(lr=0.01, seed=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three folds of the toy source; to be read, never written."""
    path = tmp_path_factory.mktemp("folds") / "cv"
    st.cross_validate(tiny(), toy_source(), 3, out=path, config=CONFIG)
    return path


@pytest.fixture(scope="module")
def done(folder):
    return st.cross_validate(tiny(), toy_source(), 3, out=folder, config=CONFIG)


def test_figures_are_those_of_the_runs(done, folder):
    measured = [
        st.Run(folder / f"fold-{i}").evaluate("val", FoldSource(toy_source(), i, 3, 3)) for i in (1, 2, 3)
    ]
    assert done.scores.runs == ("fold-1", "fold-2", "fold-3")
    assert done.scores.images == (24, 24, 24)
    for name in ("accuracy", "macro_f1", "loss"):
        values = np.array([getattr(each, name) for each in measured])
        assert done.scores.figures[name] == tuple(values)
        assert done.scores.mean[name] == pytest.approx(values.mean())
        assert done.scores.deviation[name] == pytest.approx(values.std(ddof=1))
    assert len(set(done.scores.figures["loss"])) == 3


def test_each_run_lacks_the_fold_that_measures_it(folder):
    whole = toy_source()
    pool = np.concatenate([whole.array("train"), whole.array("val")])
    held = []
    for i in (1, 2, 3):
        record = st.Run(folder / f"fold-{i}").record
        source = FoldSource(whole, i, 3, 3)
        assert record.data == f"fold:{i}/3@3:toy" == source.name
        assert record.fingerprint == source.fingerprint
        assert record.sizes == {"train": 48, "val": 24}
        assert np.bincount(source.targets["val"]).tolist() == [8, 8, 8]  # stratified
        assert np.bincount(source.targets["train"]).tolist() == [16, 16, 16]
        held.append(source.array("val"))
    assert sorted(image.tobytes() for image in np.concatenate(held)) == sorted(
        image.tobytes() for image in pool
    )


def test_what_is_written(done, folder):
    data = json.loads((folder / "folds.json").read_text())
    assert data == {"kind": "striate folds", "schema": 1} | done.to_data()
    assert [data[name] for name in ("data", "folds", "seed")] == ["toy", 3, 3]
    assert [row["run"] for row in data["runs"]] == ["fold-1", "fold-2", "fold-3"]
    assert files_below(folder)[0] == "fold-1"
    lines = str(done).splitlines()
    assert lines[0] == "3 folds of toy, seed 3, each measured by the run without it"
    assert lines[1].split() == ["run", "images", "accuracy", "macro-F1", "loss"]
    row = lines[2].split()
    assert row[:2] == ["fold-1", "24"]
    assert row[2] == f"{done.scores.figures['accuracy'][0]:.2%}"
    assert lines[5].split()[-1] == f"{done.scores.mean['loss']:.4f}"
    assert lines[6].split()[:2] == ["±", "sd"]
    assert lines[-1] == f"run folders: {folder}"
    assert "3 folds of toy" in done._repr_html_()


def test_what_is_done_is_not_done_again(folder, done):
    before = {path: path.read_bytes() for path in folder.rglob("model.safetensors")}
    steps = []
    again = st.cross_validate(
        tiny(),
        toy_source(),
        3,
        out=folder,
        config=CONFIG,
        on_event=lambda e: steps.append(e) if isinstance(e, StepDone) else None,
    )
    assert steps == []
    assert again == done
    assert {path: path.read_bytes() for path in folder.rglob("model.safetensors")} == before


class _Killed(Exception):
    pass


@pytest.mark.parametrize("how", ["killed", "signal"])
def test_what_was_interrupted_goes_on(how, folder, done, tmp_path):
    def stop(event):
        if isinstance(event, StepDone) and event.step == 4 and str(event_run[-1]).endswith("fold-2"):
            if how == "killed":
                raise _Killed
            signal.raise_signal(signal.SIGINT)

    event_run = []

    def show(event):
        if hasattr(event, "run"):
            event_run.append(event.run)
        stop(event)

    path = tmp_path / "cv"
    call = {"out": path, "config": CONFIG, "on_event": show}
    if how == "killed":
        with pytest.raises(_Killed):
            st.cross_validate(tiny(), toy_source(), 3, **call)
    else:
        assert message_of(RunError, st.cross_validate, tiny(), toy_source(), 3, **call) == (
            f"interrupted in fold-2 of 3; the same command with --out {path} (out=…) goes on there."
        )
    assert sorted(each.name for each in path.iterdir()) == ["fold-1", "fold-2", "folds.json"]
    (path / "fold-3").mkdir()  # as if killed before it began
    again = st.cross_validate(tiny(), toy_source(), 3, out=path, config=CONFIG)
    assert again.scores == done.scores  # bit for bit what nothing befell
    for name in ("fold-1", "fold-2", "fold-3"):
        ours, other = (st.Run(each / name).module().state_dict() for each in (path, folder))
        assert all(torch.equal(ours[key], other[key]) for key in ours)


def test_a_module_of_your_own_begins_each_fold_anew(tmp_path):
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    call = {"out": tmp_path / "cv", "config": quick(epochs=1.0)}
    done = st.cross_validate(module, toy_source(), 2, **call)
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())
    assert st.cross_validate(module, toy_source(), 2, **call) == done


def test_the_name_of_a_network_and_the_next_free_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = {"epochs": 0.1, "device": "cpu"}
    for number in (1, 2):
        done = st.cross_validate("lenet5", "digits", 2, **options)
        assert str(done.path) == f"runs/lenet5-folds-{number}"
    run = st.Run("runs/lenet5-folds-2/fold-2")
    assert run.record.data == "fold:2/2@0:digits"
    assert run.evaluate("val") == run.evaluate("val", "fold:2/2:digits")


def test_an_option_that_the_runs_do_not_take_does_not_part_them(folder):
    config = quick(lr=0.01, seed=3, every=1.0)  # of a cosine, as versions before had it
    done = st.cross_validate(tiny(), toy_source(), 3, config=config, out=folder)
    assert len(done.scores.runs) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(
            {"k": 2}, "{out}: was begun with folds=3, not 2; choose another --out (out=…), or remove it.", id="k"
        ),
        pytest.param(
            {"config": quick(lr=0.01, seed=4)}, "{out}: was begun with seed=3, not 4; choose another", id="seed"
        ),
        pytest.param(
            {"config": quick(lr=0.02, seed=3)},
            "{out}/fold-1: is a run that began with optimizer.lr=0.01, not 0.02, and cannot be reused; choose another "
            "--out (out=…), or remove it.",
            id="rate",
        ),
        pytest.param({"network": tiny().with_num_classes(3).with_input((1, 10, 10))}, "{out}/fold-1: is a run with "
                     "another network,", id="network"),
        pytest.param({"data": toy_source(train=51)}, "{out}/fold-1: is a run with other data,", id="data"),
        pytest.param({"data": toy_source(name="other")}, "{out}: was begun with data='toy', not 'other';", id="name"),
    ],
)  # fmt: skip
def test_other_folds_are_not_mixed_in(folder, change, message):
    before = files_below(folder)
    given = {"network": tiny(), "data": toy_source(), "k": 3, "config": CONFIG, "out": folder} | change
    text = message_of(RunError, st.cross_validate, **given)
    assert text.startswith(message.format(out=folder))
    assert files_below(folder) == before


def test_bad_input_leaves_nothing(tmp_path):
    out = tmp_path / "cv"
    for k, says in ((1, "a whole number of at least 2."), (True, "a whole number of at least 2.")):
        text = message_of(ConfigError, st.cross_validate, tiny(), toy_source(), k, out=out)
        assert text == f"folds={k!r}: must be {says}"
    text = message_of(ConfigError, st.cross_validate, tiny(), toy_source(train=9, val=6), 6, out=out)
    assert text == (
        f"folds=6: must be at most 5, the number of images of the class {NAMES[0]!r}. Add images of it, or remove the "
        "class."
    )
    with pytest.raises(ConfigError, match="give its last layer 3 outputs"):
        st.cross_validate(tiny(4), toy_source(), 2, out=out)
    assert not out.exists()
    out.mkdir()
    (out / "mine.txt").touch()
    text = message_of(RunError, st.cross_validate, tiny(), toy_source(), 2, out=out)
    assert text == f"{out}: already exists; choose another --out (out=…), or remove it."


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("{", "is damaged; it is no JSON.", id="json"),
        pytest.param("[" * 100_000, "is damaged; it is no JSON.", id="depth"),
        pytest.param("[]", "does not describe a striate folds.", id="list"),
        pytest.param('{"kind": "striate folds"}', "is damaged (schema None).", id="schema"),
        pytest.param(
            '{"kind": "striate folds", "schema": 9}',
            "its schema 9 is newer than this version reads; upgrade striate.",
            id="newer",
        ),
    ],
)
def test_a_damaged_file(tmp_path, text, says):
    file = tmp_path / "folds.json"
    file.write_text(text)
    assert message_of(RunError, st.cross_validate, tiny(), toy_source(), 2, out=tmp_path) == f"{file}: {says}"


@pytest.mark.parametrize("k", ["3", 2.0, None], ids=repr)
def test_folds_are_counted_in_whole_numbers(k, tmp_path):
    text = message_of(ConfigError, st.cross_validate, tiny(), toy_source(), k, out=tmp_path / "cv")
    assert text == f"folds={k!r}: must be a whole number of at least 2."
    assert not (tmp_path / "cv").exists()
