"""Event logs as runs leave them, and as nobody should."""

import json
import os

import pytest
from diff_runs import steps
from toys import message_of, trained

from striate.errors import RunError
from striate.train.log import read_events


def refused(path):
    return message_of(RunError, lambda: list(read_events(path))).removeprefix(f"{path}: ")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.jsonl"


def test_events_come_back_as_they_were_written(tmp_path):
    events = trained(tmp_path / "run")
    read = list(read_events(tmp_path / "run" / "events.jsonl"))
    assert all(isinstance(each.pop("time"), float) for each in read)
    assert read == json.loads(json.dumps([event.to_data() for event in events]))


@pytest.mark.parametrize("cut", [1, 2, 30, 60])
def test_a_last_line_that_was_cut_short(path, cut):
    lines = [json.dumps(each) + "\n" for each in steps()]
    path.write_text("".join(lines)[:-cut])
    expected = steps() if cut == 1 else steps()[:-1]  # without its newline alone an event is whole
    assert list(read_events(path)) == expected


@pytest.mark.parametrize(
    "tail", [b"\0" * 4096, b'{"event": "St\xff', b"[" * 60_000], ids=["zeros", "bytes", "deep"]
)
def test_a_tail_that_is_no_text(path, tail):
    path.write_bytes(json.dumps(steps()[0]).encode() + b"\n" + tail)
    assert list(read_events(path)) == steps()[:1]


def test_a_long_line(path):
    event = {"event": "Inspected", "layers": [{"path": f"layer{n}", "mean": 0.5} for n in range(20_000)]}
    path.write_text(f"{json.dumps(event)}\n")
    assert list(read_events(path)) == [event]


def test_an_empty_log(path):
    path.write_text("")
    assert list(read_events(path)) == []


@pytest.mark.parametrize(
    "line",
    [b"", b"{", b"[]", b"3", b"{}", b'{"event": 3}', b"\xff", b"[" * 60_000, b"9" * 5000, b'{"step": 1}\0'],
    ids=["empty", "half", "list", "number", "nothing", "no name", "no text", "deep", "digits", "zero"],
)
def test_a_line_that_is_no_event(path, line):
    good = json.dumps(steps()[0]).encode()
    path.write_bytes(good + b"\n" + line + b"\n" + good + b"\n")
    assert refused(path) == "line 2 is no event; the log is damaged."


def test_a_line_without_an_end(path):
    path.write_bytes(b'{"event": "' + b"x" * 2**24)
    assert refused(path) == "line 1 is no event; the log is damaged."


def test_a_file_that_is_too_large(path):
    with path.open("wb") as file:
        file.truncate(2**31 + 1)  # which takes no room on the disk
    assert refused(path) == "has more than 2,147,483,648 bytes, too many for an event log."


def test_what_is_no_file(path, tmp_path):
    assert refused(path) == "no such event log; every run has one."
    os.mkfifo(path)  # to open it would wait for ever
    assert refused(path) == "is no file, and so no event log."
    assert refused(tmp_path) == "is no file, and so no event log."
