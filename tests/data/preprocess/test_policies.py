"""Stretch, fit and cover against Pillow's own cropping and resizing; in memory, streamed, cached and of JPEG files."""

import io
import shutil
import tarfile
from fractions import Fraction

import numpy as np
import pytest
import torch
from PIL import Image
from toys import pillow_resized

from striate.data import ArraySource, FolderSource, Preprocess, Resize, load_split, open_source, open_split
from striate.data.pack.cache import list_cache

SIZES = [(8, 8), (5, 12), (12, 5), (1, 40), (40, 1), (100, 77), (33, 64), (3, 2), (1, 1)]


def noise(height, width, channels=3, seed=0):
    rng = np.random.default_rng([seed, height, width])
    pixels = rng.integers(0, 256, (height, width, channels), np.uint8)
    return Image.fromarray(pixels[..., 0] if channels == 1 else pixels)


def nearest(value):
    """Round a fraction; a half goes up. At least 1."""
    return max(1, int(value + Fraction(1, 2)))


def covered(image, height, width):
    """Return the middle part of the same proportions, stretched."""
    ratio = Fraction(height, width)
    if Fraction(image.height, image.width) > ratio:
        rows, columns = nearest(image.width * ratio), image.width
    else:
        rows, columns = image.height, nearest(image.height / ratio)
    top, left = (image.height - rows) // 2, (image.width - columns) // 2
    return pillow_resized(image.crop((left, top, left + columns, top + rows)), height, width)


def fitted(image, height, width, fill):
    """Return the image within a frame."""
    ratio = Fraction(image.height, image.width)
    if ratio > Fraction(height, width):
        rows, columns = height, nearest(height / ratio)
    else:
        rows, columns = nearest(width * ratio), width
    frame = Image.new(image.mode, (width, height), fill if image.mode == "L" else (fill,) * 3)
    inner = pillow_resized(image, rows, columns)
    inner = Image.fromarray(inner[0] if len(inner) == 1 else inner.transpose(1, 2, 0))
    frame.paste(inner, ((width - columns) // 2, (height - rows) // 2))
    pixels = np.asarray(frame)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("wanted", [(8, 8), (6, 10), (16, 5)])
def test_each_policy(channels, size, wanted):
    image = noise(*size, channels)

    def pixels(resize):
        return Preprocess((channels, *wanted), resize=resize).pixels(image)

    assert np.array_equal(pixels(Resize()), pillow_resized(image, *wanted))
    assert np.array_equal(pixels(Resize("cover")), covered(image, *wanted))
    assert np.array_equal(pixels(Resize("fit", fill=7)), fitted(image, *wanted, fill=7))


def test_what_has_the_size_is_taken_as_it_is():
    image = noise(8, 10)
    for policy in ("stretch", "fit", "cover"):
        pixels = Preprocess((3, 8, 10), resize=Resize(policy)).pixels(image)
        assert np.array_equal(pixels, np.asarray(image).transpose(2, 0, 1))


def test_proportions_are_kept():
    circle = np.hypot(*(np.mgrid[:120, :120] - 59.5)) < 40
    wide = np.zeros((120, 300), np.uint8)
    wide[:, 90:210] = circle * 255
    for policy, side in (("fit", 80 * 60 / 300), ("cover", 80 * 60 / 120)):
        (pixels,) = Preprocess((1, 60, 60), resize=Resize(policy)).pixels(Image.fromarray(wide))
        rows, columns = (pixels > 127).sum(0).max(), (pixels > 127).sum(1).max()
        assert rows == pytest.approx(side, abs=1.5)
        assert columns == pytest.approx(side, abs=1.5)


def test_the_middle_of_a_larger_size():
    image = noise(50, 90)
    larger = covered(image, 20, 24)
    pixels = Preprocess((3, 16, 16), stored=(20, 24), resize=Resize("cover")).pixels(image)
    assert np.array_equal(pixels, larger[:, 2:18, 4:20])


def test_long_strips_take_no_memory():
    strip = Image.fromarray(np.arange(60_000, dtype=np.int64).astype(np.uint8)[None])
    assert Preprocess((3, 224, 224), resize=Resize("cover")).pixels(strip).shape == (3, 224, 224)
    assert Preprocess((3, 224, 224), resize=Resize("fit")).pixels(strip).shape == (3, 224, 224)


def write_folder(root, count=6, kind="png"):
    for number in range(count):
        path = root / "train" / "ab"[number % 2] / f"{number:03}.{kind}"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise(20 + number % 7, 31, seed=number).save(path)
    shutil.copytree(root / "train", root / "val")  # or a tenth of the training images would be set aside
    return root


@pytest.mark.parametrize("kind", ["png", "jpg"])
@pytest.mark.parametrize("policy", ["stretch", "fit", "cover"])
def test_a_split_is_what_predicting_sees(tmp_path, policy, kind):
    source = FolderSource(write_folder(tmp_path / "set", kind=kind))
    preprocess = Preprocess((3, 8, 8), stored=(10, 12), resize=Resize(policy))
    loaded = load_split(source, "train", preprocess.stored_shape, resize=preprocess.resize)
    one_by_one = np.stack([preprocess.pixels(source.image("train", i)) for i in range(6)])
    assert loaded.shape == (3, 10, 12)
    assert np.array_equal(loaded.images[:, :, 1:9, 2:10].numpy(), one_by_one)
    assert torch.equal(
        preprocess.normalize(loaded.images), preprocess.normalize(torch.from_numpy(one_by_one))
    )


@pytest.mark.parametrize("policy", ["fit", "cover"])
def test_what_is_streamed_gets_the_same(tmp_path, policy):
    with tarfile.open(tmp_path / "train-000.tar", "w") as file:
        for number in range(5):
            data = io.BytesIO()
            noise(20, 31, seed=number).save(data, "PNG")
            for name, content in (
                (f"{number}.png", data.getvalue()),
                (f"{number}.cls", str(number % 2).encode()),
            ):
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                file.addfile(entry, io.BytesIO(content))
    shutil.copy(tmp_path / "train-000.tar", tmp_path / "val-000.tar")
    split = open_split(open_source(f"wds:{tmp_path}"), "train", (3, 8, 8), resize=Resize(policy))
    preprocess = Preprocess((3, 8, 8), resize=Resize(policy))
    expected = np.stack([preprocess.pixels(noise(20, 31, seed=number)) for number in range(5)])
    assert np.array_equal(split.take(np.arange(5)).numpy(), expected)
    assert np.array_equal(torch.cat(list(split.pieces(2))).numpy(), expected)
    assert split.moments.mean == pytest.approx((expected / 255).mean((0, 2, 3)))


def test_the_cache_tells_policies_apart(tmp_path, monkeypatch):
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "cache"))
    source = FolderSource(write_folder(tmp_path / "set", count=220))
    policies = [Resize(), Resize("fit"), Resize("fit", fill=9), Resize("cover")]
    first = [load_split(source, "train", (3, 8, 8), resize=resize).images for resize in policies]
    assert len(list_cache()) == 4
    again = [load_split(source, "train", (3, 8, 8), resize=resize).images for resize in policies]
    assert all(map(torch.equal, first, again))
    assert len({images.numpy().tobytes() for images in first}) == 4


def test_arrays_of_the_size_are_taken_as_they_are_and_others_resized():
    stored = np.random.default_rng(5).integers(0, 256, (4, 1, 6, 9), np.uint8)
    source = ArraySource("six", {"train": stored}, {"train": np.arange(4)}, tuple("abcd"))
    same = load_split(source, "train", (1, 6, 9), resize=Resize("cover"))
    assert np.array_equal(same.images.numpy(), stored)
    cut = load_split(source, "train", (1, 6, 6), resize=Resize("cover"))
    assert np.array_equal(cut.images.numpy(), stored[:, :, :, 1:7])
