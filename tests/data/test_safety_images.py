"""Images that would take all memory, or run a program: refused before they are decoded, however they came."""

import io
import os
import resource
import stat
import struct
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image, PngImagePlugin
from toys import message_of, write_image, write_split_folder

from striate.data import FolderSource, Record, check, load_split, open_image, open_source
from striate.errors import ConfigError, DataError

LIMIT = "STRIATE_MAX_PIXELS"


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(width=30_000, height=30_000):
    """Return a PNG file of a few bytes that says it has so many pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(10_000))) + chunk(b"IEND", b"")


def kilobytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def in_a_folder(tmp_path):
    root = write_split_folder(tmp_path)
    (root / "train" / "cat" / "bomb.png").write_bytes(bomb())
    return root


def in_a_table(tmp_path, ending="csv", line="{},{},{}"):
    root = in_a_folder(tmp_path)
    lines = [
        line.format(p.relative_to(root), p.parent.name, p.parts[-3]) for p in sorted(root.rglob("*.png"))
    ]
    table = root / f"table.{ending}"
    table.write_text("\n".join((["path,label,split"] if ending == "csv" else []) + lines))
    return table


def in_json_lines(tmp_path):
    return in_a_table(tmp_path, "jsonl", '{{"path": "{}", "label": "{}", "split": "{}"}}')


def in_parquet(tmp_path):
    good = write_image(tmp_path / "good.png", 1).read_bytes()
    for split, images in (("train", [good, bomb(), good, good]), ("val", [good, good])):
        table = pa.table({"image": images, "label": [i % 2 for i in range(len(images))]})
        pq.write_table(table, tmp_path / f"{split}-0.parquet")
    (tmp_path / "good.png").unlink()
    return f"parquet:{tmp_path}"


@pytest.mark.parametrize("place", [in_a_folder, in_a_table, in_json_lines, in_parquet])
def test_a_bomb_in_every_kind_of_source(tmp_path, place):
    source = open_source(place(tmp_path))
    before = kilobytes()
    text = message_of(DataError, load_split, source, "train", (3, 8, 8))
    assert "1 of " in text
    assert "more than 178,956,970 pixels; refused. STRIATE_MAX_PIXELS=N allows N" in text
    finding = check(source).find("unreadable")
    assert len(finding.records) == 1
    assert "more than 178,956,970 pixels" in finding.records[0]
    assert kilobytes() - before < 60 * 1024


@pytest.mark.parametrize(
    ("said", "size", "allowed"),
    [("100", (10, 10), True), ("99", (10, 10), False), (" 100 ", (10, 10), True), ("", (10, 10), True)],
    ids=["just", "one less", "spaces", "empty"],
)
def test_the_limit_that_is_set(tmp_path, monkeypatch, said, size, allowed):
    path = write_image(tmp_path / "a.png", 0, size=size)
    monkeypatch.setenv(LIMIT, said)
    if allowed:
        assert open_image(path).size == size
    else:
        assert message_of(DataError, open_image, path) == (
            f"{path}: more than 99 pixels; refused. STRIATE_MAX_PIXELS=N allows N."
        )


@pytest.mark.parametrize("said", ["none", "-1", "0", "1e9", "9" * 30, "١٢٣", "12 34"])
def test_a_limit_that_is_none(tmp_path, monkeypatch, said):
    """It is told once, and not as many damaged images."""
    root = write_split_folder(tmp_path)
    monkeypatch.setenv(LIMIT, said)
    for read in (lambda: load_split(FolderSource(root), "train", (3, 8, 8)), lambda: check(root)):
        assert message_of(ConfigError, read) == (
            f"STRIATE_MAX_PIXELS={said!r}: must be a whole number of 1 or more."
        )


def test_more_than_pillow_allows(tmp_path, monkeypatch):
    """Who has larger images says so, and everything reads them; Pillow's own limit is as it was."""
    root = write_split_folder(tmp_path)
    path = write_image(root / "train" / "cat" / "big.png", 99, size=(60, 50))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 400)
    assert message_of(DataError, open_image, path) == (
        f"{path}: more than 800 pixels; refused. STRIATE_MAX_PIXELS=N allows N."
    )
    monkeypatch.setenv(LIMIT, "3000")
    assert open_image(path).size == (60, 50)
    assert len(load_split(FolderSource(root), "train", (3, 8, 8))) == 9
    assert check(root).find("unreadable") is None
    # A part of it may be larger, too, than what Pillow allows.
    part = Record("a part", path, (1, 2, 50, 40)).open()
    assert np.array_equal(part, np.asarray(open_image(path))[2:42, 1:51])
    assert Image.MAX_IMAGE_PIXELS == 400


def test_limits_of_threads_do_not_mix(tmp_path, monkeypatch):
    """What one thread is allowed, another is not, though Pillow's limit is the process's."""
    small = write_image(tmp_path / "small.png", 0, size=(30, 30))
    large = write_image(tmp_path / "large.png", 1, size=(60, 60))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 400)

    def outcome(number):
        allowed = (900, 3600)[number % 2]
        try:
            return open_image(large if number % 3 else small, max_pixels=allowed).size
        except DataError as error:
            return str(error).partition(": ")[2]

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(outcome, range(300)))
    refused = "more than 900 pixels; refused. --max-pixels N (max_pixels=N) allows N."
    assert outcomes == [(30, 30) if n % 3 == 0 else (60, 60) if n % 2 else refused for n in range(300)]
    assert Image.MAX_IMAGE_PIXELS == 400


def test_postscript_is_not_run(tmp_path, monkeypatch):
    """Pillow has Ghostscript run it, whatever the file is called."""
    trace = tmp_path / "it was run"
    for name in ("gs", "gswin64c", "gswin32c"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\ntouch '{trace}'\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    path = tmp_path / "photograph.jpg"
    Image.new("RGB", (9, 9)).save(path, "EPS")
    assert message_of(DataError, open_image, path) == (
        f"{path}: PostScript, a program and no image; convert it to PNG."
    )
    assert not trace.exists()


@pytest.mark.parametrize("kind", [b"zTXt", b"iCCP", b"iTXt"])
def test_texts_that_unpack_without_end(tmp_path, kind):
    """What is written beside the pixels may be a bomb as well: 300 MB here, in 300 kB."""
    packed = zlib.compress(bytes(300_000_000), 9)
    body = b"x\0" + (b"\1\0\0\0" if kind == b"iTXt" else b"\0") + packed
    whole = io.BytesIO()
    Image.new("L", (4, 4)).save(whole, "PNG")
    path = tmp_path / "a.png"
    path.write_bytes(whole.getvalue()[:33] + chunk(kind, body) + whole.getvalue()[33:])
    before = kilobytes()
    with suppress(DataError):  # Pillow leaves some out, and refuses others
        open_image(path)
    assert kilobytes() - before < 3 * PngImagePlugin.MAX_TEXT_MEMORY // 1024


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "BMP", "WEBP", "JPEG", "JPEG2000"])
def test_other_formats_that_say_they_are_huge(tmp_path, kind):
    out = io.BytesIO()
    Image.new("RGB", (0x0123, 0x0145)).save(out, kind)
    data = out.getvalue()
    places = {
        "GIF": (struct.pack("<HH", 0x123, 0x145), b"\xff" * 4),
        "TIFF": (struct.pack("<H", 0x123) + b"\0\0", struct.pack("<I", 2**31 - 1)),
        "BMP": (struct.pack("<ii", 0x123, 0x145), struct.pack("<ii", 2**30, 2**30)),
        "WEBP": (struct.pack("<HH", 0x123, 0x145), b"\xff\x3f" * 2),
        "JPEG": (struct.pack(">HH", 0x145, 0x123), b"\xff\xdc" * 2),
        "JPEG2000": (struct.pack(">II", 0x145, 0x123), struct.pack(">II", 2**31 - 1, 2**31 - 1)),
    }
    said, lie = places[kind]
    assert said in data
    path = tmp_path / "image"
    path.write_bytes(data.replace(said, lie))
    before = kilobytes()
    text = message_of(DataError, open_image, path)
    assert text.startswith(f"{path}: ")
    assert text.isprintable()
    assert kilobytes() - before < 60 * 1024


@pytest.mark.parametrize("column", ["image", "label"])
def test_a_parquet_file_of_one_value_for_all_rows(tmp_path, monkeypatch, column):
    """Stored once and packed, it takes a few kilobytes; as many times as there are rows, 8 GB."""
    monkeypatch.setattr(sys.modules["striate.data.sources.parquet"], "_MAX_GROUP", 50_000_000)
    rows = 2000
    values = {
        "image": [write_image(tmp_path / "a.png", 1).read_bytes()] * rows,
        "label": ["cat", "dog"] * (rows // 2),
    }
    long = pa.array([bytes(4_000_000)], pa.binary()) if column == "image" else pa.array(["x" * 4_000_000])
    values[column] = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), long)
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table(values), path, compression="zstd", store_schema=False)
    assert path.stat().st_size < 200_000
    before = kilobytes()
    text = message_of(DataError, open_source, path)
    assert text == (
        f"{path}: its column {column!r} unpacks to more than 50,000,000 bytes at a time. Write the file again with "
        "smaller row groups: row_group_size=1000."
    )
    assert kilobytes() - before < 600 * 1024
