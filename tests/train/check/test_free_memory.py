"""What is free in a container, and that a set larger than memory is neither loaded nor miscounted by the check."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from planted import config
from toys import tiny

from striate.data import ArraySource, open_source
from striate.data.sources.npz import StoredArrays
from striate.train import check_network
from striate.train.check import memory
from striate.train.check.sample import draw

CPU = torch.device("cpu")
NAMES = ("a", "b", "c")


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A machine whose files in /proc and /sys are in a folder of the test's own; 1,000 KiB are available."""
    monkeypatch.setattr(memory, "Path", lambda path: tmp_path / path.lstrip("/"))
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "meminfo").write_text("MemTotal: 4000 kB\nMemAvailable: 1000 kB\n")
    return tmp_path


def write_group(folder, **files):
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def test_files_that_were_read_are_not_counted_as_used(root):
    stat = "anon 250000\ninactive_file 150000\nactive_file 7\n"
    group = {"memory__max": "500000\n", "memory__current": "400000\n", "memory__stat": stat}
    write_group(root / "sys/fs/cgroup", **group)
    assert memory.free_memory(CPU) == 250_000


def test_groups_of_version_1(root):
    group = {
        "limit_in_bytes": "500000\n",
        "usage_in_bytes": "400000\n",
        "stat": "total_inactive_file 150000\n",
    }
    write_group(root / "sys/fs/cgroup/memory", **{f"memory__{name}": text for name, text in group.items()})
    assert memory.free_memory(CPU) == 250_000


@pytest.mark.parametrize(
    "group",
    [
        {},
        {"memory__max": "max\n", "memory__current": "400000\n", "memory__stat": "inactive_file 1\n"},
        {"memory__max": "500000\n"},
    ],
    ids=["none", "no-limit", "no-usage"],
)
def test_without_a_limit_that_can_be_read_the_machine_counts(root, group):
    write_group(root / "sys/fs/cgroup", **group)
    assert memory.free_memory(CPU) == 1000 * 1024


def write_arrays(folder, size, *, splits=("train",), layout="NCHW", channels=1, count=60):
    """Write ``.npy`` files of ``count`` square images for each split."""
    folder.mkdir()
    for seed, split in enumerate(splits):
        images = np.random.default_rng(seed).integers(0, 256, (count, channels, size, size), np.uint8)
        axes = {"NCHW": (0, 1, 2, 3), "NHWC": (0, 2, 3, 1)}[layout]
        np.save(folder / f"x_{split}.npy", np.ascontiguousarray(images.transpose(axes)))
        np.save(folder / f"y_{split}.npy", np.arange(count) % 3)
    return open_source(f"npy:{folder}?layout={layout}")


@pytest.mark.parametrize(
    ("options", "held"),
    [
        ({"splits": ("train", "val")}, 0),
        ({}, 60 * 64),  # val is set aside of train, and both are gathered
        ({"splits": ("train", "val"), "layout": "NHWC", "channels": 3}, 120 * 3 * 64),
        ({"splits": ("train", "val"), "size": 9}, 120 * 64),
    ],
    ids=["as-needed", "val-aside", "axes", "size"],
)
def test_what_training_copies_is_counted_and_not_copied_by_the_check(tmp_path, monkeypatch, options, held):
    source = write_arrays(tmp_path / "set", **{"size": 8} | options)
    given = StoredArrays.array

    def asked(self, split):
        images = given(self, split)
        assert np.shares_memory(images, given(self, split)), "the whole split was copied"
        return images

    monkeypatch.setattr(StoredArrays, "array", asked)
    report = check_network(tiny(channels=source.shape[0]), source, config())
    assert report.figures.memory.data == held
    assert report.figures.loss.first is not None


def test_a_sample_takes_no_more_than_its_images(tmp_path):
    source = write_arrays(tmp_path / "set", 64, count=12_000)
    tracemalloc.start()
    try:
        sample = draw(source, (1, 64, 64), 16, 0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (len(sample.source.targets["train"]), sample.whole, sample.seconds) == (64, False, None)
    assert peak < 4 * 64 * 64 * 64 < source.array("train").nbytes / 8


def test_a_sample_of_single_images_is_that_of_the_array(tmp_path):
    source = write_arrays(tmp_path / "set", 8)
    images, targets = source.array("train"), source.targets["train"]
    held = ArraySource("held", {"train": images}, {"train": targets}, NAMES)
    ours, theirs = (draw(each, (1, 8, 8), 16, 0).source for each in (source, held))
    assert np.array_equal(ours.array("train"), theirs.array("train"))
    assert np.array_equal(ours.targets["train"], theirs.targets["train"])


def test_the_files_are_those_of_the_kernel():
    """On this machine, whatever it is, something is free or nothing is told."""
    free = memory.free_memory(CPU)
    assert free is None or 0 < free < 2**60
    assert not Path("/proc/meminfo").exists() or free is not None
