"""Files that are no images, or no longer: each is named and all are counted; or left out when told so."""

import io
import random

import numpy as np
import pytest
from PIL import Image
from toys import message_of, write_image, write_split_folder

from striate.data import FolderSource, load_split, open_image
from striate.errors import DataError

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)


def encoded(kind):
    stream = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    options = {"exif": exif} if kind in ("JPEG", "PNG", "TIFF", "WEBP") else {}
    Image.fromarray(PIXELS).save(stream, kind, **options)
    return stream.getvalue()


BAD = {
    "zero bytes.png": (b"", "not an image."),
    "text.jpg": (b"hello, this is a text", "not an image."),
    "half a png.png": (encoded("PNG")[:1500], "image file is truncated"),
    "half a jpeg.jpg": (encoded("JPEG")[:700], "image file is truncated"),
    "half a bmp.bmp": (encoded("BMP")[:1000], "image file is truncated"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_says_what_is_wrong(tmp_path, name):
    data, reason = BAD[name]
    path = tmp_path / name
    path.write_bytes(data)
    assert message_of(DataError, open_image, path).startswith(f"{path}: {reason}")


def test_a_missing_file_and_a_folder(tmp_path):
    assert message_of(DataError, open_image, tmp_path / "x.png") == f"{tmp_path / 'x.png'}: no such file."
    assert message_of(DataError, open_image, tmp_path) == f"{tmp_path}: Is a directory."


def test_a_decompression_bomb_is_refused(tmp_path, monkeypatch):
    path = write_image(tmp_path / "big.png", 0, size=(30, 30))
    assert open_image(path).size == (30, 30)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 400)
    assert message_of(DataError, open_image, path) == (
        f"{path}: too many pixels to be a photograph; refused."
    )


@pytest.mark.parametrize(
    "kind",
    ["JPEG", "PNG", "GIF", "BMP", "WEBP", "PPM", "TGA", "PCX", "SGI", "AVIF", "JPEG2000", "DDS"],
)
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_damage_of_any_kind_is_told_or_survived(tmp_path, kind):
    whole, chance = encoded(kind), random.Random(kind)
    path = tmp_path / "image"
    told = []
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(chance.choice([1, 3, 9])):
            data[chance.randrange(min(len(data), chance.choice([30, 200, 10**9])))] = chance.randrange(256)
        path.write_bytes(data[: chance.choice([len(data), chance.randrange(len(data))])])
        try:
            open_image(path)
        except DataError as error:
            told.append(str(error))
    assert len(told) > 10
    assert all(text.startswith(f"{path}: ") for text in told)


def spoiled(tmp_path, names):
    root = write_split_folder(tmp_path / "set")
    for name in names:
        (root / "train" / "cat" / name).write_bytes(BAD[name][0])
    return root


def test_all_bad_images_are_counted_and_named(tmp_path):
    root = spoiled(tmp_path, BAD)
    text = message_of(DataError, load_split, FolderSource(root), "train", (3, 8, 8))
    assert text.startswith(f"folder:{root}: 5 of 13 images in 'train' cannot be read: ")
    for name, (_, reason) in BAD.items():
        assert f"{root / 'train' / 'cat' / name}: {reason.rstrip('.')}" in text
    assert text.endswith(
        ". Repair or remove them, or go on without them with --skip-bad-images (skip_bad_images=True)."
    )


def test_a_long_list_is_cut_and_counted(tmp_path):
    root = spoiled(tmp_path, [])
    for number in range(13):
        (root / "val" / "dog" / f"bad{number:02}.png").write_text("x")
    text = message_of(DataError, load_split, FolderSource(root), "val", (3, 8, 8))
    assert "13 of 21 images in 'val' cannot be read" in text
    assert "bad09.png" in text
    assert "bad10.png" not in text
    assert "; and 3 more. Repair" in text


def test_bad_images_are_left_out_when_told_so(tmp_path):
    root = spoiled(tmp_path, BAD)
    dataset = load_split(FolderSource(root), "train", (3, 8, 8), skip_bad_images=True)
    assert len(dataset) == 8
    assert dataset.targets.tolist() == [0] * 4 + [1] * 4
    assert len(dataset.skipped) == 5
    assert sorted(text.split(": ")[0] for text in dataset.skipped) == sorted(
        str(root / "train" / "cat" / name) for name in BAD
    )
    for i, (label, number) in enumerate((c, n) for c in ("cat", "dog") for n in range(4)):
        file = root / "train" / label / f"{number}.png"
        expected = np.asarray(Image.open(file)).transpose(2, 0, 1)
        assert np.array_equal(dataset.images[i].numpy(), expected)


def test_none_can_be_read(tmp_path):
    root = write_split_folder(tmp_path)
    for file in (root / "val").rglob("*.png"):
        file.write_text("x")
    text = message_of(DataError, load_split, FolderSource(root), "val", (3, 8, 8), skip_bad_images=True)
    assert text == f"folder:{root}: none of the 8 images in 'val' can be read."


@pytest.mark.parametrize("channels", [2, 4])
def test_channels_that_no_image_has(tmp_path, channels):
    source = FolderSource(write_split_folder(tmp_path))
    text = message_of(DataError, load_split, source, "train", (channels, 8, 8))
    assert text == f"the network reads {channels} channels; images give 1 (grey) or 3 (RGB)."
