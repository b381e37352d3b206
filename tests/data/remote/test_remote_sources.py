"""Every kind of source at a remote place, by fsspec's file system in memory."""

import json
import os
from pathlib import Path

import pytest
from toys import files_below, message_of, write_image, write_split_folder

from remote.mirroring import (
    put,
    same,
    write_cifar,
    write_idx,
    write_npy,
    write_npz,
    write_pack,
    write_parquet,
    write_table,
)
from striate.data import open_source
from striate.data.remote import clear_mirrors, is_remote, list_mirrors
from striate.data.sources import KINDS, hub, parquet, table
from striate.data.sources.npz import StoredArrays
from striate.errors import ChangedError, DataError


@pytest.mark.parametrize(
    ("location", "remote"),
    [
        ("s3://bucket/a", True),
        ("https://host/x.csv", True),
        ("memory://a", True),
        ("/data/flowers", False),
        ("C://data", False),
        ("flowers", False),
        ("csv:s3://bucket/a", False),
    ],
    ids=["s3", "web", "memory", "path", "disk", "name", "kind"],
)
def test_what_is_remote(location, remote):
    assert is_remote(location) is remote


@pytest.mark.parametrize(
    "name", ["memory://sets/flowers", "folder:memory://sets/flowers/"], ids=["bare", "kind"]
)
def test_a_folder(tmp_path, memory, cache, name):
    write_split_folder(tmp_path / "f")
    put(memory, tmp_path / "f", "/sets/flowers")
    memory.pipe_file("/sets/flowers/notes.txt", b"no image")
    memory.pipe_file("/sets/flowers/train/cat/.hidden.png", b"no image")
    source = open_source(name)
    same(source, open_source(tmp_path / "f"))
    assert source.name == "folder:memory://sets/flowers"
    assert source.record("val", 0).name == "memory://sets/flowers/val/cat/0.png"
    assert Path(source.record("val", 0).data).is_relative_to(cache / "remote")
    assert len(memory.fetched) == 24
    assert not [name for name in files_below(cache) if "notes" in name or "hidden" in name or "part" in name]
    # Opened again by its own name, nothing is fetched again.
    same(open_source(source.name), source)
    assert len(memory.fetched) == 24


def test_only_what_changed_is_fetched_again_and_what_went_goes(tmp_path, memory):
    write_split_folder(tmp_path / "f")
    put(memory, tmp_path / "f", "/flowers")
    before = open_source("memory://flowers")
    write_image(tmp_path / "f/train/cat/0.png", 900)
    (tmp_path / "f/train/dog/1.png").unlink()
    write_image(tmp_path / "f/train/dog/new.png", 901)
    memory.pipe_file("/flowers/train/cat/0.png", (tmp_path / "f/train/cat/0.png").read_bytes())
    memory.rm_file("/flowers/train/dog/1.png")
    memory.pipe_file("/flowers/train/dog/new.png", (tmp_path / "f/train/dog/new.png").read_bytes())
    memory.fetched.clear()
    after = open_source("memory://flowers")
    assert sorted(memory.fetched) == ["/flowers/train/cat/0.png", "/flowers/train/dog/new.png"]
    same(after, open_source(tmp_path / "f"))
    assert after.fingerprint != before.fingerprint


def test_what_was_changed_here_is_fetched_again(tmp_path, memory):
    write_split_folder(tmp_path / "f")
    put(memory, tmp_path / "f", "/flowers")
    source = open_source("memory://flowers")
    source.record("train", 0).data.write_bytes(b"spoilt")
    source.record("train", 1).data.unlink()
    memory.fetched.clear()
    same(open_source("memory://flowers"), open_source(tmp_path / "f"))
    assert len(memory.fetched) == 2


@pytest.mark.parametrize(
    ("write", "kind", "inside", "fetched"),
    [
        (write_idx, "idx", "", 4),
        (write_npz, "npz", "/a.npz", 1),
        (write_npz, "", "/a.npz", 1),
        (write_npy, "npy", "?layout=NHWC", 2),
        (write_cifar, "cifar10", "", 7),
        (write_parquet, "parquet", "?label=kind", 2),
        (write_parquet, "", "/train-00000-of-00001.parquet?label=kind", 1),
        (write_pack, "pack", "/a.pack", 1),
    ],
    ids=["idx", "npz", "npz-bare", "npy", "cifar10", "parquet-folder", "parquet-file", "pack"],
)
def test_every_kind(tmp_path, memory, write, kind, inside, fetched):
    write(tmp_path / "set")
    put(memory, tmp_path / "set", "/bucket/set")
    prefix = f"{kind}:" if kind else ""
    source = open_source(f"{prefix}memory://bucket/set{inside}")
    known = kind or inside.partition("?")[0].rpartition(".")[2]
    same(source, open_source(f"{known}:{tmp_path / 'set'}{inside}"))
    assert source.name == f"{known}:memory://bucket/set{inside}"
    assert len(memory.fetched) == fetched
    same(open_source(source.name), source)
    assert len(memory.fetched) == fetched


def test_the_options_of_kinds_are_those_that_they_take():
    usual = {"csv": table.OPTIONS, "jsonl": table.OPTIONS, "parquet": parquet.__globals__["_ROLES"]}
    for name, roles in usual.items():
        assert set(KINDS[name].options) == set(roles)
    for name, kind in KINDS.items():
        assert kind.location not in ("DIR", "FILE") or kind.files or kind.location == "FILE", name
    assert KINDS["hf"].open is hub


def test_a_table_brings_the_files_that_it_names(tmp_path, memory):
    write_table(tmp_path / "t")
    put(memory, tmp_path / "t", "/bucket/t")
    for number in range(50):
        memory.pipe_file(f"/bucket/t/images/cat/more{number}.png", b"in no row")
    memory.pipe_file("/bucket/other.png", b"in no row")
    source = open_source("memory://bucket/t/list.csv")
    same(source, open_source(tmp_path / "t/list.csv"))
    assert source.name == "csv:memory://bucket/t/list.csv"
    assert source.record("train", 0).name.startswith("memory://bucket/t/images/")
    assert len(memory.fetched) == 61
    same(open_source(source.name), source)
    assert len(memory.fetched) == 61


def test_a_table_of_json_with_options(tmp_path, memory):
    write_table(tmp_path / "t")
    rows = [line.split(",") for line in (tmp_path / "t/list.csv").read_text().splitlines()[1:]]
    text = "".join(json.dumps({"photo": path, "label": label}) + "\n" for path, label in rows[:40])
    (tmp_path / "t/list.jsonl").write_text(text)
    put(memory, tmp_path / "t", "/t")
    source = open_source("jsonl:memory://t/list.jsonl?path=photo")
    same(source, open_source(f"jsonl:{tmp_path / 't/list.jsonl'}?path=photo"))
    assert source.name == "jsonl:memory://t/list.jsonl?path=photo"
    assert len(memory.fetched) == 41


def test_a_row_without_its_file_is_told_when_it_is_asked_for(tmp_path, memory):
    write_table(tmp_path / "t", "images/cat/lost.png,cat", "images/gone/lost.png,dog")
    put(memory, tmp_path / "t", "/t")
    source = open_source("memory://t/list.csv")
    messages = []
    for split, targets in source.targets.items():
        for i in range(len(targets)):
            try:
                source.image(split, i)
            except DataError as error:
                messages.append(str(error))
    assert sorted(messages) == [
        "memory://t/images/cat/lost.png: no such file.",
        "memory://t/images/gone/lost.png: no such file.",
    ]


def test_a_bad_row_is_told_by_its_remote_name(tmp_path, memory):
    write_table(tmp_path / "t", "../../../etc/passwd,cat")
    put(memory, tmp_path / "t", "/t")
    text = message_of(DataError, open_source, "memory://t/list.csv")
    assert text.startswith(
        "memory://t/list.csv line 62: the path '../../../etc/passwd' leads out of the table's folder, memory://t."
    )
    assert memory.fetched == ["/t/list.csv"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("memory://nothing", "memory://nothing: there is nothing there; check the address."),
        ("memory://t/nothing.csv", "memory://t/nothing.csv: there is nothing there; check the address."),
        ("memory://", "'memory://' names no place; write scheme://host/path, such as s3://bucket/flowers."),
        ("npz:memory://t", "npz:memory://t: is a folder; name a file."),
        ("idx:memory://t/list.csv", "memory://t/list.csv: is a file, not a folder."),
        (
            "idx:memory://t",
            "memory://t: holds no files that idx: reads; name another folder, or another kind.",
        ),
        (
            "xyz://bucket/a",
            "xyz://bucket/a: cannot read xyz:// (Protocol not known: xyz). Striate reads what fsspec does: "
            "pip install 'striate[remote]' for http(s)://, s3fs for s3://, gcsfs for gs://.",
        ),
        (
            "csv:memory://t/list.csv?path=a&lable=b",
            "csv:memory://t/list.csv?path=a&lable=b: unknown option 'lable'. Did you mean 'label'?",
        ),
        (
            "zip://a.csv::memory://t/a.zip",
            "zip://a.csv::memory://t/a.zip: one place within another ('::') is not read; name the files themselves.",
        ),
    ],
    ids=["folder", "file", "empty", "npz", "idx-file", "idx-none", "scheme", "option", "chain"],
)
def test_messages(tmp_path, memory, cache, name, message):
    write_table(tmp_path / "t")
    put(memory, tmp_path / "t", "/t")
    assert message_of(DataError, open_source, name).startswith(message)
    assert list_mirrors() == []
    assert memory.fetched == []


def test_a_path_of_this_machine_written_as_a_url(tmp_path):
    write_split_folder(tmp_path / "f")
    for name in (f"file://{tmp_path / 'f'}", f"folder:file://{tmp_path / 'f'}"):
        assert open_source(name).name == f"folder:{tmp_path / 'f'}"


def test_mirrors_are_listed_and_cleared(tmp_path, memory, cache):
    write_split_folder(tmp_path / "f")
    put(memory, tmp_path / "f", "/flowers")
    assert list_mirrors() == []
    open_source("memory://flowers")
    (entry,) = list_mirrors()
    total = sum(p.stat().st_size for p in (tmp_path / "f").rglob("*.png"))
    assert (entry.source, entry.count, entry.bytes) == ("memory://flowers", 24, total)
    assert clear_mirrors() == (1, total)
    assert not list((cache / "remote").iterdir())


def test_a_record_that_is_damaged_says_nothing(tmp_path, memory, cache):
    write_split_folder(tmp_path / "f")
    put(memory, tmp_path / "f", "/flowers")
    open_source("memory://flowers")
    (record,) = cache.glob("remote/*/record.json")
    for text in ("", "[]", '{"schema": 1}', '{"schema": 1, "files": {"a": 3}}', "\xff"):
        record.write_text(text)
        memory.fetched.clear()
        same(open_source("memory://flowers"), open_source(tmp_path / "f"))
        assert len(memory.fetched) == 24


def test_a_file_that_has_become_a_folder(tmp_path, memory):
    write_split_folder(tmp_path / "f")
    put(memory, tmp_path / "f", "/flowers")
    open_source("memory://flowers")
    for path, inside in (
        (tmp_path / "f/train/cat/0.png", "a.png"),
        (tmp_path / "f/val/cat/1.png", "deep/b.png"),
    ):
        content = path.read_bytes()
        memory.rm_file(f"/flowers/{path.relative_to(tmp_path / 'f')}")
        path.unlink()
        (path / inside).parent.mkdir(parents=True)
        (path / inside).write_bytes(content)
    put(memory, tmp_path / "f", "/flowers")
    same(open_source("memory://flowers"), open_source(tmp_path / "f"))


def test_a_copy_that_is_cut_short_meanwhile_is_told_by_its_remote_name(tmp_path, memory):
    write_npy(tmp_path / "set")
    put(memory, tmp_path / "set", "/set")
    source = open_source("npy:memory://set?layout=NHWC")
    (copy,) = Path(os.environ["STRIATE_CACHE"]).glob("remote/*/files/images.npy")
    os.truncate(copy, 500)
    text = message_of(DataError, source.record, "train", 0)
    assert text.startswith("memory://set/images.npy: has been cut short since it was opened;")


def test_an_image_that_has_changed_meanwhile_is_told_as_such(tmp_path, memory, monkeypatch):
    write_npy(tmp_path / "set")
    put(memory, tmp_path / "set", "/set")
    source = open_source("npy:memory://set?layout=NHWC")
    (copy,) = Path(os.environ["STRIATE_CACHE"]).glob("remote/*/files")

    def changed(self, split, index):
        raise ChangedError(f"{copy}/images.npy: has changed.")

    monkeypatch.setattr(StoredArrays, "record", changed)
    text = message_of(ChangedError, source.record, "train", 0)
    assert text == "memory://set/images.npy: has changed."
