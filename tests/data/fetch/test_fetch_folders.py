"""What is left behind: a full disk, a folder that may not be written, two fetches at once, damage."""

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from archives import tar
from loopback import contents, entry, serve

from striate.data.fetch import AlreadyThere, Fetched, Troubled
from striate.errors import DataError

DATA = bytes(range(256)) * 2000
ARCHIVE = tar(("toy/cat/1.png", b"one" * 1000), ("toy/dog/2.png", b"two"))


@pytest.fixture
def toy(server):
    server.files |= {"a.bin": DATA, "b.bin": DATA[:1000]}
    return entry("toy", {"a.bin": DATA, "b.bin": DATA[:1000]}, server.url)


@pytest.fixture
def packed(server):
    server.files["toy.tar.gz"] = ARCHIVE
    return entry("toy", {"toy.tar.gz": ARCHIVE}, server.url, unpack="tar")


class _Full:
    """A file on a disk that has room for ``left`` bytes more, over all such files."""

    left = 0

    def __init__(self, file):
        self._file = file

    def write(self, data):
        if len(data) > _Full.left:
            raise OSError(errno.ENOSPC, "No space left on device")
        _Full.left -= len(data)
        return self._file.write(data)

    def __getattr__(self, name):
        return getattr(self._file, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()


@pytest.fixture
def disk(monkeypatch):
    """Return a function that leaves room for so many bytes on the disk; None: enough."""
    opened = Path.open

    def leave(left):
        _Full.left = left

        def full(self, mode="r", *arguments, **more):
            file = opened(self, mode, *arguments, **more)
            return _Full(file) if mode in ("ab", "xb") else file

        monkeypatch.setattr(Path, "open", opened if left is None else full)

    return leave


def test_a_disk_that_fills_while_downloading(server, toy, bring, disk, tmp_path):
    server.script["a.bin"] = [serve(cut=100_000)]
    disk(300_000)
    with pytest.raises(DataError) as error:
        bring(toy)
    data = tmp_path / "data"
    assert str(error.value) == (
        f"{data}: the disk is full (No space left on device). Free some, or name another folder with --to DIR. "
        f"What has come is kept in {data}/toy.part; run it again to go on."
    )
    part = contents(data)["toy.part/a.bin.part"]
    assert len(part) >= 100_000
    assert part == DATA[: len(part)]
    disk(None)
    assert contents(bring(toy))["a.bin"] == DATA
    assert bring.told[-1].received == len(DATA) + 1000 - len(part)


def test_a_disk_that_fills_while_unpacking(packed, bring, disk, tmp_path):
    disk(len(ARCHIVE) + 100)
    with pytest.raises(DataError, match=r"the disk is full .* is kept in .*toy\.part; run it again to go on"):
        bring(packed)
    assert contents(tmp_path / "data") == {"toy.part/toy.tar.gz": ARCHIVE}
    disk(None)
    assert contents(bring(packed))["toy/dog/2.png"] == b"two"
    assert bring.told[-1].received == 0


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit")
def test_a_limit_of_the_system_on_sizes(server, toy, tmp_path):
    program = f"""
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from striate.data.fetch import DataSet, RemoteFile, fetch
catalog = sys.modules["striate.data.fetch.catalog"]
from pathlib import Path
catalog.CATALOG = {{"toy": DataSet(name="toy", title="", licence="", homepage="", kind="folder", files=(
    RemoteFile(name="a.bin", size={len(DATA)}, sha256="0" * 64, places=({server.url!r},)),))}}
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    fetch("toy", {str(tmp_path)!r})
except ValueError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout == (
        f"{tmp_path}: the disk is full (File too large). Free some, or name another folder with --to DIR. "
        f"What has come is kept in {tmp_path}/toy.part; run it again to go on.\n"
    )
    assert contents(tmp_path)["toy.part/a.bin.part"] == DATA[:100_000]


def test_too_little_room_is_told_before_anything_is_asked(server, packed, bring, monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))
    with pytest.raises(DataError, match=r"toy needs about 0 MB more in .*, which has 0 MB free"):
        bring(packed)
    assert server.asked == []
    assert list((tmp_path / "data").iterdir()) == []


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(server, toy, bring, tmp_path):
    (tmp_path / "data").mkdir(mode=0o500)
    with pytest.raises(DataError, match="may not be written"):
        bring(toy)


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_permission_denied(server, toy, bring, monkeypatch, tmp_path, code):
    made = Path.mkdir

    def mkdir(self, *arguments, **more):
        if self.name == "toy.part":
            raise OSError(code, os.strerror(code), str(self))
        made(self, *arguments, **more)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    with pytest.raises(DataError) as error:
        bring(toy)
    assert str(error.value) == (
        f"{tmp_path}/data/toy.part: may not be written ({os.strerror(code)}). Name another folder with --to DIR."
    )
    assert server.asked == []
    assert list((tmp_path / "data").iterdir()) == []


def test_a_file_where_the_folder_should_be(server, toy, bring, tmp_path):
    (tmp_path / "data").write_text("mine")
    with pytest.raises(DataError, match=r"data: File exists\."):
        bring(toy)
    assert (tmp_path / "data").read_text() == "mine"


def test_two_fetches_at_once(server, toy, bring, tmp_path):
    lock = sys.modules["striate.data.fetch.lock"]
    (tmp_path / "data").mkdir()
    with lock.locked(tmp_path / "data" / ".toy.lock"), pytest.raises(DataError) as error:
        bring(toy)
    assert str(error.value) == (
        f"another striate is fetching toy into {tmp_path}/data right now; wait until it has ended."
    )
    assert server.asked == []
    bring(toy)
    assert [p.name for p in (tmp_path / "data").iterdir()] == ["toy"]


def test_a_lock_that_a_dead_process_left(toy, bring, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / ".toy.lock").touch()
    bring(toy)
    assert [p.name for p in (tmp_path / "data").iterdir()] == ["toy"]


def test_a_folder_of_someone_else_is_left_alone(server, packed, bring, tmp_path):
    mine = tmp_path / "data" / "toy" / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(DataError) as error:
        bring(packed)
    assert str(error.value) == (
        f"{tmp_path}/data/toy: was not made by striate data fetch (it has no striate-fetch.json). "
        "Move it away, or name another folder with --to DIR."
    )
    assert contents(tmp_path / "data") == {"toy/mine.txt": b"mine"}
    assert server.asked == []


def test_an_empty_folder_is_no_obstacle(packed, bring, tmp_path):
    (tmp_path / "data" / "toy").mkdir(parents=True)
    assert contents(bring(packed))["toy/dog/2.png"] == b"two"


def test_files_put_there_by_hand(server, toy, bring, tmp_path):
    folder = tmp_path / "data" / "toy"
    folder.mkdir(parents=True)
    (folder / "a.bin").write_bytes(DATA)
    (folder / "b.bin").write_bytes(DATA[:1000])
    assert bring(toy) == folder
    assert bring.told == [AlreadyThere(folder=folder, files=2)]
    (folder / "b.bin").write_bytes(b"other")
    (folder / "a.bin").unlink()
    with pytest.raises(DataError) as error:
        bring(toy)
    assert str(error.value) == (
        f"{folder}: a.bin missing and b.bin changed since it was fetched. Move the folder away and fetch again."
    )
    assert server.asked == []


def test_an_archive_put_there_by_hand(server, packed, bring, tmp_path):
    stage = tmp_path / "data" / "toy.part"
    stage.mkdir(parents=True)
    (stage / "toy.tar.gz").write_bytes(ARCHIVE)
    assert contents(bring(packed))["toy/dog/2.png"] == b"two"
    assert bring.told[-1] == Fetched(folder=tmp_path / "data" / "toy", received=0)
    assert server.asked == []


def test_a_false_archive_put_there_by_hand_is_fetched_again(packed, bring, tmp_path):
    stage = tmp_path / "data" / "toy.part"
    stage.mkdir(parents=True)
    (stage / "toy.tar.gz").write_bytes(b"false")
    assert contents(bring(packed))["toy/dog/2.png"] == b"two"
    assert bring.told[0].then == "it is thrown away and fetched again"


@pytest.mark.parametrize("left", [DATA[:5000], DATA + b"more", bytes(len(DATA)), bytes(5000), b""])
def test_whatever_part_was_left_the_file_is_true(toy, bring, tmp_path, left):
    stage = tmp_path / "data" / "toy.part"
    stage.mkdir(parents=True)
    (stage / "a.bin.part").write_bytes(left)
    (stage / "a.bin.part.from").write_text("no json")
    assert contents(bring(toy))["a.bin"] == DATA


@pytest.mark.parametrize("tag", ['x"\r\nEvil: 1', 7, None, "é"])
def test_a_tag_that_would_break_a_header_stays_out(server, toy, bring, tmp_path, tag):
    stage = tmp_path / "data" / "toy.part"
    stage.mkdir(parents=True)
    (stage / "a.bin.part").write_bytes(DATA[:5000])
    (stage / "a.bin.part.from").write_text(json.dumps({"url": f"{server.url}/a.bin", "etag": tag}))
    assert contents(bring(toy))["a.bin"] == DATA
    assert not any(isinstance(event, Troubled) for event in bring.told)
    assert all("Evil" not in headers and "If-Range" not in headers for _, headers in server.asked)


def test_a_death_while_building_costs_no_download(server, bring, tmp_path):
    """Files moved into the tree, archives half unpacked: the next fetch begins the building anew."""
    stage = tmp_path / "data" / "toy.part"
    (stage / "whole" / "toy").mkdir(parents=True)
    (stage / "whole" / "a.bin").write_bytes(DATA)
    (stage / "whole" / "toy" / "half.png").write_bytes(b"ha")
    dataset = entry("toy", {"a.bin": DATA}, server.url)
    folder = bring(dataset)
    assert sorted(contents(folder)) == ["a.bin", "striate-fetch.json"]
    assert server.asked == []
