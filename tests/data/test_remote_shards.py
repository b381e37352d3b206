"""Shards on other machines: a loopback server with ranges, without, or that cuts off; and fsspec's memory."""

import http.server
import os
import re
import socket
import threading
from email.utils import formatdate

import fsspec
import numpy as np
import pytest
from shard_files import encoded, pixels, samples, write_set, write_tar
from toys import message_of, quick, tiny

from striate.data import open_source, pack_source
from striate.data.remote import trouble
from striate.data.sources import shards_places
from striate.errors import ChangedError, DataError
from striate.train import Finished, train


class Server(http.server.ThreadingHTTPServer):
    """Serves a folder; ``asked`` notes method, path and range. Attributes say how it misbehaves."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, root):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.root = root
        self.asked = []
        self.ranges = True
        self.says_no_ranges = False
        self.version = "ETag"
        self.forbidden = ()
        self.cut = 0  # how many more answers to ranges are cut off

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def fetched(self):
        """The shards that were asked for, but for the byte by which it is tried whether parts are given."""
        asked = [(path, part) for method, path, part in self.asked if method == "GET"]
        return [path for path, part in asked if path.endswith(".tar") and part != "bytes=1-1"]

    def handle_error(self, request, _):
        """Be silent: clients go away in the midst of things on purpose."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self._answer(send=False)

    def do_GET(self):
        self._answer(send=True)

    def _answer(self, send):
        server, path = self.server, self.path.partition("?")[0]
        server.asked.append((self.command, path.lstrip("/"), self.headers.get("Range")))
        place = server.root / path.lstrip("/")
        if path.lstrip("/") in server.forbidden or not place.exists():
            self.send_response(403 if path.lstrip("/") in server.forbidden else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        kind = "application/x-tar"
        if place.is_dir():
            links = "".join(f'<a href="{p.name}{"/" * p.is_dir()}">x</a>' for p in sorted(place.iterdir()))
            data, kind = f'<html><a href="../">up</a>{links}</html>'.encode(), "text/html"
        else:
            data = place.read_bytes()
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        body = data
        if asked and server.ranges:
            start, end = int(asked[1]), min(int(asked[2]), len(data) - 1)
            body = data[start : end + 1]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{end}/{len(data)}")
        else:
            self.send_response(200)
        if server.version == "ETag":
            self.send_header("ETag", f'"{hash(data)}"')
        elif server.version:
            self.send_header("Last-Modified", formatdate(place.stat().st_mtime if place.is_file() else 0))
        if server.says_no_ranges:
            self.send_header("Accept-Ranges", "none")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if send and asked and server.cut:
            server.cut -= 1
            self.wfile.write(body[: len(body) // 2])
            self.connection.shutdown(socket.SHUT_RDWR)
        elif send:
            self.wfile.write(body)


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "cache"))
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(trouble, "_PAUSE", 0.01)
    (tmp_path / "set").mkdir()
    server = Server(tmp_path / "set")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def same(source, local):
    assert source.fingerprint == local.fingerprint
    assert source.class_names == local.class_names
    for split, targets in local.targets.items():
        assert source.targets[split].tolist() == targets.tolist()
        for i in range(len(targets)):
            assert source.record(split, i).data == local.record(split, i).data


@pytest.mark.parametrize(
    "place", ["", "/", "/{train,val}-{000..002}.tar", "/[tv]*.tar", "?train=train-*.tar&val=val-000.tar"]
)
def test_places_on_the_web(server, place):
    write_set(server.root, val=(2, 2, 2))
    if "val-000" in place:
        for number in (1, 2):
            (server.root / f"val-00{number}.tar").unlink()
    source = open_source(f"wds:{server.url}{place}")
    local = open_source(f"wds:{server.root}")
    same(source, local)
    assert source.name.startswith(f"wds:{server.url}{place.partition('?')[0]}")
    assert open_source(source.name).fingerprint == local.fingerprint
    assert source.record("train", 0).name == f"{server.url}/train-000.tar: 0000.png"


def test_folders_on_the_web_say_the_split(server):
    write_tar(server.root / "set" / "train" / "0.tar", samples(range(8)))
    write_tar(server.root / "set" / "val" / "0.tar", samples(range(8, 12)))
    (server.root / "set" / "classes.txt").write_text("even\nodd\n")
    source = open_source(f"wds:{server.url}/set/")
    same(source, open_source(f"wds:{server.root}/set"))
    assert source.class_names == ("even", "odd")


def test_one_file_without_the_name_of_its_kind(server):
    write_tar(server.root / "all.tar", samples(range(100)))
    source = open_source(f"{server.url}/all.tar?buffer=5")
    assert source.name == f"wds:{server.url}/all.tar?buffer=5"
    assert sorted(source.targets) == ["test", "train", "val"]


@pytest.mark.parametrize("version", ["ETag", "Last-Modified", ""])
def test_a_shard_is_read_once_for_its_index_where_its_version_is_told(server, version):
    server.version = version
    write_set(server.root)
    first = open_source(f"wds:{server.url}")
    assert sorted(server.fetched()) == ["train-000.tar", "train-001.tar", "train-002.tar", "val-000.tar"]
    server.asked.clear()
    assert open_source(f"wds:{server.url}").fingerprint == first.fingerprint
    assert len(server.fetched()) == (0 if version else 4)
    server.asked.clear()
    changed = write_tar(server.root / "val-000.tar", samples(range(50, 57)))
    os.utime(changed, (0, 0))  # the web's times are of whole seconds
    assert open_source(f"wds:{server.url}").fingerprint != first.fingerprint
    assert len(server.fetched()) == (1 if version else 4)


def test_images_come_in_blocks_not_one_by_one(server, monkeypatch):
    monkeypatch.setattr(shards_places, "_AHEAD", 10_000)
    path = write_tar(server.root / "train.tar", samples(range(60)))
    write_tar(server.root / "val.tar", samples(range(60, 64)))
    source = open_source(f"wds:{server.url}")
    server.asked.clear()
    for i in range(60):
        assert np.array_equal(np.asarray(source.image("train", i)), pixels(i))
    assert len(server.fetched()) <= path.stat().st_size / 10_000 + 1 < 15


def test_what_was_read_ahead_of_few_shards_is_kept(server):
    write_set(server.root, train=(2,) * 8)
    source = open_source(f"wds:{server.url}")
    server.asked.clear()
    for i in [*range(16), *reversed(range(0, 16, 2))]:
        assert source.record("train", i).data == encoded(i)
    assert len(server.fetched()) == 8 + 4  # on the way back the last four are there yet
    held = [shard for shard in source._shards if shard._file is not None]
    assert len(held) == 4


def test_training_and_packing_from_the_web(server, tmp_path):
    write_set(server.root, size=(8, 8))
    events = list(train(tiny(classes=2, channels=3), f"wds:{server.url}?buffer=4", quick(), tmp_path / "run"))
    assert isinstance(events[-1], Finished)
    local = list(
        train(tiny(classes=2, channels=3), f"wds:{server.root}?buffer=4", quick(), tmp_path / "local")
    )
    assert [getattr(e, "loss", None) for e in events] == [getattr(e, "loss", None) for e in local]
    header = pack_source(open_source(f"wds:{server.url}"), tmp_path / "a.pack", (3, 8, 8))
    assert header.splits["train"].count == 18


NO_PARTS = (
    "cannot be read: its server does not give parts of files; copy the shards to this machine, or serve them by one "
    "that does (nginx, S3)."
)


@pytest.mark.parametrize("told", [False, True], ids=["silent", "told"])
@pytest.mark.parametrize("ahead", [2000, 4 * 2**20], ids=["larger than a block", "within a block"])
def test_a_server_without_ranges(server, monkeypatch, ahead, told):
    monkeypatch.setattr(shards_places, "_AHEAD", ahead)
    server.ranges, server.says_no_ranges = False, told
    write_tar(server.root / "train.tar", samples(range(60)))
    text = message_of(DataError, open_source, f"wds:{server.url}/train.tar")
    assert text == f"{server.url}/train.tar: {NO_PARTS}"


def test_a_server_that_gives_parts_no_more(server):
    write_set(server.root)
    open_source(f"wds:{server.url}")
    server.ranges = False
    source = open_source(f"wds:{server.url}")  # by the index that is remembered
    text = message_of(DataError, source.record, "train", 3)
    assert text == f"{server.url}/train-000.tar: {NO_PARTS}"


def test_a_server_that_cuts_off(server):
    write_set(server.root)
    server.cut = 1
    source = open_source(f"wds:{server.url}")
    assert source.record("train", 3).data == encoded(3)
    source = open_source(f"wds:{server.url}?buffer=7")
    server.cut = 100
    text = message_of(DataError, source.record, "train", 3)
    assert text.startswith(f"{server.url}/train-000.tar: cannot be read: ")
    server.cut = 0
    assert source.record("train", 3).data == encoded(3)


def test_a_shard_that_changes_or_goes_away(server):
    write_set(server.root)
    source = open_source(f"wds:{server.url}")
    write_tar(server.root / "train-000.tar", samples(range(20, 25)))
    assert message_of(ChangedError, source.record, "train", 1).startswith(f"{server.url}/train-000.tar: ")
    (server.root / "train-001.tar").unlink()
    assert message_of(DataError, source.record, "train", 5).startswith(
        f"{server.url}/train-001.tar: cannot be read: there is nothing there (404)"
    )


def test_places_that_are_wrong(server):
    def refused(place):
        return message_of(DataError, open_source, f"wds:{server.url}{place}")

    assert refused("/none.tar").startswith(
        f"{server.url}/none.tar: cannot be read: there is nothing there (404)"
    )
    assert refused("/x*.tar") == f"{server.url}/x*.tar: no tar file matches."
    assert refused("/*/x*.tar") == f"{server.url}/*/x*.tar: only the last part of a pattern may hold * or [."
    assert refused("").startswith(f"wds:{server.url}: holds no files that end in .tar")
    write_tar(server.root / "a.tar", samples(range(3)))
    server.forbidden = ("a.tar",)
    assert "permission is denied" in refused("/a.tar")
    assert message_of(DataError, open_source, "wds:nosuch://h/a.tar").startswith(
        "nosuch://h/a.tar: cannot read nosuch:"
    )


def test_a_list_of_classes_that_is_forbidden_is_none(server):
    write_set(server.root)
    server.forbidden = ("classes.txt", "classnames.txt")
    assert open_source(f"wds:{server.url}").class_names == ("0", "1")


def test_secrets_of_an_address_are_in_no_name(server, tmp_path):
    write_tar(server.root / "all.tar", samples(range(100)))
    place = server.url.replace("http://", "http://me:hush@")
    source = open_source(f"wds:{place}/all.tar?token=hush?buffer=9")
    assert source.name == f"wds:{server.url}/all.tar?token=***?buffer=9"
    assert "hush" not in source.record("train", 0).name
    (server.root / "all.tar").unlink()
    assert "hush" not in message_of(DataError, open_source, f"wds:{place}/all.tar?token=hush")
    kept = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert kept
    assert not any(b"hush" in path.read_bytes() for path in kept)


def test_another_file_system(tmp_path, monkeypatch):
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "cache"))
    system = fsspec.filesystem("memory")
    system.store.clear()
    for path in write_set(tmp_path / "set").iterdir():
        system.pipe_file(f"/bucket/set/{path.name}", path.read_bytes())
    local = open_source(f"wds:{tmp_path / 'set'}")
    for place in ("memory://bucket/set", "memory://bucket/set/{train,val}-*.tar"):
        same(open_source(f"wds:{place}"), local)
    same(open_source(f"wds:file://{tmp_path / 'set'}"), local)
    system.store.clear()
