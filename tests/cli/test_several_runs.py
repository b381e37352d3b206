"""``striate train`` with ``--folds``, ``--members``, ``--find-lr``, and what takes an ensemble for a run."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from toys import files_below, tiny, write_split_folder

import striate as st
from striate.errors import RunError
from striate.train import Started
from striate.train.readers import reader, telling
from striate.train.readers.about import About
from striate.train.summary import SeriesSummary


@pytest.fixture
def data(tmp_path):
    return write_split_folder(tmp_path / "set", each=8)


@pytest.fixture
def net(tmp_path):
    tiny(2).with_input((3, 8, 8)).save(tmp_path / "net.yaml")
    return tmp_path / "net.yaml"


@pytest.fixture
def given(data, net):
    return ("train", net, "--data", data, "--epochs", 1, "--batch-size", 8, "--device", "cpu")


def test_folds(striate, failure, given, data, tmp_path):
    out = tmp_path / "cv"
    done = striate(*given, "--folds", 2, "--out", out)
    assert (done.status, done.err) == (0, "")
    lines = done.out.splitlines()
    assert [line for line in lines if line.endswith(":")] == ["fold-1:", "fold-2:"]
    figures = json.loads((out / "folds.json").read_text())
    table = lines[lines.index("") + 1 :]
    assert table[0] == f"2 folds of folder:{data}, seed 0, each measured by the run without it"
    losses = [row["loss"] for row in figures["runs"]]
    assert table[4].split()[0] == "mean"
    assert float(table[4].split()[-1]) == pytest.approx(np.mean(losses), abs=1e-4)
    assert float(table[5].split()[-1]) == pytest.approx(np.std(losses, ddof=1), abs=1e-4)
    assert table[-2:] == [f"run folders: {out}", f"summary: {out / 'summary.html'}"]
    page = (out / "summary.html").read_text()
    assert 'href="fold-2/summary.html"' in page
    assert (
        f"{figures['mean']['accuracy']:.2%} ± {figures['sd']['accuracy']:.2%} accuracy over 2 folds" in page
    )
    for folder in (out, out / "fold-1", out / "fold-2"):
        assert (folder / "summary.html").is_file()
        assert (folder / "summary.png").is_file()
    assert failure("train", "--resume", out, status=2) == (
        f"--resume {out}: holds several runs; give the command that began them again, with --out {out}, and it goes on "
        "where it ended."
    )
    alone = striate("eval", out / "fold-2", "--split", "val", "--json")
    assert json.loads(alone.out)["loss"] == losses[1]
    again = striate(*given, "--folds", 2, "--out", out, "--json", "--no-summary")
    rows = [json.loads(line) for line in again.out.splitlines()]
    assert [row["event"] for row in rows[:-1]] == ["Finished", "Finished"]
    assert rows[-1] | {"schema": 1} == figures


def test_members(striate, given, data, tmp_path):
    out = tmp_path / "ensemble"
    done = striate(*given, "--members", 2, "--bagging", "--out", out)
    assert (done.status, done.err) == (0, "")
    lines = done.out.splitlines()
    table = lines[lines.index("on val:") + 1 :]
    assert [row.split()[0] for row in table] == [
        "run",
        "member-1",
        "member-2",
        "mean",
        "±",
        "together",
        "ensemble:",
        "summary:",
    ]
    assert table[-1] == f"summary: {out / 'summary.html'}"
    measured = striate("eval", out, "--split", "val", "--json")
    figures = json.loads(measured.out)
    assert figures == json.loads(json.dumps(st.Ensemble(out).evaluate("val").to_data()))
    assert table[5].split()[2] == f"{figures['accuracy']:.2%}"
    shown = striate("eval", out)
    assert shown.status == 0
    assert shown.out.splitlines()[-3].startswith("class")
    image = data / "test" / "cat" / "1.png"
    predicted = json.loads(striate("predict", out, image, "--json").out)
    assert predicted == [p.to_data() for p in st.Ensemble(out).predict([image])]
    again = striate(*given, "--members", 2, "--bagging", "--out", out, "--json", "--no-summary")
    assert json.loads(again.out.splitlines()[-1]) == {"ensemble": str(out)} | figures


def test_a_report_of_several_runs(striate, failure, given, data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    striate(*given, "--folds", 2, "--out", "cv", "--no-summary")
    assert not list(tmp_path.rglob("cv/**/summary.*"))
    done = striate("report", "cv")
    assert (done.status, done.err, done.out) == (0, "", "summary: cv/summary.html\nsummary: cv/summary.png\n")
    done = striate("report", "cv", "--data", data, "--out", "x.html")
    assert done.out == "summary: x.html\n"
    assert "href" not in (tmp_path / "x.html").read_text()  # the runs have no pages
    text = failure("report", "cv", "--split", "test")
    assert text.startswith("--split 'test': must be 'val', of folds.")
    assert failure("report", data).endswith("not a run folder; it has no run.yaml.")


def test_members_that_are_missing(striate, failure, given, data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    striate(*given, "--members", 3, "--out", "e", "--no-summary")
    for name in ("member-1", "member-3"):
        (tmp_path / "e" / name).rename(tmp_path / name)
    how = "The command that began it, given again with --out e (out=…), goes on there."
    image = data / "test" / "cat" / "1.png"
    for words in (("eval", "e"), ("predict", "e", image)):
        assert failure(*words) == f"e: member-1, member-3 are missing. {how}"
    done = striate("report", "e", "--out", "x.html")
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines()[1:] == [f"Not counted: member-1, member-3 (not begun). {how}"]
    assert "of 1 of 3 members" in (tmp_path / "x.html").read_text()
    assert striate(*given, "--members", 3, "--out", "e", "--no-summary").status == 0
    assert striate("eval", "e").status == 0


def test_a_page_that_cannot_be_written_does_not_fail_the_runs(striate, given, tmp_path, monkeypatch):
    def full(self):
        raise RunError("the disk is full.")

    monkeypatch.setattr(SeriesSummary, "save_in_folder", full)
    done = striate(*given, "--folds", 2, "--out", tmp_path / "cv")
    assert (done.status, done.err) == (0, "warning: no summary was written: the disk is full.\n")
    assert done.out.endswith(f"run folders: {tmp_path / 'cv'}\n")


class Listener:
    """A tracker that keeps what it is told of each run."""

    heard = ()

    def show(self, event):
        if isinstance(event, Started):
            about = About.of(event)
            Listener.heard += ((about.group, about.name),)

    def close(self):
        """Nothing is left to tell."""


def test_trackers_are_told_of_each_run(striate, failure, given, tmp_path, monkeypatch):
    monkeypatch.setattr(telling, "new_reader", lambda name: Listener())
    monkeypatch.setattr(reader, "find_spec", lambda name: SimpleNamespace(origin=name))
    striate(*given, "--folds", 2, "--out", tmp_path / "cv", "--log", "mlflow", "--no-summary")
    striate(*given, "--members", 2, "--out", tmp_path / "e", "--log", "wandb", "--no-summary")
    striate(*given, "--out", tmp_path / "alone", "--log", "wandb", "--no-summary")
    assert Listener.heard == (
        ("cv", "cv/fold-1"),
        ("cv", "cv/fold-2"),
        ("e", "e/member-1"),
        ("e", "e/member-2"),
        (None, "alone"),
    )
    text = failure(*given, "--find-lr", "--log", "mlflow", status=2)
    assert (
        text
        == "--log and --find-lr do not go together; trackers are told of runs, and --find-lr leaves none."
    )
    assert failure(*given, "--folds", 2, "--log", "mlfow", status=2).startswith(
        "--log: unknown tracker 'mlfow'."
    )


def test_find_lr(striate, given, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = files_below(tmp_path)
    done = striate(*given, "--find-lr", "--plot", "rates.svg")
    assert (done.status, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0].split() == ["lr", "loss", "smoothed"]
    assert lines[-1] == "plot: rates.svg"
    assert "<svg" in (tmp_path / "rates.svg").read_text()
    assert files_below(tmp_path) == sorted([*before, "rates.svg"])  # no run folder
    data = json.loads(striate(*given, "--find-lr", "--json").out)
    assert len(data["lrs"]) == len(data["losses"]) == len(data["smoothed"])
    assert f"--lr {data['suggestion']:g} " in done.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--folds 1", "--folds 1: must be a whole number of at least 2."),
        ("--members 0", "--members 0: must be a whole number of at least 1."),
        ("--folds 3 --members 3", "--folds and --members do not go together; choose one of them."),
        ("--folds 3 --find-lr", "--folds and --find-lr do not go together; choose one of them."),
        ("--members 3 --sanity", "--members and --sanity do not go together; choose one of them."),
        ("--bagging", "--bagging goes with --members."),
        ("--folds 3 --bagging", "--bagging goes with --members."),
        ("--plot a.svg", "--plot goes with --find-lr."),
        ("--find-lr --plot a.gif", "--plot a.gif: must end with .svg or .png."),
        ("--find-lr --plot no/a.svg", "--plot no/a.svg: there is no folder no."),
        ("--find-lr --plot a.svg", "--plot a.svg: is a folder; name the file to write, such as rates.svg."),
        ("--sanity --out run", "--sanity makes no run folder; leave out --out."),
        (
            "--find-lr --out run",
            "--find-lr makes no run folder; leave out --out. --plot FILE.svg keeps its picture.",
        ),
    ],
    ids=(
        "folds members both rates sanity bagging folds-bagging plot plot-name plot-folder plot-is-folder sanity-out "
        "rates-out"
    ).split(),
)
def test_bad_usage(failure, given, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.svg").mkdir()
    before = files_below(tmp_path)
    assert failure(*given, *words.split(), status=2) == message
    assert files_below(tmp_path) == before


def test_what_cannot_be_done(failure, given, tmp_path):
    text = failure(*given, "--folds", 17, status=2)
    assert text.startswith("--folds 17: must be at most 16, the number of images of the class 'cat'.")
    for mode in ("--folds", "--members"):
        text = failure(*given, mode, 2, "--out", tmp_path / "set")
        assert text == f"{tmp_path / 'set'}: already exists; choose another --out (out=…), or remove it."
    text = failure("eval", tmp_path / "set")
    assert text == f"{tmp_path / 'set'}: not a run folder; it has no run.yaml."


def test_several_labels(striate, tmp_path):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (24, 8, 8), dtype=np.uint8)
    labels = (random.random((24, 3)) < 0.5).astype(np.uint8)
    parts = {
        f"{what}_{split}": part
        for split in ("train", "val", "test")
        for what, part in (("x", images), ("y", labels))
    }
    np.savez(tmp_path / "set.npz", **parts)
    tiny(3).save(tmp_path / "net.yaml")
    out = tmp_path / "run"
    data = ("--data", tmp_path / "set.npz", "--batch-size", 8)
    done = striate("train", tmp_path / "net.yaml", *data, "--out", out, "--epochs", 1, "--device", "cpu")
    assert (done.status, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[1].startswith("note: an image may have several labels")
    assert ", mean average precision " in lines[3]
    assert "best val mean average precision" in done.out
    shown = striate("eval", out)
    assert shown.out.startswith("test: mean average precision ")
    st.data.open_source(f"{tmp_path / 'set.npz'}").image("test", 0).save(tmp_path / "a.png")
    predicted = striate("predict", out, tmp_path / "a.png", "--threshold", 0, "--json")
    assert sorted(json.loads(predicted.out)[0]["labels"]) == sorted(st.Run(out).class_names)
    assert " (" in striate("predict", out, tmp_path / "a.png").out
    checked = striate("check", tmp_path / "net.yaml", *data)
    assert "ln 2 = 0.69" in checked.out
