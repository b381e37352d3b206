"""The report: as text, as data, as a page, in a notebook; and from Python."""

import errno
import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from planted import Infinite, config
from toys import message_of, tiny, toy_source

import striate as st
from striate.errors import ConfigError, DataError
from striate.spec import Conv, Flatten, Linear, Network, ReLU
from striate.train import TrainConfig


@pytest.fixture(scope="module")
def report():
    return st.check(tiny(), toy_source(), config=config())


def test_from_python(report):
    assert isinstance(report, st.NetworkReport)
    other = st.check(tiny(), data=toy_source(), epochs=100.0, batch_size=16, device="cpu")
    assert [f.kind for f in other.findings] == [f.kind for f in report.findings]
    text = message_of(ConfigError, st.check, tiny(), toy_source(), config=TrainConfig(), lr=1.0)
    assert text == "give config or options (lr), not both."


def test_what_names_no_data():
    text = message_of(DataError, st.check, "lenet5", data=3)
    assert text == "data=3: must be a name (str), or the Path of a folder or a file."


def test_text(report):
    text = repr(report)
    assert text.startswith("tiny on toy\n\n  data ")
    assert "48 images to train, 24 to validate, 3 classes" in text
    assert "input 1×8×8, 151 parameters" in text
    assert "8×8 of 8×8 pixels" not in text
    assert "ln 3 = 1.10 expected" in text
    assert text.splitlines()[-1] == "Ready to train: 0 errors, 0 warnings, 0 notes."


def test_the_last_line_says_whether_to_begin():
    few = st.check(tiny(), toy_source(), config=config(epochs=1.0))
    assert (
        few.text().splitlines()[-1]
        == "Training would run; see to the warnings first: 0 errors, 1 warning, 0 notes."
    )
    bad = st.check(tiny(classes=4), toy_source(), config=config())
    assert bad.text().splitlines()[-1].startswith("Training would fail, or learn the wrong thing: 1 error, ")


def test_data_is_json_and_has_the_keys_of_the_docs(report):
    data = json.loads(json.dumps(report.to_data()))
    assert list(data) == [
        "schema",
        "network",
        "source",
        "device",
        "ok",
        "counts",
        "findings",
        "figures",
        "remarks",
        "data",
    ]
    assert (data["schema"], data["network"], data["source"], data["device"]) == (1, "tiny", "toy", "cpu")
    assert data["figures"]["output"] == [3]
    assert data["data"]["statistics"]["splits"] == {"train": 48, "val": 24, "test": 24}
    assert "findings" not in data["data"]
    assert [row["path"] for row in data["figures"]["signals"]] == [
        "conv",
        "relu1",
        "pool1",
        "flatten1",
        "head",
    ]


def test_numbers_that_are_none_are_null():
    report = st.check(Infinite(), toy_source(), config=config())
    data = json.loads(json.dumps(report.to_data(), allow_nan=False))
    assert data["figures"]["loss"]["first"] is None
    assert report.to_html()


class Page(HTMLParser):
    """Notes what a page would load, and whether its tags close."""

    def __init__(self):
        super().__init__()
        self.loads, self.open = [], []

    def handle_starttag(self, tag, attrs):
        names = dict(attrs)
        self.loads += [names[key] for key in ("src", "href") if key in names]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_a_page_that_does_not_fit_on_the_disk(report, tmp_path, monkeypatch):
    """What stood there stays, and nothing else is left."""
    path = tmp_path / "check.html"
    path.write_text("of before")
    whole = Path.write_bytes

    def half(self, data):
        whole(self, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    told = message_of(DataError, report.save, path)
    assert told == f"{path}: cannot be written: No space left on device."
    assert path.read_text() == "of before"
    assert list(tmp_path.iterdir()) == [path]


def test_the_page_needs_nothing_else(report, tmp_path):
    report.save(tmp_path / "check.html")
    html = (tmp_path / "check.html").read_text(encoding="utf-8")
    page = Page()
    page.feed(html)
    assert page.open == []
    assert all(uri.startswith("data:") for uri in page.loads)
    assert "<script" not in html
    assert "Ready to train." in html
    assert "Every layer before the first step" in html
    assert report._repr_html_() in html


def test_names_are_no_markup():
    network = Network("<b>&", (1, 8, 8), [Conv(4, 3, name="a"), ReLU(), Flatten(), Linear(4)])
    html = st.check(network, toy_source(), config=config()).to_html()
    assert "<b>&" not in html
    assert "&lt;b&gt;&amp;" in html
