"""What is refused of a remote place: names that lead out, too much, no room, what changes while it is fetched."""

import contextlib
import os
import shutil
import threading
import time
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import given
from hypothesis import strategies as st
from toys import message_of, write_split_folder

from remote.mirroring import put, same, write_npz
from striate.data import open_source
from striate.data.remote.places import Place
from striate.data.remote.transfer import Budget, bring
from striate.data.remote.tree import Entry
from striate.errors import DataError


def hostile(monkeypatch, infos):
    """Let a listing of ``memory://set`` say what it likes."""
    ls = MemoryFileSystem.ls

    def lied(self, path, detail=True, **more):
        return infos if path.strip("/") == "set" else ls(self, path, detail=detail, **more)

    monkeypatch.setattr(MemoryFileSystem, "ls", lied)


def file_info(name, **more):
    return {"name": name, "size": 3, "type": "file", "created": 1.0} | more


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (["/set/../../evil/x.png"], "leads out of its folder"),
        (["/set//etc/x.png"], "is an absolute path"),
        (["/set/cat/a\x1b[31m.png"], "has characters that do not print"),
        (["/set/cat/a\n.png"], "has characters that do not print"),
        (["/set/cat/a\udcff.png"], "has characters that do not print"),
        (["/set/cat\\..\\x.png/a.png"], "has a character that is not allowed in a name"),
        (["/set/cat/" + "a" * 300 + ".png"], "has a name that is too long"),
        (["/set/cat//a.png"], "has an empty part"),
        (["/set/cat/./a.png"], "has an empty part"),
        (["/set/cat/a.png", "/set/cat/A.png"], "are one name on many disks"),
        (["/set/cat/\u00e9.png", "/set/cat/e\u0301.png"], "are one name on many disks"),
        (["/set/cat/a.png", "/set/cat/a.png/b.png"], "is a file and a folder"),
        (["/set/cat/a.png", "/set/cat/a.png/b/c.png"], "is a file and a folder"),
        (["/elsewhere/../../evil.png"], "is an absolute path"),
    ],
    ids=[
        *("up", "absolute", "escape", "newline", "surrogate", "backslash", "long", "empty", "dot"),
        *("case", "unicode", "file-folder", "file-above", "elsewhere"),
    ],
)
def test_a_hostile_listing_is_refused(memory, monkeypatch, cache, names, problem):
    hostile(monkeypatch, [file_info(name) for name in names])
    text = message_of(DataError, open_source, "memory://set")
    assert text.startswith("memory://set: ")
    assert problem in text
    assert text.isprintable()
    assert memory.fetched == []
    assert not (cache.parent / "evil").exists()


def test_links_and_other_things_are_left_out(tmp_path, memory, monkeypatch):
    write_split_folder(tmp_path / "f")
    put(memory, tmp_path / "f", "/set")
    infos = memory.ls("/set/train/cat")
    ls = MemoryFileSystem.ls
    lies = [
        *infos,
        file_info("/set/train/cat/link.png", islink=True),
        file_info("/set/train/cat/l.png", type="link"),
        file_info("/set/train/cat/pipe.png", type="other"),
        file_info("/set/train/cat", size=0),  # an object for the folder itself
    ]
    monkeypatch.setattr(
        MemoryFileSystem,
        "ls",
        lambda self, path, detail=True: lies if path.endswith("train/cat") else ls(self, path, detail=detail),
    )
    same(open_source("memory://set"), open_source(tmp_path / "f"))


def test_folders_without_end_are_refused(memory, monkeypatch):
    monkeypatch.setattr(
        MemoryFileSystem,
        "ls",
        lambda self, path, detail=True: [{"name": f"{path}/a", "size": 0, "type": "directory"}],
    )
    text = message_of(DataError, open_source, "memory://set")
    assert text == "memory://set: has folders more than 20 deep; name a folder within it."


@given(st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=5))
def test_no_name_of_a_listing_leads_out(names):
    infos = [file_info(f"/set/{name}.png") for name in names]
    before = set(fsspec.filesystem("memory").store)
    with pytest.MonkeyPatch.context() as patch:
        hostile(patch, infos)
        outside = set(Path(os.environ["STRIATE_CACHE"]).parent.iterdir())
        with pytest.raises(DataError) as caught:
            open_source("memory://set")
        assert str(caught.value)
        assert set(Path(os.environ["STRIATE_CACHE"]).parent.iterdir()) <= outside | {
            Path(os.environ["STRIATE_CACHE"])
        }
    assert set(fsspec.filesystem("memory").store) == before


def test_the_limit(tmp_path, memory, monkeypatch):
    write_split_folder(tmp_path / "f")
    put(memory, tmp_path / "f", "/flowers")
    total = sum(p.stat().st_size for p in (tmp_path / "f").rglob("*.png"))
    monkeypatch.setenv("STRIATE_REMOTE_LIMIT", str(total - 1))
    assert message_of(DataError, open_source, "memory://flowers") == (
        "memory://flowers: 24 files of 0.0 MB are wanted; at most 0.0 MB are fetched. Name a part of it, or raise the "
        "limit by the environment variable STRIATE_REMOTE_LIMIT, such as STRIATE_REMOTE_LIMIT=1GB."
    )
    assert memory.fetched == []
    for said in (str(total), "1GB", "0.5 mb", "1TB"):
        monkeypatch.setenv("STRIATE_REMOTE_LIMIT", said)
        open_source("memory://flowers")
    monkeypatch.setenv("STRIATE_REMOTE_LIMIT", "plenty")
    assert message_of(DataError, open_source, "memory://flowers") == (
        "STRIATE_REMOTE_LIMIT='plenty': must be a size, such as 200GB, 500MB or a number of bytes."
    )


def test_a_full_disk_is_told_before(tmp_path, memory, monkeypatch):
    write_split_folder(tmp_path / "f")
    put(memory, tmp_path / "f", "/flowers")
    usage = shutil.disk_usage(tmp_path)._replace(free=100)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    text = message_of(DataError, open_source, "memory://flowers")
    assert text.startswith("memory://flowers: 0.0 MB are to be fetched into ")
    assert text.endswith("where 0.0 MB are free. Free some, or name another folder by STRIATE_CACHE=DIR.")
    assert memory.fetched == []


def test_without_a_cache_there_is_no_place(memory, monkeypatch):
    monkeypatch.setenv("STRIATE_CACHE", "off")
    assert message_of(DataError, open_source, "memory://flowers") == (
        "memory://flowers: is copied to this machine before it is read, and STRIATE_CACHE=off keeps nothing; name a "
        "folder, STRIATE_CACHE=DIR."
    )


def test_a_cache_that_may_not_be_made(tmp_path, memory, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "file"))
    text = message_of(DataError, open_source, "memory://flowers")
    assert text.startswith("memory://flowers: its copy cannot be written, ")
    assert text.endswith("Name another folder by STRIATE_CACHE=DIR.")


def test_a_file_that_goes_between_listing_and_fetching(tmp_path, memory, monkeypatch):
    write_split_folder(tmp_path / "f")
    put(memory, tmp_path / "f", "/flowers")
    get = MemoryFileSystem.get_file

    def gone(self, path, *arguments, **more):
        if path.endswith("train/dog/1.png"):
            raise FileNotFoundError(path)
        return get(self, path, *arguments, **more)

    monkeypatch.setattr(MemoryFileSystem, "get_file", gone)
    assert message_of(DataError, open_source, "memory://flowers") == (
        "memory://flowers: 'train/dog/1.png' cannot be fetched: there is nothing there; check the address. What has "
        "come is kept; do the same again."
    )


def test_a_file_that_grows_meanwhile(tmp_path, memory, monkeypatch):
    write_npz(tmp_path / "set")
    put(memory, tmp_path / "set", "/set")
    info = MemoryFileSystem.info
    monkeypatch.setattr(MemoryFileSystem, "info", lambda self, path, **more: {**info(self, path), "size": 10})
    assert message_of(DataError, open_source, "memory://set/a.npz") == (
        "memory://set/a.npz: 'a.npz' cannot be fetched: more than its 10 bytes come; it changes. What has come is "
        "kept; do the same again."
    )


class Silent:
    """A file system that tells nothing of what comes, as that of SFTP."""

    def get_file(self, path, local, callback):
        Path(local).write_bytes(bytes(60))


@pytest.mark.parametrize(("most", "files"), [(59, 0), (119, 1), (180, 3)])
def test_what_comes_untold_is_bounded_too(tmp_path, most, files):
    budget = Budget(most, DataError("holds too much."))
    brought = 0
    with contextlib.suppress(DataError):
        for number in range(3):
            entry = Entry(f"/set/{number}", None, "")
            part, target = tmp_path / "part", tmp_path / "files" / str(number)
            bring(Silent(), entry, Place("sftp://host/set"), str(number), part, target, budget)
            brought += 1
    assert brought == files


def test_what_is_told_is_counted_once(tmp_path, memory):
    memory.pipe_file("/set/a", bytes(60))
    budget = Budget(60, DataError("holds too much."))
    entry, place = Entry("/set/a", None, ""), Place("memory://set")
    bring(memory, entry, place, "a", tmp_path / "part", tmp_path / "a", budget)
    assert (tmp_path / "a").stat().st_size == 60


class ClientError(Exception):
    """As botocore calls its own."""


class NoCredentialsError(Exception):
    """Likewise."""


class NoSuchBucket(Exception):
    """Likewise."""


def caused(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            caused(PermissionError("Forbidden"), ClientError("An error occurred (403)")),
            "permission is denied (ClientError: An error occurred (403)); give the credentials as the tools of that "
            "service take them, from the environment or their own files",
        ),
        (
            NoCredentialsError("Unable to locate credentials"),
            "permission is denied (NoCredentialsError: Unable to locate credentials); give the credentials as the "
            "tools of that service take them, from the environment or their own files",
        ),
        (NoSuchBucket("The bucket does not exist"), "there is nothing there; check the address"),
        (
            caused(FileNotFoundError("The bucket does not exist"), ClientError("404")),
            "there is nothing there; check the address",
        ),
        (TimeoutError(), "it cannot be reached (TimeoutError)"),
        (
            ConnectionResetError(104, "Connection reset by\x1b peer\nagain"),
            "it cannot be reached (ConnectionResetError: Connection reset by\\x1b peer)",
        ),
    ],
    ids=["forbidden", "credentials", "bucket", "key", "timeout", "reset"],
)
def test_what_other_libraries_say(memory, monkeypatch, error, said):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(MemoryFileSystem, "ls", fail)
    assert message_of(DataError, open_source, "memory://flowers") == f"memory://flowers: {said}."


def test_the_rest_is_given_up_when_one_fails(memory, monkeypatch):
    for number in range(2):  # no more, lest another fails first
        memory.pipe_file(f"/flowers/cat/{number}.png", b"image")
    monkeypatch.setattr(MemoryFileSystem, "async_impl", True)  # so that both are asked for at once
    begun = threading.Barrier(2, timeout=60)
    ended = []

    def get(self, path, _, callback, **__):
        begun.wait()
        if path.endswith("0.png"):
            raise PermissionError(path)
        ended.append(path)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            callback.relative_update(0)  # raises, once nobody wants it any more
            time.sleep(0.001)
        ended.append("late")

    monkeypatch.setattr(MemoryFileSystem, "get_file", get)
    text = message_of(DataError, open_source, "memory://flowers")
    assert "cannot be fetched: permission is denied" in text
    assert ended == ["/flowers/cat/1.png"]
