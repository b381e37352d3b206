"""Pack files that are damaged, cut short, foreign, or lie: a clear error, or what was packed; nothing else, ever."""

import json
import os
import resource
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import message_of, toy_source

from striate.data import ArraySource
from striate.data.pack.format import PREFIX_SIZE, images_per_block
from striate.data.pack.packing import pack_source
from striate.data.pack.reader import PackSource
from striate.errors import DataError

SOURCE = toy_source(train=20_000, val=24, test=24)
SOURCE_ARRAYS = {split: SOURCE.array(split) for split in SOURCE.targets}
SOURCE_TARGETS = dict(SOURCE.targets)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("packs")


@pytest.fixture(scope="module")
def whole(folder):
    """The bytes of a pack of three splits, of which training takes two blocks."""
    path = folder / "whole.pack"
    pack_source(SOURCE, path, (1, 8, 8))
    return path.read_bytes()


def header_of(values):
    _, _, _, offset, length = struct.unpack("<16sIIQQ", values[:PREFIX_SIZE])
    return offset, json.loads(values[offset : offset + length])


def with_header(values, header):
    """Return the pack with another header, whose checksum agrees."""
    offset, _ = header_of(values)
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    prefix = struct.pack("<16sIIQQ", values[:16], 1, zlib.crc32(text), offset, len(text))
    return prefix + values[PREFIX_SIZE:offset] + text


def tried(path, values):
    """Read all that there is; return whether nothing was refused."""
    path.write_bytes(values)
    try:
        pack = PackSource(path)
        pack.verify()
        arrays = {split: pack.array(split) for split in pack.targets}
        for split in pack.targets:
            pack.record(split, 0)
    except DataError as error:
        told = str(error)
    else:
        return set(arrays) <= {"train", "val", "test"}
    assert told.startswith(f"{path}: ")
    assert len(told) < 1000
    assert told.isprintable()
    return False


def test_the_layout_is_as_written_down(whole):
    assert whole[:16] == b"\x89STRIATE-PACK\r\n\x1a"
    assert struct.unpack_from("<I", whole, 16) == (1,)
    offset, header = header_of(whole)
    assert offset + len(json.dumps(header, separators=(",", ":"))) == len(whole)
    assert zlib.crc32(whole[offset:]) == struct.unpack_from("<I", whole, 20)[0]
    train = header["splits"]["train"]
    start, length = train["images"]["offset"], train["images"]["length"]
    assert (start % 4096, length) == (0, 20_000 * 64)
    assert whole[start : start + length] == SOURCE.array("train").tobytes()
    at = train["targets"]["offset"]
    assert np.array_equal(np.frombuffer(whole, "<i8", 20_000, at), SOURCE.targets["train"])
    names, ends = train["names"]["offset"], np.frombuffer(whole, "<i8", 2, train["name_ends"]["offset"])
    assert whole[names : names + ends[0]] == b"toy train[0]"
    assert whole[names + ends[0] : names + ends[1]] == b"toy train[1]"
    sums = np.frombuffer(whole, "<u4", 2, train["checksums"]["offset"])
    assert train["checksums"]["length"] == 8
    assert images_per_block((1, 8, 8)) * 64 == 2**20
    assert sums.tolist() == [
        zlib.crc32(whole[start : start + 2**20]),
        zlib.crc32(whole[start + 2**20 : start + length]),
    ]


FOREIGN = "not a pack, or one that was not finished; striate data pack makes one."


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (b"", FOREIGN),
        (b"hello", FOREIGN),
        (bytes(10_000), FOREIGN),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), FOREIGN),
    ],
)
def test_what_is_no_pack(folder, values, text):
    path = folder / "foreign.pack"
    path.write_bytes(values)
    assert message_of(DataError, PackSource, path) == f"{path}: {text}"


def test_what_cannot_be_opened(folder):
    assert message_of(DataError, PackSource, folder / "no.pack") == f"{folder / 'no.pack'}: no such file."
    assert message_of(DataError, PackSource, folder) == f"{folder}: not a file."
    os.mkfifo(folder / "pipe.pack")
    assert message_of(DataError, PackSource, folder / "pipe.pack") == f"{folder / 'pipe.pack'}: not a file."


def test_a_newer_version(folder, whole):
    path = folder / "newer.pack"
    path.write_bytes(whole[:16] + struct.pack("<I", 2) + whole[20:])
    text = "a pack of version 2; this version of striate reads 1. Pack again."
    assert message_of(DataError, PackSource, path) == f"{path}: {text}"


@pytest.mark.parametrize("change", [-1, -4096, 1])
def test_a_file_of_another_length(folder, whole, change):
    path = folder / "cut.pack"
    path.write_bytes(whole[:change] if change < 0 else whole + bytes(change))
    assert message_of(DataError, PackSource, path) == (
        f"{path}: damaged or cut short: it holds {len(whole) + change:,} bytes and says {len(whole):,}. Pack again."
    )


def test_a_damaged_block_is_told_when_it_is_touched(folder, whole):
    path = folder / "block.pack"
    start = header_of(whole)[1]["splits"]["train"]["images"]["offset"]
    path.write_bytes(whole[: start + 2**20 + 5] + b"\xff" + whole[start + 2**20 + 6 :])
    pack = PackSource(path)
    text = f"{path}: damaged: the checksums of images 16384 to 19999 of 'train' do not agree. Pack again."
    pack.record("train", 16383)
    pack.array("val")
    assert message_of(DataError, pack.record, "train", 16384) == text
    assert message_of(DataError, pack.record, "train", -1) == text
    assert message_of(DataError, pack.array, "train") == text
    assert message_of(DataError, pack.verify) == text


@pytest.mark.parametrize("what", ["targets", "name_ends", "names", "checksums"])
def test_damage_elsewhere(folder, whole, what):
    path = folder / f"{what}.pack"
    at = header_of(whole)[1]["splits"]["val"][what]["offset"]
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    called = "names" if what == "name_ends" else what
    text = f"{path}: its {called} of 'val' are damaged. Pack again."
    if "name" in what:
        pack = PackSource(path)
        assert message_of(DataError, pack.record, "val", 0) == text
        assert message_of(DataError, pack.verify) == text
    else:
        assert message_of(DataError, PackSource, path) == text


def test_an_index_beyond_the_end(folder, whole):
    path = folder / "index.pack"
    path.write_bytes(whole)
    for index in (24, -25):
        with pytest.raises(IndexError):
            PackSource(path).record("val", index)


HUGE = 2**62


def lie(header, path, value):
    """Return the header with one entry changed."""
    changed = json.loads(json.dumps(header))
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return changed


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("splits", "train", "count"), HUGE),
        (("splits", "train", "count"), -1),
        (("splits", "train", "count"), 19_999),
        (("splits", "train", "count"), "20000"),
        (("splits", "train", "images", "offset"), HUGE),
        (("splits", "train", "images", "offset"), 0),
        (("splits", "train", "images", "offset"), 4097),
        (("splits", "train", "images", "length"), HUGE),
        (("splits", "val", "targets", "offset"), 2**63),
        (("splits", "val", "names", "length"), HUGE),
        (("splits", "val", "names", "length"), 5),
        (("splits", "val", "multi_label"), True),
        (("shape",), [1, 8, 65536]),
        (("shape",), [2, 8, 4]),
        (("shape",), [1, 8]),
        (("shape",), [3, 65535, 65535]),
        (("mean",), [0.5, 0.5]),
        (("class_names",), ["left"]),
        (("splits",), None),
        (("splits",), {}),
        (("class_names",), []),
        (("class_names",), ["left", "left", "right"]),
        (("class_names",), ["left", "middle", "\x1b[31m"]),
        (("class_names",), ["left", "middle", ""]),
        (("class_names",), ["left", "middle", "x" * 5000]),
        (("mean",), [float("nan")]),
        (("mean",), [float("inf")]),
        (("mean",), [-1.0]),
        (("std",), [2**63]),
        (("more",), 1),
        (("\x1b[31m",), 1),
        (("splits", "\x1b"), {}),
    ],
)
def test_a_header_that_lies(folder, whole, path, value):
    _, header = header_of(whole)
    file = folder / "lie.pack"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert not tried(file, with_header(whole, lie(header, path, value)))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 1024
    assert tried(file, with_header(whole, header))


@pytest.mark.parametrize("name", ["\x1b", "all", ""], ids=["code", "unknown", "empty"])
def test_a_split_of_another_name(folder, whole, name):
    _, header = header_of(whole)
    header["splits"][name] = header["splits"].pop("test")
    path = folder / "split.pack"
    path.write_bytes(with_header(whole, header))
    told = message_of(DataError, PackSource, path)
    assert told == (
        f"{path}: its header: its splits are 'train', 'val', {name!r}; a pack has some of train, val, test."
    )


def test_what_could_not_be_read_is_not_packed(tmp_path):
    for source in (
        ArraySource("odd", SOURCE_ARRAYS, SOURCE_TARGETS, ("left", "middle", "\x1b")),
        ArraySource("odd", {"all": SOURCE_ARRAYS["val"]}, {"all": SOURCE_TARGETS["val"]}, SOURCE.class_names),
    ):
        told = message_of(DataError, pack_source, source, tmp_path / "a.pack", (1, 8, 8))
        assert told.startswith("odd: its ")
    assert list(tmp_path.iterdir()) == []


def test_names_that_end_nowhere(folder, whole):
    """The ends of names with a checksum that agrees: what they say is still not believed."""
    _, header = header_of(whole)
    section = header["splits"]["val"]["name_ends"]
    for ends in ([HUGE] * 24, [-5] * 24, list(range(24, 0, -1))):
        values = struct.pack("<24q", *ends)
        section["crc"] = zlib.crc32(values)
        at = section["offset"]
        changed = with_header(whole[:at] + values + whole[at + len(values) :], header)
        assert not tried(folder / "ends.pack", changed)


@settings(max_examples=150)
@given(data=st.data())
def test_bytes_changed_anywhere(folder, whole, data):
    changed = bytearray(whole)
    # Most of a pack is images; half of the changes go to where it says what they are.
    offset, header = header_of(whole)
    tail = header["splits"]["train"]["targets"]["offset"]
    for _ in range(data.draw(st.integers(1, 4))):
        ends = [(0, PREFIX_SIZE - 1), (offset, len(whole) - 1), (tail, offset), (0, len(whole) - 1)]
        at = data.draw(st.integers(*data.draw(st.sampled_from(ends))))
        changed[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.none(), st.integers(0, len(whole))))
    if tried(folder / "fuzzed.pack", bytes(changed[:cut])):  # a change of what fills up, or none
        pack = PackSource(folder / "fuzzed.pack")
        for split in ("train", "val", "test"):
            assert np.array_equal(pack.array(split), SOURCE.array(split))
            assert np.array_equal(pack.targets[split], SOURCE.targets[split])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places(value, path=()):
    """Return every path into ``value``."""
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += places(inner, (*path, key))
    return found


@settings(max_examples=200)
@given(data=st.data())
def test_headers_of_all_sorts(folder, whole, data):
    _, header = header_of(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(places(header)))
        number = st.sampled_from([0, 1, 8, 64, 4096, 8192, 2**20, 2**32, 2**63, HUGE, -1])
        header = lie(header, path, data.draw(number | JSON))
    tried(folder / "lies.pack", with_header(whole, header))


@settings(max_examples=60)
@given(text=st.binary(max_size=200))
def test_a_header_of_anything(folder, whole, text):
    assert not tried(folder / "anything.pack", with_header(whole, text))


def test_it_is_read_as_it_was_opened(folder, whole):
    """A pack that another replaces by its name goes on being read: the name is another file's then."""
    path = folder / "open.pack"
    path.write_bytes(whole)
    pack = PackSource(path)
    (folder / "other").write_bytes(bytes(10))
    Path(folder / "other").replace(path)
    assert np.array_equal(pack.array("val"), SOURCE.array("val"))


READING = """
import sys
import numpy as np
from striate.data import PackSource
from striate.errors import DataError

pack = PackSource(sys.argv[1])
targets = pack.targets["train"].copy()
print("open", flush=True)
input()
for call in (
    lambda: pack.record("train", 19_999),
    lambda: pack.array("train"),
    lambda: pack.array("val"),
    pack.verify,
):
    try:
        call()
    except DataError as error:
        print(error)
assert np.array_equal(pack.targets["train"], targets)
"""


@pytest.mark.parametrize("how", ["cut", "written anew"])
def test_a_pack_that_is_cut_short_while_it_is_open(folder, whole, how):
    """To read a mapping beyond the end of its file ends the process; here it is told, and labels stay."""
    path = folder / "mapped.pack"
    path.write_bytes(whole)
    with subprocess.Popen(
        [sys.executable, "-c", READING, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "open\n"
        if how == "cut":
            os.truncate(path, 8192)
        else:
            path.write_bytes(whole[: len(whole) // 2])
        told, _ = process.communicate("\n")
    assert process.returncode == 0
    line = f"{path}: has been cut short since it was opened; restore it and start again."
    assert told.splitlines() == [line] * 4
