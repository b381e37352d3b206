"""What servers do wrong, each against a loopback server: the file is whole and true in the end, or there is none."""

import dataclasses
import hashlib
import random
import re

import pytest
from loopback import HASTE, chunks, contents, endless, entry, garbage, serve, silence, status

from striate.data import fetch
from striate.data.fetch import AlreadyThere, Fetched, Received, Troubled
from striate.errors import DataError

DATA = random.Random(0).randbytes(300_000)


def one(*places):
    return entry("toy", {"toy.bin": DATA}, *places)


@pytest.fixture
def toy(server):
    server.files["toy.bin"] = DATA
    return one(server.url)


def stage(tmp_path):
    return tmp_path / "data" / "toy.part"


def test_a_file_comes_whole_and_what_is_told_adds_up(server, toy, bring, tmp_path):
    folder = bring(toy)
    assert folder == tmp_path / "data" / "toy"
    assert contents(folder)["toy.bin"] == DATA
    assert sorted(p.name for p in folder.iterdir()) == ["striate-fetch.json", "toy.bin"]
    assert [p.name for p in folder.parent.iterdir()] == ["toy"]
    received = [event for event in bring.told if isinstance(event, Received)]
    assert [e.done for e in received] == sorted({e.done for e in received})
    assert (received[-1].done, received[-1].total) == (300_000, 300_000)
    assert bring.told[-1] == Fetched(folder=folder, received=300_000)
    assert server.asked[0][1]["Accept-Encoding"] == "identity"


def test_what_is_there_is_not_fetched_again(server, toy, bring):
    folder = bring(toy)
    assert bring(toy) == folder
    assert bring.told == [AlreadyThere(folder=folder, files=1)]
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("first", "had", "told"),
    [
        (serve(cut=100_000), 100_000, "it ended after 100,000 of 300,000 bytes"),
        (serve(cut=100_000, stall=5), 100_000, "nothing came for 0.4 s"),
        (serve(cut=100_000, say=False), 100_000, "it ended after 100,000 of 300,000 bytes"),
        (chunks(cut=100), 150_100, "the connection was cut (IncompleteRead)"),
    ],
    ids=["cut", "stalls", "cut without a length", "cut within a chunk"],
)
def test_a_cut_connection_is_gone_on_with(server, toy, bring, first, had, told):
    server.script["toy.bin"] = [first]
    folder = bring(toy)
    assert contents(folder)["toy.bin"] == DATA
    assert server.ranges() == [None, f"bytes={had}-"]
    assert [str(e.reason) for e in bring.told if isinstance(e, Troubled)] == [f"{server.url}/toy.bin: {told}"]
    assert bring.told[-1].received == 300_000  # not a byte twice


@pytest.mark.parametrize(
    "first",
    [
        serve(say=False),
        chunks(),
        serve(body=DATA + b"more", say=False),
        serve(body=DATA + b"more", say=300_000),
    ],
    ids=["no length", "chunks", "longer without a length", "longer than it says"],
)
def test_other_ways_to_send_the_file(server, toy, bring, first):
    server.script["toy.bin"] = [first]
    assert contents(bring(toy))["toy.bin"] == DATA
    assert len(server.asked) == 1


@pytest.mark.parametrize("said", [5, 299_999, 300_001, 10**15])
def test_a_length_that_is_not_the_files_is_refused_before_a_byte_is_written(
    server, toy, bring, tmp_path, said
):
    server.script["toy.bin"] = [serve(say=said)]
    with pytest.raises(DataError) as error:
        bring(toy)
    assert f"it says that the file has {said:,} bytes; the published one has 300,000." in str(error.value)
    assert len(server.asked) == 1
    assert not stage(tmp_path).exists()


def test_no_more_is_written_than_the_file_has(server, toy, bring, tmp_path):
    server.script["toy.bin"] = [endless]
    with pytest.raises(DataError, match=r"toy\.bin\.part has SHA-256"):
        bring(toy)
    assert max(e.done for e in bring.told if isinstance(e, Received)) == 300_000
    assert list((tmp_path / "data").iterdir()) == []


def test_a_false_file_is_thrown_away_with_both_digests_named(server, toy, bring, tmp_path):
    server.files["toy.bin"] = DATA[:-1] + b"?"
    with pytest.raises(DataError) as error:
        bring(toy)
    assert hashlib.sha256(DATA[:-1] + b"?").hexdigest() in str(error.value)
    assert hashlib.sha256(DATA).hexdigest() in str(error.value)
    assert "it was thrown away" in str(error.value)
    assert "--mirror URL" in str(error.value)
    assert list((tmp_path / "data").iterdir()) == []


def test_pieces_of_two_versions_are_thrown_away_and_fetched_whole(server, toy, bring):
    server.script["toy.bin"] = [serve(body=bytes(300_000), cut=1000)]
    assert contents(bring(toy))["toy.bin"] == DATA
    assert server.ranges() == [None, "bytes=1000-", None]


def test_another_version_is_told_by_its_tag(server, toy, bring):
    server.script["toy.bin"] = [
        serve(body=bytes(300_000), cut=1000, etag='"old"'),
        serve(etag='"new"'),
    ]
    assert contents(bring(toy))["toy.bin"] == DATA
    assert [h.get("If-Range") for _, h in server.asked] == [None, '"old"']


def test_a_weak_tag_is_no_tag(server, toy, bring):
    server.script["toy.bin"] = [serve(cut=1000, etag='W/"x"')]
    assert contents(bring(toy))["toy.bin"] == DATA
    assert "If-Range" not in server.asked[1][1]


def test_a_server_that_ignores_ranges(server, toy, bring):
    server.script["toy.bin"] = [serve(cut=1000), serve(ranges=False)]
    assert contents(bring(toy))["toy.bin"] == DATA
    assert server.ranges() == [None, "bytes=1000-"]


def test_a_server_that_ignores_ranges_and_always_cuts_is_left(server, toy, bring, tmp_path):
    server.script["toy.bin"] = [serve(cut=1000, ranges=False) for _ in range(9)]
    with pytest.raises(
        DataError, match=r"it ended after 1,000 of 300,000 bytes. 1,000 of 300,000 bytes are kept"
    ):
        bring(toy)
    assert len(server.asked) == 3
    assert contents(stage(tmp_path))["toy.bin.part"] == DATA[:1000]


@pytest.mark.parametrize(
    "content_range",
    ["bytes 0-299999/300000", "bytes 2000-299999/300000", "nonsense", "bytes 1000-299999/300001"],
)
def test_a_wrong_content_range(server, toy, bring, content_range):
    server.script["toy.bin"] = [serve(cut=1000), serve(content_range=content_range)]
    if content_range.endswith("1"):
        with pytest.raises(DataError, match="it says that the file has 300,001 bytes"):
            bring(toy)
    else:
        assert contents(bring(toy))["toy.bin"] == DATA
        assert server.ranges() == [None, "bytes=1000-", None]
        assert any(content_range in e.reason for e in bring.told if isinstance(e, Troubled))


def test_a_part_nobody_asked_for(server, toy, bring):
    server.script["toy.bin"] = [status(206), status(206), status(206)]
    with pytest.raises(DataError, match="it sends 'an unnamed part' where from byte 0 on was asked for"):
        bring(toy)


def test_a_range_that_is_refused(server, toy, bring):
    server.script["toy.bin"] = [serve(cut=1000), status(416)]
    assert contents(bring(toy))["toy.bin"] == DATA
    assert server.ranges() == [None, "bytes=1000-", None]


@pytest.mark.parametrize("step", [status(503), status(429, Retry_After="0"), garbage, silence(5)])
def test_what_may_pass_is_asked_again(server, toy, bring, step):
    server.script["toy.bin"] = [step, step]
    assert contents(bring(toy))["toy.bin"] == DATA
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("step", "why"),
    [(status(404), "404 Not Found"), (status(403), "403 Forbidden"), (status(204), "204, neither a file")],
)
def test_what_will_not_pass_is_asked_once(server, toy, bring, tmp_path, step, why):
    server.script["toy.bin"] = [step]
    with pytest.raises(DataError, match=f"it answers {why}"):
        bring(toy)
    assert len(server.asked) == 1
    assert list((tmp_path / "data").iterdir()) == []


def test_silence_is_given_up(server, toy, bring):
    server.script["toy.bin"] = [silence(5)] * 9
    with pytest.raises(DataError, match=r"toy.bin: no answer within 0.4 s\. Try again later"):
        bring(toy)
    assert len(server.asked) == HASTE.attempts


def test_a_trickle_is_given_up(server, toy, bring):
    def trickle(handler, data):
        handler.send_response(200)
        handler.end_headers()
        for i in range(300):
            if handler.server.released.wait(0.02):
                return
            handler.wfile.write(data[i : i + 1])
            handler.wfile.flush()

    server.script["toy.bin"] = [trickle]
    slow = dataclasses.replace(HASTE, timeout=0.1, slowest=10_000)
    assert contents(bring(toy, patience=slow))["toy.bin"] == DATA
    troubles = [event.reason for event in bring.told if isinstance(event, Troubled)]
    assert [re.sub(r"only \d+ ", "only some ", trouble) for trouble in troubles] == [
        f"{server.url}/toy.bin: only some bytes came in 1 s"
    ]


def test_the_next_place_goes_on_where_the_first_failed(server, bring):
    server.files["b/toy.bin"] = DATA
    server.files["a/toy.bin"] = DATA
    server.script["a/toy.bin"] = [serve(cut=1000, etag='"a"'), status(404)]
    assert contents(bring(one(f"{server.url}/a", f"{server.url}/b/")))["toy.bin"] == DATA
    assert [name for name, _ in server.asked] == ["a/toy.bin", "a/toy.bin", "b/toy.bin"]
    assert server.ranges()[2] == "bytes=1000-"
    assert "If-Range" not in server.asked[2][1]  # a's tag means nothing to b
    assert bring.told[-1].received == 300_000


def test_every_place_is_named_when_all_fail(server, bring):
    nowhere = "http://127.0.0.1:9"
    with pytest.raises(DataError) as error:
        bring(one(f"{server.url}/a", nowhere))
    said = str(error.value)
    assert f"{server.url}/a/toy.bin: it answers 404" in said
    assert f"{nowhere}/toy.bin: it cannot be reached (Connection refused)" in said


def test_a_mirror_is_asked_alone(server, toy, bring):
    server.files["mine/toy.bin"] = DATA
    bring(toy, mirror=f"{server.url}/mine")
    assert [name for name, _ in server.asked] == ["mine/toy.bin"]


@pytest.mark.parametrize(
    "mirror", ["", "ftp://127.0.0.1/", "file:///etc", "/data", "http://", "http://a\nb/"]
)
def test_a_mirror_that_is_no_address(toy, bring, tmp_path, mirror):
    with pytest.raises(DataError) as error:
        bring(toy, mirror=mirror)
    assert str(error.value) == (
        f"mirror={mirror!r}: {mirror!r} is no address to fetch from; write http://… or https://…."
    )
    assert not (tmp_path / "data").exists()


def test_an_unknown_name(toy, bring):
    bring(toy)
    with pytest.raises(DataError) as error:
        fetch("toi")
    assert str(error.value) == (
        "unknown data set 'toi'. Did you mean 'toy'? Known: toy. striate data fetch lists them."
    )
