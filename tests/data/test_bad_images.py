"""Files that are no images, or no longer: each is named and all are counted; or left out when told so."""

import errno
import io
import os
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
        f"{path}: more than 800 pixels; refused. STRIATE_MAX_PIXELS=N allows N."
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


def place_unreadable(folder):
    """Put files that cannot be opened into ``folder``; return ``{name: what is told of it}``."""
    told = {"gone.png": "a link to nothing", "pipe.png": "not a regular file"}
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    os.mkfifo(folder / "pipe.png")
    (folder / "device.png").symlink_to("/dev/zero")
    told["device.png"] = "not a regular file"
    (folder / "loop.png").symlink_to(folder / "loop.png")
    told["loop.png"] = os.strerror(errno.ELOOP)
    (folder / "secret.png").write_bytes(encoded("PNG"))
    (folder / "secret.png").chmod(0)
    if not os.access(folder / "secret.png", os.R_OK):  # an administrator reads everything
        told["secret.png"] = os.strerror(errno.EACCES)
    else:
        (folder / "secret.png").unlink()
    return told


def test_files_that_cannot_be_opened_are_counted_with_the_others(tmp_path):
    root = spoiled(tmp_path, ["text.jpg"])
    cats = root / "train" / "cat"
    told = place_unreadable(cats) | {"text.jpg": "not an image"}
    source = FolderSource(root)
    problems = "; ".join(f"{cats / name}: {told[name]}" for name in sorted(told))
    assert message_of(DataError, load_split, source, "train", (3, 8, 8)) == (
        f"folder:{root}: {len(told)} of {8 + len(told)} images in 'train' cannot be read: {problems}. "
        "Repair or remove them, or go on without them with --skip-bad-images (skip_bad_images=True)."
    )
    dataset = load_split(source, "train", (3, 8, 8), skip_bad_images=True)
    assert dataset.targets.tolist() == [0] * 4 + [1] * 4
    assert "; ".join(dataset.skipped) == problems
    assert len(load_split(source, "val", (3, 8, 8))) == 8


def test_a_file_without_read_permission(tmp_path, monkeypatch):
    root = write_split_folder(tmp_path)
    locked = root / "train" / "dog" / "2.png"
    plain_open = os.open

    def guarded(file, *arguments, **options):
        if str(file) == str(locked):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file))
        return plain_open(file, *arguments, **options)

    monkeypatch.setattr(os, "open", guarded)  # what chmod does to everyone but an administrator
    dataset = load_split(FolderSource(root), "train", (3, 8, 8), skip_bad_images=True)
    assert dataset.targets.tolist() == [0] * 4 + [1] * 3
    assert dataset.skipped == (f"{locked}: Permission denied",)


def test_an_unreadable_file_has_a_place_of_its_own_in_the_fingerprint(tmp_path):
    root = write_split_folder(tmp_path)
    before = FolderSource(root).fingerprint
    place_unreadable(root / "train" / "cat")
    broken = FolderSource(root).fingerprint
    assert broken != before
    assert FolderSource(root).fingerprint == broken


def test_a_folder_without_splits_divides_unreadable_files_too(tmp_path):
    for name in ("cat", "dog"):
        for number in range(60):
            write_image(tmp_path / name / f"{number}.png", 100 * (name == "dog") + number)
    told = place_unreadable(tmp_path / "cat")
    source = FolderSource(tmp_path)
    loaded = [load_split(source, s, (3, 8, 8), skip_bad_images=True) for s in ("train", "val", "test")]
    assert sum(map(len, loaded)) == 120
    assert sorted(text for part in loaded for text in part.skipped) == sorted(
        f"{tmp_path / 'cat' / name}: {reason}" for name, reason in told.items()
    )


@pytest.mark.parametrize(("classes", "named"), [(["dog"], "class dog"), (["ant", "dog"], "classes ant, dog")])
def test_a_class_of_which_nothing_is_left(tmp_path, classes, named):
    root = write_split_folder(tmp_path, classes=("ant", "cat", "dog"))
    for name in classes:
        for split in ("train", "val"):
            for file in (root / split / name).iterdir():
                file.write_text("x")
    source = FolderSource(root)
    assert message_of(DataError, load_split, source, "train", (3, 8, 8), skip_bad_images=True) == (
        f"folder:{root}: no image in 'train' for the {named} can be read. "
        "Repair them or add others, or remove the class from every split."
    )
    # Without images of a class one may still measure the others.
    val = load_split(source, "val", (3, 8, 8), skip_bad_images=True)
    assert len(val) == 12 - 4 * len(classes)


@pytest.mark.parametrize("channels", [2, 4])
def test_channels_that_no_image_has(tmp_path, channels):
    source = FolderSource(write_split_folder(tmp_path))
    text = message_of(DataError, load_split, source, "train", (channels, 8, 8))
    assert text == (
        f"images cannot have {channels} channels, only 1 (grey) or 3 (RGB); write the network's input, or the "
        "shape, as (1, H, W) or (3, H, W)."
    )
