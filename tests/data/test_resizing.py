"""Compiled resizing and the quick way through JPEG files give what Pillow gives, and step back where they cannot."""

import io
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from toys import pillow_resized

from striate.data import Record, jpeg
from striate.data.jpeg import jpeg_pixels
from striate.data.pixels import to_pixels
from striate.data.resize import prepare, resized, resizing
from striate.errors import DataError

SIDES = st.integers(1, 90)


@pytest.fixture(scope="module", autouse=True)
def compiled():
    prepare().join()
    assert resizing._compiled is not None


@given(SIDES, SIDES, SIDES, SIDES, st.sampled_from([1, 3]), st.integers(0, 2**31))
@settings(deadline=None, max_examples=300)
def test_compiled_code_gives_the_numbers_of_pillow(height, width, new_height, new_width, channels, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)
    image = Image.fromarray(pixels.squeeze(2) if channels == 1 else pixels)
    expected = pillow_resized(image, new_height, new_width)
    assert np.array_equal(resized(image, new_height, new_width), expected)
    assert np.array_equal(resized(pixels, new_height, new_width), expected)


@pytest.mark.parametrize("value", [0, 255])
@pytest.mark.parametrize(
    ("before", "after"), [((3000, 2), (1, 1)), ((2, 3000), (7, 5)), ((1, 1), (300, 200))]
)
def test_extremes_stay_what_they_are(value, before, after):
    pixels = np.full((*before, 3), value, np.uint8)
    assert (resized(pixels, *after) == value).all()


def test_without_numba_pillow_does_it(tmp_path):
    (tmp_path / "numba.py").write_text("raise ImportError('none here')")
    code = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from striate.data.resize import prepare, resized, resizing
prepare().join()
assert resizing._compiled is None
print(resized(np.full((4, 6, 3), 77, np.uint8), 2, 3).tolist())
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout == f"{np.full((3, 2, 3), 77).tolist()}\n"
    assert done.stderr == ""


def test_code_that_does_not_agree_is_not_taken(monkeypatch):
    monkeypatch.setattr(resizing, "_compiled", None)
    assert not resizing._agrees(lambda pixels, out: out.fill(0), 7, 5, 4, 3)


def photograph(seed=0, size=(61, 43), mode="RGB"):
    """Return smooth color, which JPEG keeps, with some noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (6, 8, 3), np.uint8)
    image = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)
    noise = rng.integers(0, 30, (size[1], size[0], 3), np.uint8)
    return Image.fromarray(np.asarray(image) // 2 + noise).convert(mode)


def written(image, **options):
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


@pytest.mark.parametrize("progressive", [False, True], ids=["baseline", "progressive"])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("quality", [20, 95])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_jpeg_files_are_decoded_as_pillow_does(mode, quality, subsampling, progressive):
    image = photograph(quality, mode=mode)
    data = written(image, quality=quality, subsampling=subsampling, progressive=progressive)
    with Image.open(io.BytesIO(data)) as opened:
        expected = np.asarray(opened)
        size = opened.size
    assert np.array_equal(jpeg_pixels(data, mode, size).squeeze(), expected)
    shape = (1 if mode == "L" else 3, 20, 30)
    assert np.array_equal(Record("x", data).pixels(shape), pillow_resized(Image.fromarray(expected), 20, 30))


@pytest.mark.parametrize("mode", ["CMYK", "L", "RGB"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("least", [None, (10, 10), (100, 100), (239, 319)], ids=["1", "8th", "4th", "half"])
def test_the_quick_way_is_the_same_way(mode, orientation, channels, least):
    exif = Image.Exif()
    exif[0x0112] = orientation
    record = Record("x", written(photograph(1, (640, 480), mode), exif=exif))
    shape = (channels, 10, 12)
    assert np.array_equal(record.pixels(shape, least), to_pixels(record.open(least), shape))


def test_where_simplejpeg_is_another_decoder_pillow_does_it(monkeypatch):
    data = written(photograph())
    assert jpeg_pixels(data, "RGB", (61, 43)) is not None
    assert jpeg_pixels(data, "RGB", (60, 43)) is None  # a size that it does not have

    class Other:
        @staticmethod
        def decode_jpeg(data, *given, **options):
            return np.zeros((37, 53, 3), np.uint8)

    monkeypatch.setitem(sys.modules, "simplejpeg", Other)
    jpeg._agreeing.cache_clear()
    assert jpeg_pixels(data, "RGB", (61, 43)) is None
    monkeypatch.setitem(sys.modules, "simplejpeg", None)  # which makes importing it fail
    jpeg._agreeing.cache_clear()
    assert jpeg_pixels(data, "RGB", (61, 43)) is None
    assert Record("x", data).pixels((3, 9, 9)).shape == (3, 9, 9)
    monkeypatch.undo()
    jpeg._agreeing.cache_clear()
    assert jpeg_pixels(data, "RGB", (61, 43)) is not None


@given(st.data())
@settings(deadline=None, max_examples=200, derandomize=True)
def test_damaged_jpeg_files_are_what_they_are_to_pillow(data):
    """A file with bytes changed or cut off gives the same pixels as without the quick way, or the same message."""
    file = bytearray(written(photograph(3), quality=80))
    for _ in range(data.draw(st.integers(0, 3))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    record = Record("x.jpg", bytes(file[: data.draw(st.integers(len(file) // 2, len(file)))]))
    expected = outcome(lambda: to_pixels(record.open(), (3, 11, 13)))
    assert outcome(lambda: record.pixels((3, 11, 13))) == expected


def outcome(call):
    try:
        return call().tolist()
    except DataError as error:
        return str(error)


def test_what_is_not_compiled_is_not_taken():
    code = """
from striate.data.resize import prepare, resizing
prepare().join()
print(resizing._compiled)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout == "None\n"
