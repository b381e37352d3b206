"""Every mode of image gives the grey and the colors that one sees; files are turned as their EXIF says."""

import numpy as np
import pytest
from PIL import Image
from toys import message_of, write_split_folder

from striate.data import FolderSource, Preprocess, load_split, open_image
from striate.errors import DataError


def filled(mode, value):
    return Image.new(mode, (2, 2), value)


def palette(alpha=None):
    image = Image.new("P", (2, 2), 1)
    image.putpalette([9, 9, 9, 10, 200, 30])
    if alpha is not None:
        image.info["transparency"] = alpha
    return image


def palette_and_alpha(alpha):
    image = Image.new("PA", (2, 2), (1, alpha))
    image.putpalette([9, 9, 9, 10, 200, 30])
    return image


def keyed(image, key):
    """Declare one value transparent, as PNG's tRNS does."""
    image.info["transparency"] = key
    return image


def sixteen_bit(value):
    return Image.fromarray(np.full((2, 2), value, np.uint16))


# Grey is ITU-R 601: 0.299 R + 0.587 G + 0.114 B, so (10, 200, 30) gives 123.81.
IMAGES = {
    "L": (filled("L", 100), (100, 100, 100), 100),
    "1 white": (filled("1", 1), (255, 255, 255), 255),
    "1 black": (filled("1", 0), (0, 0, 0), 0),
    "RGB": (filled("RGB", (10, 200, 30)), (10, 200, 30), 124),
    "RGBA": (filled("RGBA", (10, 200, 30, 255)), (10, 200, 30), 124),
    # On white: v * a / 255 + 255 - a.
    "RGBA half clear": (filled("RGBA", (10, 200, 30, 128)), (132, 227, 142), 189),
    "RGBA clear": (filled("RGBA", (0, 0, 0, 0)), (255, 255, 255), 255),
    "RGBa half clear": (filled("RGBa", (5, 100, 15, 128)), (132, 227, 142), 189),
    "LA": (filled("LA", (77, 255)), (77, 77, 77), 77),
    "LA half clear": (filled("LA", (77, 128)), (166, 166, 166), 166),
    "La clear": (filled("La", (0, 0)), (255, 255, 255), 255),
    "L clear": (keyed(filled("L", 9), 9), (255, 255, 255), 255),
    "L with another clear": (keyed(filled("L", 9), 8), (9, 9, 9), 9),
    "RGB clear": (keyed(filled("RGB", (1, 2, 3)), (1, 2, 3)), (255, 255, 255), 255),
    "P": (palette(), (10, 200, 30), 124),
    "P clear": (palette(0), (10, 200, 30), 124),
    "P with alpha": (palette(b"\x80\xff"), (10, 200, 30), 124),
    "P itself clear": (palette(1), (255, 255, 255), 255),
    "P half clear": (palette(b"\xff\x80"), (132, 227, 142), 189),
    "PA half clear": (palette_and_alpha(128), (132, 227, 142), 189),
    "CMYK red": (filled("CMYK", (0, 255, 255, 0)), (255, 0, 0), 76),
    "CMYK black": (filled("CMYK", (0, 0, 0, 255)), (0, 0, 0), 0),
    "YCbCr grey": (filled("YCbCr", (90, 128, 128)), (90, 90, 90), 90),
    "LAB white": (filled("LAB", (255, 128, 128)), (255, 255, 255), 255),
    "I;16 middle": (sixteen_bit(0x8007), (128, 128, 128), 128),
    "I;16 dark": (sixteen_bit(0x02FF), (2, 2, 2), 2),
    "I;16 full": (sixteen_bit(0xFFFF), (255, 255, 255), 255),
    "I;16 clear": (keyed(sixteen_bit(0x1234), 0x1234), (255, 255, 255), 255),
    "I;16B": (filled("I;16B", 0x8007), (128, 128, 128), 128),
    "I as 16 bits": (filled("I", 0x4000), (64, 64, 64), 64),
    "I of 16 bits, the darkest": (filled("I", 256), (1, 1, 1), 1),
    "I as 8 bits": (filled("I", 200), (200, 200, 200), 200),
    "I as 8 bits, the brightest": (filled("I", 255), (255, 255, 255), 255),
    "F": (filled("F", 33.0), (33, 33, 33), 33),
    "F rounded": (filled("F", 254.6), (255, 255, 255), 255),
    "F up to 1": (filled("F", 0.5), (128, 128, 128), 128),
    "F one": (filled("F", 1.0), (255, 255, 255), 255),
    "F zero": (filled("F", 0.0), (0, 0, 0), 0),
}


@pytest.mark.parametrize("name", IMAGES)
def test_color(name):
    image, color, _ = IMAGES[name]
    pixels = Preprocess((3, 2, 2)).pixels(image)
    assert pixels.dtype == np.uint8
    assert pixels.shape == (3, 2, 2)
    assert np.abs(pixels.astype(int) - np.array(color)[:, None, None]).max() <= 1


@pytest.mark.parametrize("name", IMAGES)
def test_grey(name):
    image, _, grey = IMAGES[name]
    pixels = Preprocess((1, 2, 2)).pixels(image)
    assert pixels.shape == (1, 2, 2)
    assert np.abs(pixels.astype(int) - grey).max() <= 1


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("L", "png"),
        ("1 white", "png"),
        ("RGB", "png"),
        ("RGBA half clear", "png"),
        ("RGBA clear", "webp"),
        ("LA half clear", "png"),
        ("L clear", "png"),
        ("RGB clear", "png"),
        ("P itself clear", "gif"),
        ("P half clear", "png"),
        ("I;16 clear", "png"),
        ("I as 8 bits", "tiff"),
        ("F up to 1", "tiff"),
        ("P with alpha", "png"),
        ("P", "gif"),
        ("I;16 middle", "png"),
        ("CMYK red", "tiff"),
        ("CMYK red", "jpg"),
        ("LAB white", "tiff"),
        ("F", "tiff"),
    ],
)
def test_color_through_a_file(name, suffix, tmp_path):
    image, color, _ = IMAGES[name]
    path = tmp_path / f"image.{suffix}"
    image.save(path)
    pixels = Preprocess((3, 2, 2)).pixels(open_image(path))
    assert np.abs(pixels.astype(int) - np.array(color)[:, None, None]).max() <= 3


WHOLE = "whole numbers must lie in 0 to 255 or in 0 to 65535"
FRACTIONS = "fractions must lie in 0 to 1 or in 0 to 255"
REFUSED = {
    "I above": (np.array([[0, 65536]], np.int32), f"grey values from 0 to 65536; {WHOLE}."),
    "I below": (np.array([[-5, 3]], np.int32), f"grey values from -5 to 3; {WHOLE}."),
    "F above": (np.array([[0, 255.5]], np.float32), f"grey values from 0 to 255.5; {FRACTIONS}."),
    "F below": (np.array([[-0.5, 1]], np.float32), f"grey values from -0.5 to 1; {FRACTIONS}."),
    "F nan": (np.array([[np.nan, 1]], np.float32), f"grey values from nan to nan; {FRACTIONS}."),
    "F infinite": (np.array([[0, np.inf]], np.float32), f"grey values from 0 to inf; {FRACTIONS}."),
}


@pytest.mark.parametrize("name", REFUSED)
def test_values_without_a_meaning_are_refused(name, tmp_path):
    values, reason = REFUSED[name]
    image = Image.fromarray(values)
    assert message_of(DataError, Preprocess((1, 2, 2)).pixels, image) == reason
    path = tmp_path / "image.tiff"
    image.save(path)
    assert message_of(DataError, open_image, path) == f"{path}: {reason}"


def test_a_file_of_such_values_is_named_among_the_bad_ones(tmp_path):
    root = write_split_folder(tmp_path)
    file = root / "train" / "cat" / "depth.tiff"
    Image.fromarray(REFUSED["I above"][0]).save(file)
    text = message_of(DataError, load_split, FolderSource(root), "train", (1, 8, 8))
    assert text.startswith(
        f"folder:{root}: 1 of 9 images in 'train' cannot be read: {file}: grey values from 0 to 65536; {WHOLE}. "
    )


def test_values_of_one_image_are_scaled_alike():
    wide = Image.fromarray(np.array([[0, 255, 256, 65535]], np.int32))
    assert Preprocess((1, 1, 4)).pixels(wide).tolist() == [[[0, 0, 1, 255]]]
    unit = Image.fromarray(np.array([[0, 0.25, 0.5, 1]], np.float32))
    assert Preprocess((1, 1, 4)).pixels(unit).tolist() == [[[0, 64, 128, 255]]]


def test_black_strokes_on_nothing_stay_strokes():
    drawing = np.zeros((1, 4, 4), np.uint8)
    drawing[..., 3] = [0, 255, 0, 255]
    pixels = Preprocess((1, 1, 4)).pixels(Image.fromarray(drawing))
    assert pixels.tolist() == [[[255, 0, 255, 0]]]


# What a viewer does to the stored pixels, for each value of EXIF's Orientation.
UPRIGHT = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: np.transpose,
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).T,
    8: lambda a: np.rot90(a, 1),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_exif_orientation(orientation, tmp_path):
    stored = np.random.default_rng(0).integers(0, 256, (4, 6), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(stored).save(tmp_path / "turned.png", exif=exif)
    assert np.array_equal(np.asarray(open_image(tmp_path / "turned.png")), UPRIGHT[orientation](stored))
