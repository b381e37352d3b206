"""The cache: what was decoded before is taken as it was, and anything odd about it makes it anew, silently."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from shard_files import write_set
from toys import files_below, message_of, toy_source, write_image, write_split_folder

from striate.data import FolderSource, Record, load_split, open_source
from striate.data.pack import cache
from striate.data.pack.cache import cache_folder, cached, clear_cache, list_cache
from striate.data.pack.reader import PackSource
from striate.errors import ChangedError, DataError

SHAPE = (3, 6, 5)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "LEAST_IMAGES", 20)
    return tmp_path / "cache"


@pytest.fixture
def root(tmp_path):
    return write_split_folder(tmp_path / "set", splits=("train", "val"), each=10)


class Mine(FolderSource):
    """A source that says nothing of what its files were when it was opened, and cannot be opened by name."""

    def __init__(self, root):
        super().__init__(root)
        self.name = "mine"

    def record(self, split, index):
        return dataclasses.replace(super().record(split, index), digest=None)


def decodes(monkeypatch):
    """Return a list that grows by one with every image file that is opened."""
    opened = []
    plain = Record.pixels
    monkeypatch.setattr(Record, "pixels", lambda *given: (opened.append(1), plain(*given))[1])
    return opened


def test_the_second_time_nothing_is_decoded(folder, root, monkeypatch):
    opened = decodes(monkeypatch)
    first = load_split(FolderSource(root), "train", SHAPE)
    assert len(opened) == 20
    (entry,) = list_cache()
    second = load_split(FolderSource(root), "train", SHAPE)
    assert len(opened) == 20
    assert torch.equal(first.images, second.images)
    assert torch.equal(first.targets, second.targets)
    assert second.skipped == ()
    assert (entry.source, entry.split, entry.shape, entry.count) == (f"folder:{root}", "train", SHAPE, 20)
    assert entry.bytes == entry.path.stat().st_size
    assert entry.path.parent == folder
    load_split(FolderSource(root), "train", (3, 5, 6))
    load_split(FolderSource(root), "val", SHAPE)
    assert len(opened) == 60
    assert len(list_cache()) == 3
    assert not [name for name in files_below(folder) if name.endswith(".part")]


def test_it_holds_exactly_what_is_not_cached(folder, root, monkeypatch):
    write_image(root / "train" / "cat" / "large.jpg", 5, (300, 200))
    load_split(FolderSource(root), "train", SHAPE)
    images = cached(FolderSource(root), "train", SHAPE)
    monkeypatch.setenv("STRIATE_CACHE", "off")
    assert cache_folder() is None
    assert np.array_equal(load_split(FolderSource(root), "train", SHAPE).images.numpy(), images)


def test_another_content_or_order_is_another_entry(folder, root):
    load_split(FolderSource(root), "train", SHAPE)
    assert cached(FolderSource(root), "train", SHAPE) is not None
    before = FolderSource(root).fingerprint
    (root / "train" / "cat" / "0.png").rename(root / "train" / "cat" / "last.png")
    assert FolderSource(root).fingerprint == before
    assert cached(FolderSource(root), "train", SHAPE) is None
    (root / "train" / "cat" / "last.png").rename(root / "train" / "cat" / "0.png")
    assert cached(FolderSource(root), "train", SHAPE) is not None
    write_image(root / "train" / "cat" / "0.png", 12345)
    assert cached(FolderSource(root), "train", SHAPE) is None


def test_a_limit_of_pixels_holds_for_what_is_cached(folder, root, monkeypatch):
    load_split(FolderSource(root), "train", SHAPE)
    monkeypatch.setenv("STRIATE_MAX_PIXELS", "10")
    assert "20 of 20 images" in message_of(DataError, load_split, FolderSource(root), "train", SHAPE)


def test_what_is_not_cached(folder, root, monkeypatch):
    load_split(toy_source(train=100), "train", (1, 4, 4))  # held in memory
    (root / "val" / "dog" / "bad.png").write_text("no image")
    load_split(FolderSource(root), "val", SHAPE, skip_bad_images=True)  # not whole
    monkeypatch.setattr(cache, "LEAST_IMAGES", 21)
    load_split(FolderSource(root), "train", SHAPE)  # few
    monkeypatch.setattr(cache, "LEAST_IMAGES", 20)
    monkeypatch.setattr(cache, "MOST_BYTES", 20 * 90 - 1)
    load_split(FolderSource(root), "train", SHAPE)  # large
    monkeypatch.setattr(cache, "MOST_BYTES", 20 * 90)
    source = FolderSource(root)
    write_image(root / "train" / "cat" / "0.png", 12345)
    message_of(ChangedError, load_split, source, "train", SHAPE)  # changed since it was opened
    load_split(Mine(root), "train", SHAPE)  # not known to be unchanged
    assert list_cache() == []
    load_split(FolderSource(root), "train", SHAPE)
    assert len(list_cache()) == 1


def test_a_streamed_split_is_not_read_to_ask_for_its_entry(folder, tmp_path, monkeypatch):
    source = open_source(f"wds:{write_set(tmp_path / 'shards', train=(30,))}")
    asked = []
    monkeypatch.setattr(type(source), "record", lambda *given: asked.append(given))
    assert cached(source, "train", SHAPE) is None
    assert asked == []


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "foreign", "of another"])
def test_a_broken_entry_is_made_anew(folder, root, damage, monkeypatch):
    whole = load_split(FolderSource(root), "train", SHAPE).images
    (entry,) = list_cache()
    values = entry.path.read_bytes()
    if damage == "of another":
        load_split(FolderSource(root), "train", (3, 5, 6))
        (other,) = (e for e in list_cache() if e.path != entry.path)
        other.path.replace(entry.path)
    else:
        entry.path.write_bytes(
            {
                "cut": values[:-1],
                "flipped": values[:5000] + bytes([values[5000] ^ 1]) + values[5001:],
                "empty": b"",
                "foreign": b"no pack at all",
            }[damage]
        )
    opened = decodes(monkeypatch)
    assert torch.equal(load_split(FolderSource(root), "train", SHAPE).images, whole)
    assert len(opened) == 20
    assert torch.equal(load_split(FolderSource(root), "train", SHAPE).images, whole)
    assert len(opened) == 20
    assert entry.path.read_bytes() == values


def test_a_folder_that_cannot_be_written_is_no_error(root, tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "LEAST_IMAGES", 20)
    (tmp_path / "file").write_text("in the way")
    for name in (str(tmp_path / "file"), str(tmp_path / "file" / "below"), "/proc/none"):
        monkeypatch.setenv("STRIATE_CACHE", name)
        assert len(load_split(FolderSource(root), "train", SHAPE)) == 20
        assert list_cache() == []
        assert clear_cache() == (0, 0)


def test_the_longest_unused_go_first(folder, root, monkeypatch):
    shapes = [(3, 6, 5), (3, 5, 6), (1, 9, 10), (1, 10, 9)]
    monkeypatch.setattr(cache, "MOST_BYTES_IN_ALL", 40_000)  # an entry takes about 11,000
    for age, shape in enumerate(shapes[:3]):
        load_split(FolderSource(root), "train", shape)
        (new,) = (e for e in list_cache() if e.shape == shape)
        os.utime(new.path, (1000 + age, 1000 + age))
    assert [e.shape for e in list_cache()] == shapes[2::-1]
    load_split(FolderSource(root), "train", shapes[0])  # used again
    sizes = sum(e.bytes for e in list_cache())
    monkeypatch.setattr(cache, "MOST_BYTES_IN_ALL", sizes)
    load_split(FolderSource(root), "train", shapes[3])
    assert {e.shape for e in list_cache()} == {shapes[0], shapes[2], shapes[3]}


def test_clearing_takes_what_is_ours_alone(folder, root):
    load_split(FolderSource(root), "train", SHAPE)
    load_split(FolderSource(root), "val", SHAPE)
    (folder / "notes.txt").write_text("mine")
    (folder / "mine.pack").write_text("mine")
    left = folder / f".{'a' * 32}.pack.0123abcd.part"
    left.write_bytes(bytes(100))
    os.utime(left, (0, 0))
    (folder / f"{'b' * 32}.pack").write_bytes(bytes(50))
    assert [e.source for e in list_cache()].count("(damaged)") == 1
    size = sum(e.bytes for e in list_cache())
    assert clear_cache() == (3, size)
    assert files_below(folder) == ["mine.pack", "notes.txt"]


def test_where_it_is(monkeypatch, tmp_path):
    monkeypatch.delenv("STRIATE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if sys.platform == "linux":
        assert cache_folder() == tmp_path / "striate"
    monkeypatch.setenv("STRIATE_CACHE", "here")
    assert cache_folder() == Path("here")


PROGRAM = """
import sys
from striate.data import FolderSource, Record, load_split
from striate.data.pack import cache
cache.LEAST_IMAGES = 20
for _ in range(30):
    load_split(FolderSource(sys.argv[1]), "train", (3, 6, 5))
    cache.clear_cache()
"""


def test_processes_at_once_do_not_disturb_each_other(folder, root):
    program = [sys.executable, "-c", PROGRAM, str(root)]
    running = [subprocess.Popen(program, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate()[1] for process in running] == [""] * 3
    assert [name for name in files_below(folder) if name.endswith(".part")] == []
    load_split(FolderSource(root), "train", SHAPE)
    PackSource(list_cache()[0].path).verify()
