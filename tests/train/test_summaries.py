"""The summary of a run: as a page, as a picture, by the command line; its numbers are those of the evaluation."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from PIL import Image
from toys import message_of, quick, tiny, toy_source, trained

import striate as st
from striate.data import ArraySource
from striate.errors import ConfigError, DataError, RunError
from striate.train import Evaluation, RunFolder, StepDone, Validated
from striate.train.metrics import scored
from striate.train.summary import Summary, summarize
from striate.train.summary.charts import percents
from striate.train.summary.history import read_history, smoothed
from striate.train.summary.matrix import matrix
from striate.train.summary.scales import Scale, fitting
from striate.train.summary.summary import short_name
from striate.train.summary.worst import confusions, worst_classes

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
EVIL = (
    '</title><script>alert("1")</script>',
    "<img src=x onerror=alert(2)>",
    "a & b \" ' \u202e\x1b[31m $x_1$",
)
VOID = {"meta", "img", "br", "line", "rect", "circle", "polyline"}


class Page(HTMLParser):
    """What a page holds; refuses tags that are not closed in the order they were opened."""

    def __init__(self, text):
        super().__init__()
        self.addresses, self.tags, self.cells, self.words, self._open = [], [], [], [], []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "xlink:href")]
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag not in VOID:
            self._open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)
        if self._open and {"td", "th"} & set(self._open):
            self.cells[-1] += data


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run that is not good at it yet."""
    path = tmp_path_factory.mktemp("summaries") / "run"
    trained(path, epochs=2.0, lr=0.01)
    return path


@pytest.fixture(scope="module")
def summary(run):
    return st.Run(run).summary(data=toy_source())


def test_numbers_are_those_of_the_evaluation(run, summary):
    measured = st.Run(run).evaluate("val", toy_source())
    assert 0.3 < measured.accuracy < 1
    assert summary.evaluation == measured
    page = Page(summary.html)
    for figure in (measured.accuracy, measured.macro_f1, measured.calibration_error):
        assert f"{figure:.2%}" in page.words
    assert f"{measured.loss:.4f}" in page.words
    names = [c.name for c in measured.classes]
    start = page.cells.index(names[0], page.cells.index(names[0]) + 1)  # the heads are named so too
    for i, row in enumerate(measured.confusion):
        assert page.cells[start + 4 * i] == names[i]
        assert page.cells[start + 4 * i + 1 : start + 4 * i + 4] == [str(n) if n else "" for n in row]
    assert "tiny, 151 parameters" in summary.network_line
    assert summary.network_line in page.words


def test_settings_that_differ_come_first(summary):
    page = summary.html
    first, last = page.index("Settings that differ"), page.index("All ")
    assert first < page.index("<dt>optimizer.lr</dt><dd>0.01</dd>") < last
    assert last < page.index("<dt>optimizer.weight_decay</dt>")


def test_the_page_stands_alone(summary):
    page = Page(summary.html)
    assert all(address.startswith("data:image/") for address in page.addresses)
    assert "http://" not in summary.html
    assert "https://" not in summary.html
    assert "url(" not in summary.html
    assert "script" not in page.tags
    assert page.tags.count("title") >= 1
    assert page.tags.count("svg") == 4
    assert summary.html.startswith('<!doctype html>\n<html lang="en">')
    assert len(summary.html) < 100_000


def test_a_notebook_shows_the_same(summary):
    assert summary._repr_html_() in summary.html
    assert str(summary.evaluation) in repr(summary)


def test_names_are_no_markup(tmp_path):
    plain = toy_source()
    splits = ("train", "val")
    source = ArraySource(
        "<u>set</u>", {s: plain.array(s) for s in splits}, {s: plain.targets[s] for s in splits}, EVIL
    )
    trained(tmp_path / "<i>run", data=source, lr=1e-5)
    summary = st.Run(tmp_path / "<i>run").summary(data=source)
    page = Page(summary.html)
    assert not {"script", "img", "u", "i>run"} & set(page.tags)
    assert EVIL[0] in page.cells
    assert "\x1b" not in summary.html
    assert "\u202e" not in summary.html
    assert "tiny on <u>set</u>" in page.words
    summary.save(tmp_path / "x.png")  # $ begins no formula


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        pytest.param({"loss": 1e308}, None, id="loss"),
        pytest.param(
            {"loss": float("inf"), "lr": float("nan"), "images_per_second": float("inf")},
            None,
            id="not-finite",
        ),
        pytest.param({"measure": "$\\\\frac{" * 100, "accuracy": -1e300}, None, id="measure"),
        pytest.param({"step": 10**400}, "OverflowError", id="step"),
        pytest.param({"epoch": 1e300}, "is not from 0 to 1e+09", id="epoch"),
        pytest.param({"steps": "x"}, "ValueError", id="steps"),
        pytest.param({"time": float("inf")}, "is not from 0 to 1e+12", id="time"),
    ],
)
def test_odd_values_of_a_log(run, tmp_path, change, problem):
    """They leave gaps, or are told in one sentence; nothing else comes of them."""
    copy = shutil.copytree(run, tmp_path / "run")
    rows = [json.loads(line) for line in (copy / "events.jsonl").read_text().splitlines()]
    changed = [row | {name: value for name, value in change.items() if name in row} for row in rows]
    assert changed != rows
    (copy / "events.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in changed))
    if problem is None:
        summary = st.Run(copy).summary(data=toy_source())
        summary.save_in_run()
        Page(summary.html)
        assert "nan" not in "".join(Page(summary.html).words)
    else:
        text = message_of(RunError, st.Run(copy).summary, data=toy_source())
        assert text.startswith(f"{copy / 'events.jsonl'}: is damaged (")
        assert problem in text


def test_history_is_that_of_the_events(tmp_path):
    events = trained(tmp_path / "run", epochs=3.0)
    history = read_history(tmp_path / "run")
    steps = [e for e in events if isinstance(e, StepDone)]
    assert history.losses.tolist() == [e.loss for e in steps]
    assert history.rates.tolist() == [e.lr for e in steps]
    assert history.epochs.tolist() == [e.epoch for e in steps]
    validations = [e for e in events if isinstance(e, Validated)]
    assert [(v.step, v.loss, v.accuracy) for v in history.validations] == [
        (e.step, e.loss, e.accuracy) for e in validations
    ]
    assert history.best.step == events[-1].best_step
    assert (history.steps, history.planned_steps, history.ending) == (9, 9, "completed")


def write_events(folder, *events):
    folder.mkdir(exist_ok=True)
    (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))


STARTED = {"event": "Started", "params": 5, "steps": 10, "epochs": 2.0, "device": "cpu", "notes": ["a"]}
STEP = {"event": "StepDone", "epoch": 0.2, "loss": 1.0, "lr": 0.1, "images_per_second": 50.0}


def test_time_between_sessions_does_not_count(tmp_path):
    """Three seconds, then a night, then two seconds."""
    write_events(
        tmp_path,
        {"time": 100.0} | STARTED,
        {"time": 103.0, "step": 1} | STEP,
        {"time": 9000.0} | STARTED | {"event": "Resumed", "step": 1, "notes": ["a", "b"]},
        {"time": 9002.0, "step": 2} | STEP,
    )
    history = read_history(tmp_path)
    assert history.seconds == pytest.approx(5.0)
    assert history.notes == ("a", "b")
    assert history.ending == "still running, or cut short"


@pytest.mark.parametrize(
    ("event", "ending"),
    [
        ({"event": "Finished", "reason": "early stop"}, "stopped early"),
        ({"event": "Finished", "reason": "interrupted"}, "interrupted"),
        ({"event": "Diverged", "step": 1200}, "diverged at step 1,200"),
        ({"event": "Of another version"}, "still running, or cut short"),
    ],
    ids=lambda value: value["event"].split()[0] if isinstance(value, dict) else "",
)
def test_how_a_run_ended(event, ending, tmp_path):
    write_events(tmp_path, STARTED, event)
    assert read_history(tmp_path).ending == ending


@pytest.mark.parametrize(
    "event",
    [{"event": "StepDone"}, {"step": []} | STEP, {"step": 1} | STEP | {"epoch": float("inf")}],
    ids=["less", "odd", "endless"],
)
def test_a_damaged_log(event, tmp_path):
    write_events(tmp_path, event)
    assert message_of(RunError, read_history, tmp_path).startswith(
        f"{tmp_path / 'events.jsonl'}: is damaged ("
    )


def test_smoothing_against_a_loop():
    values = np.random.default_rng(0).normal(size=1000)
    values[500] = np.nan
    places, means = smoothed(np.arange(1000.0), values, points=200)
    assert len(places) == 200
    assert (places[0], places[-1]) == (0, 999)
    for place, mean in zip(places.astype(int), means, strict=True):
        reach = min(12, place)
        around = [v for v in values[place - reach : place + reach + 1] if np.isfinite(v)]
        assert mean == pytest.approx(sum(around) / len(around), abs=1e-12)


def test_few_steps_are_not_smoothed():
    places, means = smoothed(np.arange(5.0), np.array([3.0, 1.0, 4.0, 1.0, 5.0]))
    assert places.tolist() == [0, 1, 2, 3, 4]
    assert means.tolist() == [3.0, 1.0, 4.0, 1.0, 5.0]


def evaluation(pairs, count):
    """Return what is scored where image i is of class ``pairs[i][0]`` and called ``pairs[i][1]``."""
    right, called = torch.tensor(pairs).T
    logits = torch.nn.functional.one_hot(called, count) * 3.0
    return scored([logits], right, tuple(f"class {i}" for i in range(count)), "val")


def test_the_worst():
    """Of four images of class 0 two are called 1, one 2; of two of class 1 one is called 0; class 3 has none."""
    measured = evaluation([(0, 1), (0, 1), (0, 2), (0, 0), (1, 0), (1, 1), (2, 2), (2, 2)], 4)
    found = [(c.right, c.called, c.count, c.share) for c in confusions(measured)]
    assert found == [
        ("class 0", "class 1", 2, 0.5),
        ("class 1", "class 0", 1, 0.5),
        ("class 0", "class 2", 1, 0.25),
    ]
    # F1 = 2·hits / (images + called): 2·1/(4+2), 2·1/(2+3), 2·2/(2+3)
    worst = worst_classes(measured)
    assert [c.name for c in worst] == ["class 0", "class 1", "class 2"]
    assert [c.f1 for c in worst] == pytest.approx([1 / 3, 2 / 5, 4 / 5])
    assert measured.mistaken_for(0) == ("class 1", 2)
    assert measured.mistaken_for(2) is None
    assert len(worst_classes(measured, 2)) == 2


def test_a_matrix_of_many_classes_is_a_picture():
    """100 classes: an opaque diagonal but for class 7, half of whose images are called 3."""
    pairs = [(i, i) for i in range(100)] + [(7, 3)]
    drawn = matrix(evaluation(pairs, 100))
    assert "<table" not in drawn
    (address,) = Page(drawn).addresses
    import base64
    import io

    image = np.array(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))
    times = image.shape[0] // 100
    alpha = image[times // 2 :: times, times // 2 :: times, 3] / 255
    expected = np.eye(100)
    expected[7, 7], expected[7, 3] = 0.5, 0.2 + 0.8 * 0.5**0.5
    assert alpha == pytest.approx(expected, abs=0.005)


def test_scales():
    assert Scale(0.0, 12.0, 0, 100).ticks(6) == [0, 2, 4, 6, 8, 10, 12]
    assert Scale(0.08, 2.5, 0, 1, log=True).ticks() == pytest.approx([0.1, 0.2, 0.5, 1, 2])
    assert Scale(1.0, 100.0, 0, 10, log=True)(10.0) == pytest.approx(5)
    assert Scale(0.0, 4.0, 10, 20)(1.0) == 12.5
    assert fitting([0.1, 5.0], 0, 1, zero=True, log=True).log
    assert not fitting([0.1, 1.0, float("nan")], 0, 1, zero=True, log=True).log
    same = fitting([0.5, 0.5], 0, 100, zero=False)
    assert same(0.5) == pytest.approx(50)


def test_files(summary, tmp_path):
    summary.save(tmp_path / "a.html")
    assert (tmp_path / "a.html").read_text(encoding="utf-8") == summary.html
    summary.save(tmp_path / "a.PNG")
    with Image.open(tmp_path / "a.PNG") as image:
        assert (image.format, image.width) == ("PNG", 1728)
        assert len(np.unique(np.asarray(image))) > 50
    assert message_of(ConfigError, summary.save, tmp_path / "a.pdf") == (
        f"{tmp_path / 'a.pdf'}: must end with .html or .png, which say how it is written."
    )
    message = message_of(RunError, summary.save, tmp_path / "no" / "a.html")
    assert message == f"{tmp_path / 'no' / 'a.html'}: cannot be written: No such file or directory."


def test_what_cannot_be_measured_is_said(run):
    """The data is not on disk; the curves are shown all the same."""
    summary = summarize(RunFolder.open(run))
    assert summary.evaluation is None
    assert summary.problem.startswith("no data called 'toy'")
    page = Page(summary.html)
    assert page.tags.count("svg") == 3
    assert any(summary.problem in words for words in page.words)
    assert message_of(DataError, st.Run(run).summary, "tset", toy_source()).startswith("toy has no split")


def test_a_run_that_was_cut_short(tmp_path):
    trained(tmp_path / "run", epochs=0.3)
    for name in ("model.safetensors", "checkpoints"):
        path = tmp_path / "run" / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    lines = (tmp_path / "run" / "events.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "run" / "events.jsonl").write_text(lines[0])
    summary = st.Run(tmp_path / "run").summary(data=toy_source())
    assert "has no weights" in summary.problem
    assert (
        "No validation yet" in Page(summary.html).words[:20]
        or "No validation yet." in Page(summary.html).words
    )
    summary.save_in_run()
    assert (tmp_path / "run" / "summary.png").is_file()


def test_several_labels(tmp_path):
    plain = toy_source()
    targets = {
        s: np.stack([plain.targets[s] == k for k in range(3)], 1).astype(np.uint8) for s in ("train", "val")
    }
    source = ArraySource("labels", {s: plain.array(s) for s in targets}, targets, ("a", "b", "c"))
    trained(tmp_path / "run", data=source, epochs=2.0)
    summary = st.Run(tmp_path / "run").summary(data=source)
    page = Page(summary.html)
    assert f"{summary.evaluation.mean_average_precision:.2%}" in page.words
    assert "average precision" in page.cells
    summary.save(tmp_path / "x.png")


def opened(file, profile):
    """Return what chromium makes of a page, and what its console says."""
    flags = "--headless --no-sandbox --disable-gpu --disable-background-networking --no-first-run".split()
    logging = ["--enable-logging=stderr", "--log-level=0", f"--user-data-dir={profile}"]
    done = subprocess.run(
        [CHROMIUM, *flags, *logging, "--dump-dom", file.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return Page(done.stdout), [line for line in done.stderr.splitlines() if ":CONSOLE" in line]


def test_the_page_in_a_browser(summary, tmp_path):
    if CHROMIUM is None:
        pytest.skip("there is no chromium on this machine")
    file = tmp_path / "summary.html"
    summary.save(file)
    page, console = opened(file, tmp_path / "profile")
    assert console == []
    assert page.tags.count("svg") == 4
    assert page.tags.count("table") == 4
    assert f"{summary.evaluation.accuracy:.2%}" in page.words
    # The console does speak where there is reason to: of what the page may not load.
    file.write_text(summary.html.replace("<footer>", '<img src="http://127.0.0.1:9/x.png"><footer>'))
    _, console = opened(file, tmp_path / "profile")
    assert len(console) == 1


def test_the_commands(striate, failure, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    st.Network("small", (1, 8, 8), st.Sequential(st.Flatten(), st.Linear(10))).save("net.yaml")
    words = ("--data", "digits", "--epochs", 1, "--device", "cpu")
    done = striate("train", "net.yaml", *words, "--out", "one")
    assert (done.status, done.err) == (0, "")
    assert done.out.endswith("run folder: one\nsummary: one/summary.html\n")
    measured = st.Run("one").evaluate("val")
    assert f"{measured.accuracy:.2%}" in Page((tmp_path / "one" / "summary.html").read_text()).words
    assert (tmp_path / "one" / "summary.png").is_file()
    striate("train", "net.yaml", *words, "--out", "two", "--no-summary")
    assert not list((tmp_path / "two").glob("summary.*"))
    done = striate("report", "two")
    assert (done.status, done.out) == (0, "summary: two/summary.html\nsummary: two/summary.png\n")
    assert striate("report", "two", "--out", "x.html", "--split", "test").out == "summary: x.html\n"
    assert f"{st.Run('two').evaluate().loss:.4f}" in Page((tmp_path / "x.html").read_text()).words
    assert failure("report", "two", "--out", "x.pdf", status=2) == (
        "--out x.pdf: must end with .html or .png, which say how it is written."
    )
    assert failure("report", "two", "--out", "no/x.html", status=2).startswith(
        "--out no/x.html: there is no folder"
    )
    assert failure("report", "nowhere") == "nowhere: no such run folder."
    assert failure("train", "net.yaml", *words, "--log", "mlfow", status=2) == (
        "--log: unknown tracker 'mlfow'. Did you mean 'mlflow'? Known: mlflow, wandb."
    )
    text = failure("train", "net.yaml", *words, "--sanity", "--log", "mlflow", status=2)
    assert (
        text == "--log and --sanity do not go together; trackers are told of runs, and --sanity leaves none."
    )


@pytest.mark.parametrize(
    ("error", "told"),
    [
        pytest.param(RunError("the disk is full."), "the disk is full.", id="foreseen"),
        pytest.param(ValueError("no\nway"), "ValueError: no way", id="unforeseen"),
    ],
)
def test_a_summary_that_cannot_be_written_does_not_fail_the_run(striate, tmp_path, monkeypatch, error, told):
    monkeypatch.chdir(tmp_path)
    tiny(10).save("net.yaml")

    def full(self):
        raise error

    monkeypatch.setattr(Summary, "save_in_run", full)
    done = striate(
        "train", "net.yaml", "--data", "digits", "--epochs", 0.1, "--device", "cpu", "--out", "run"
    )
    assert (done.status, done.err) == (0, f"warning: no summary was written: {told}\n")
    assert isinstance(st.Run("run").evaluate("val"), Evaluation)


def test_a_split_that_there_is_not_overwrites_nothing(toy_run):
    assert "'tset'" in message_of(DataError, summarize, RunFolder.open(toy_run), toy_source(), "tset")
    message_of(DataError, summarize, RunFolder.open(toy_run), None, "tset")


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("digits", "digits"),
        ("idx:/data/fashion-mnist", "fashion-mnist"),
        ("folder:/data/flowers/", "flowers"),
        ("csv:labels/train.csv?path=id&folder=images/small", "train.csv"),
        ("wds:https://host/shards/train-{000..009}.tar", "train-{000..009}.tar"),
        ("s3://bucket/photos", "photos"),
        ("fold:2/5@0:digits", "fold:2/5@0:digits"),
        ("fold:2/5@0:folder:/data/flowers", "fold:2/5@0:flowers"),
        ("bag:3:digits", "bag:3:digits"),
        ("a/b of my own", "a/b of my own"),
    ],
)
def test_what_data_are_called_in_a_title(data, name):
    assert short_name(data) == name


@pytest.mark.parametrize(
    ("shares", "labels"),
    [
        ([0.15, 0.1525, 0.155, 0.1575, 0.16], ["15.00%", "15.25%", "15.50%", "15.75%", "16.00%"]),
        ([0.0, 0.2, 0.4], ["0%", "20%", "40%"]),
        ([0.975, 0.98, 0.985], ["97.5%", "98.0%", "98.5%"]),
        ([3 * 0.1], ["30%"]),
    ],
)
def test_shares_at_an_axis_have_as_many_decimals(shares, labels):
    assert percents(shares) == labels


def test_warnings_stand_on_the_page(tmp_path):
    run = st.fit(tiny(), toy_source(), out=tmp_path / "run", lr=1e-9, epochs=3, device="cpu", plan="plain")
    log = [json.loads(line) for line in (run.path / "events.jsonl").read_text().splitlines()]
    seen = [symptom for row in log if row["event"] == "Inspected" for symptom in row["symptoms"]]
    assert len(seen) > len({symptom["kind"] for symptom in seen}) == 1  # the same of every epoch
    page = run.summary(data=toy_source()).html
    listed = re.search(r"<h3>Warnings</h3><ul>(.*?)</ul>", page)[1]
    assert listed.count("<li>step") == 1
    assert listed.endswith(f"<li>step 1: {seen[0]['text']}</li>")
    assert 'class="answer fair"' in page
    calm = st.fit(tiny(), toy_source(), out=tmp_path / "calm", config=quick(epochs=6.0, lr=0.01))
    page = calm.summary(data=toy_source()).html
    assert "<h3>Warnings</h3>" not in page
    assert 'class="answer good"' in page


def test_a_split_of_one_class_says_nothing_of_a_network(tmp_path):
    images = {split: np.zeros((12, 1, 8, 8), np.uint8) for split in ("train", "val")}
    targets = {"train": np.arange(12) % 3, "val": np.zeros(12, int)}
    source = ArraySource("one", images, targets, ("a", "b", "c"))
    run = st.fit(tiny(), source, out=tmp_path / "run", config=quick())
    assert run.summary(data=source).warnings == ()


def test_a_network_that_has_learned_nothing(tmp_path):
    targets = {"train": np.arange(48) % 3, "val": np.array([0] * 12 + [1] * 8 + [2] * 4)}
    images = {split: np.zeros((len(each), 1, 8, 8), np.uint8) for split, each in targets.items()}
    source = ArraySource("blank", images, targets, ("a", "b", "c"))
    run = st.fit(tiny(), source, out=tmp_path / "run", device="cpu", plan="plain", health_every=None)
    summary = run.summary(data=source)
    share = "50.00%" if summary.evaluation.confusion[0][0] else f"{summary.evaluation.accuracy:.2%}"
    assert summary.warnings == (
        f"{share} of the images of val are right, and to name its most frequent class each time gives 50.00%: the "
        "network has learned nothing that helps.",
    )
    assert 'class="answer fair"' in summary.html
