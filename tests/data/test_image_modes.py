"""Every mode of image gives the grey and the colors that one sees; files are turned as their EXIF says."""

import numpy as np
import pytest
from PIL import Image

from striate.data import Preprocess, open_image


def filled(mode, value):
    return Image.new(mode, (2, 2), value)


def palette(alpha=None):
    image = Image.new("P", (2, 2), 1)
    image.putpalette([9, 9, 9, 10, 200, 30])
    if alpha is not None:
        image.info["transparency"] = alpha
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
    "RGBA half clear": (filled("RGBA", (10, 200, 30, 128)), (10, 200, 30), 124),
    "LA": (filled("LA", (77, 128)), (77, 77, 77), 77),
    "P": (palette(), (10, 200, 30), 124),
    "P clear": (palette(0), (10, 200, 30), 124),
    "P with alpha": (palette(b"\x80\xff"), (10, 200, 30), 124),
    "CMYK red": (filled("CMYK", (0, 255, 255, 0)), (255, 0, 0), 76),
    "CMYK black": (filled("CMYK", (0, 0, 0, 255)), (0, 0, 0), 0),
    "YCbCr grey": (filled("YCbCr", (90, 128, 128)), (90, 90, 90), 90),
    "LAB white": (filled("LAB", (255, 128, 128)), (255, 255, 255), 255),
    "I;16 middle": (sixteen_bit(0x8007), (128, 128, 128), 128),
    "I;16 dark": (sixteen_bit(0x02FF), (2, 2, 2), 2),
    "I;16 full": (sixteen_bit(0xFFFF), (255, 255, 255), 255),
    "I as 16 bits": (filled("I", 0x4000), (64, 64, 64), 64),
    "I above": (filled("I", 70000), (255, 255, 255), 255),
    "I below": (filled("I", -5), (0, 0, 0), 0),
    "F": (filled("F", 33.0), (33, 33, 33), 33),
}


@pytest.mark.parametrize("name", IMAGES)
def test_color(name):
    image, color, _ = IMAGES[name]
    pixels = Preprocess((3, 2, 2), (0.0,) * 3, (1.0,) * 3).pixels(image)
    assert pixels.dtype == np.uint8
    assert pixels.shape == (3, 2, 2)
    assert np.abs(pixels.astype(int) - np.array(color)[:, None, None]).max() <= 1


@pytest.mark.parametrize("name", IMAGES)
def test_grey(name):
    image, _, grey = IMAGES[name]
    pixels = Preprocess((1, 2, 2), (0.0,), (1.0,)).pixels(image)
    assert pixels.shape == (1, 2, 2)
    assert np.abs(pixels.astype(int) - grey).max() <= 1


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("L", "png"),
        ("1 white", "png"),
        ("RGB", "png"),
        ("RGBA half clear", "png"),
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
    pixels = Preprocess((3, 2, 2), (0.0,) * 3, (1.0,) * 3).pixels(open_image(path))
    assert np.abs(pixels.astype(int) - np.array(color)[:, None, None]).max() <= 3


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
