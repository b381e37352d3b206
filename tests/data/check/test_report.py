"""The report: as text, as data, as a page in a browser, and by the command line."""

import errno
import json
import os
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from faults import FAULTS, write_clean
from toys import message_of

from striate.data.check import CHECKS, check
from striate.errors import DataError

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ODD_NAME = "<b>&'\" \u202e\x1b[31m.png"


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory):
    """A folder with an error, a warning and a note, and a name that is no markup."""
    root = write_clean(tmp_path_factory.mktemp("spoiled") / "set")
    for name in (
        "a JPEG cut short",
        "a copy in another split",
        "a grey image",
        "16 bits",
        "a list of other classes",
    ):
        FAULTS[name].plant(root)
    shutil.copy(root / "train/disc/01.png", root / "train/disc" / ODD_NAME)
    return root


@pytest.fixture(scope="module")
def report(spoiled):
    return check(spoiled)


def test_the_gravest_come_first(report):
    verdicts = [finding.verdict for finding in report.findings]
    assert verdicts == sorted(verdicts, key=("error", "warning", "note").index)
    assert report.counts == {verdict: verdicts.count(verdict) for verdict in ("error", "warning", "note")}
    assert min(report.counts.values()) > 0
    assert not report.ok


def test_every_finding_says_how_to_mend_it(report):
    for finding in report.findings:
        assert finding.title
        assert finding.text.endswith(".")
        assert len(finding.rows) in (0, len(finding.records))


def test_text(report):
    text = repr(report)
    assert "ERROR    1 image cut short  [truncated]" in text
    assert "train/disc/cut.jpg (image file is truncated" in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert text.endswith("notes.") or text.endswith("note.")


def test_names_are_cut_unless_all_are_wanted(tmp_path):
    root = write_clean(tmp_path / "set")
    for number in range(9):
        (root / f"train/disc/bad{number}.png").write_bytes(b"")
    report = check(root)
    assert "bad4" in report.text()
    assert "bad5" not in report.text()
    assert "and 4 more" in report.text()
    assert "bad8" in report.text(None)


def test_data_is_json_and_says_it_all(report):
    data = json.loads(json.dumps(report.to_data()))
    assert data["schema"] == 1
    assert data["ok"] is False
    assert data["classes"] == ["disc", "frame", "stripes"]
    assert data["statistics"]["counts"]["val"] == {"disc": 41, "frame": 40, "stripes": 40}
    assert data["statistics"]["images"] - data["statistics"]["readable"] == 1
    assert [finding["kind"] for finding in data["findings"]] == [finding.kind for finding in report.findings]
    for channel in data["statistics"]["channels"]:
        assert sum(channel["histogram"]) == pytest.approx(1, abs=1e-3)


def test_statistics_against_the_pixels():
    """Mean and deviation of the digits, by numpy over all pixels at once."""
    import numpy as np

    from striate.data import digits

    pixels = np.concatenate([digits().array(split).ravel() for split in ("train", "val", "test")])
    (channel,) = check("digits").statistics.channels
    assert channel.mean == pytest.approx(pixels.mean(), abs=1e-3)
    assert channel.std == pytest.approx(pixels.std(), abs=1e-3)
    assert (channel.low, channel.high) == (0, 255)
    assert channel.histogram[0] == pytest.approx((pixels == 0).mean(), abs=1e-6)


class Page(HTMLParser):
    """What a page holds: its addresses, its headings, whether a script is among it."""

    def __init__(self, text):
        super().__init__()
        self.addresses, self.tags, self.words = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data):
        self.words.append(data)


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


def test_a_page_takes_no_device_s_place(report, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    told = message_of(DataError, report.save, tmp_path / "pipe")
    assert told == f"{tmp_path / 'pipe'}: cannot be written: not a regular file."


def test_the_page_stands_alone(report):
    text = report.to_html()
    page = Page(text)
    assert page.addresses
    assert all(address.startswith("data:image/") for address in page.addresses)
    assert "script" not in page.tags
    assert "url(" not in text
    assert page.tags.count("section") == len(report.findings)
    assert len(text) < 3_000_000


def test_names_in_the_page_are_no_markup(report):
    page = Page(report.to_html())
    assert any("<b>&'\"" in words for words in page.words)
    assert "\x1b" not in report.to_html()


def test_the_page_in_a_browser(report, tmp_path):
    if CHROMIUM is None:
        pytest.skip("there is no chromium on this machine")
    file = tmp_path / "check.html"
    report.save(file)
    flags = "--headless --no-sandbox --disable-gpu --disable-background-networking --no-first-run".split()
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    opened = subprocess.run(
        [CHROMIUM, *flags, profile, "--dump-dom", file.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    page = Page(opened.stdout)
    assert page.tags.count("section") == len(report.findings)
    assert page.tags.count("svg") == 1 + len(report.statistics.channels)
    assert page.tags.count("img") >= len(report.class_names)
    for finding in report.findings:
        assert finding.title in page.words
    assert "script" not in page.tags


def test_a_notebook_shows_the_same(report):
    assert report._repr_html_() in report.to_html()


def test_the_command(striate, spoiled, tmp_path):
    page = tmp_path / "check.html"
    done = striate("data", "check", spoiled, "--report", page)
    assert (done.status, done.err) == (1, "")
    assert "[truncated]" in done.out
    assert done.out.endswith(f"report: {page}\n")
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_command_names_all(striate, tmp_path):
    root = write_clean(tmp_path / "set")
    for number in range(9):
        (root / f"train/disc/bad{number}.png").write_bytes(b"")
    assert "bad5" not in striate("data", "check", root).out
    assert "bad8" in striate("data", "check", root, "--all").out


def test_the_command_prints_json(striate):
    done = striate("data", "check", "digits", "--json")
    assert done.status == 0
    data = json.loads(done.out)
    assert (data["ok"], data["statistics"]["images"]) == (True, 1797)


@pytest.mark.parametrize("name", ["digitz", "", "idx:/nowhere", "/nowhere"])
def test_no_such_data(name):
    with pytest.raises(DataError):
        check(name)


def test_a_folder_without_anything(tmp_path):
    with pytest.raises(DataError, match="holds no class folders"):
        check(tmp_path)


def test_a_report_that_cannot_be_written_is_refused_before_the_work(failure, tmp_path):
    file = tmp_path / "no" / "check.html"
    message = (
        f"--report {file}: there is no folder {file.parent}; name the file to write, such as check.html."
    )
    assert failure("data", "check", "digits", "--report", file, status=2) == message
    message = f"--report {tmp_path}: is a folder; name the file to write, such as check.html."
    assert failure("data", "check", "digits", "--report", tmp_path, status=2) == message


def test_checks_are_named():
    assert all(name and judge.__doc__ for name, judge in CHECKS.items())
