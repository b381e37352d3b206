"""Every sort of image file, through a pack: expected pixels, worked out beside Pillow's conversions."""

import numpy as np
import pytest
from PIL import Image
from toys import write_image

from striate.data import FolderSource
from striate.data.pack.format import Settings
from striate.data.pack.packing import pack_source
from striate.data.pack.reader import PackSource

SIDE = 16


def halves(left, right, kind=np.uint8):
    """Return an array whose left half is ``left`` and right half ``right``."""
    image = np.empty((SIDE, SIDE, *np.shape(left)), kind)
    image[:, : SIDE // 2], image[:, SIDE // 2 :] = left, right
    return image


def palette():
    image = Image.fromarray(halves(0, 1)).convert("P")
    image.putpalette([10, 200, 30, 250, 0, 90])
    return image


def save_animation(path, **options):
    frames = [
        Image.fromarray(halves(*colors)) for colors in (((255, 0, 0), (0, 0, 255)), ((9, 9, 9), (0, 255, 0)))
    ]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=50, **options)


def turned(path):
    """Save what a camera held on its side saves: the left half of the scene is the stored upper half."""
    exif = Image.Exif()
    exif[0x0112] = 5
    Image.fromarray(halves((200, 30, 30), (20, 20, 220)).transpose(1, 0, 2)).save(path, exif=exif, quality=95)


# File: how it is saved, left color, right color, how far the file format itself may be off.
FILES = {
    "grey.png": (lambda p: Image.fromarray(halves(40, 210)).save(p), (40,) * 3, (210,) * 3, 0),
    "palette.png": (lambda p: palette().save(p), (10, 200, 30), (250, 0, 90), 0),
    "palette, clear.png": (
        lambda p: palette().save(p, transparency=1), (10, 200, 30), (255, 255, 255), 0,
    ),
    "one bit.png": (lambda p: Image.fromarray(halves(0, 255)).convert("1").save(p), (0,) * 3, (255,) * 3, 0),
    "one bit.tiff": (
        lambda p: Image.fromarray(halves(0, 255)).convert("1").save(p, compression="group4"), (0,) * 3, (255,) * 3, 0,
    ),
    "sixteen bits.png": (
        lambda p: Image.fromarray(halves(0x1234, 0xFEDC, np.uint16)).save(p), (0x12,) * 3, (0xFE,) * 3, 0,
    ),
    "sixteen bits.tiff": (
        lambda p: Image.fromarray(halves(0x1234, 0xFEDC, np.uint16)).save(p), (0x12,) * 3, (0xFE,) * 3, 0,
    ),
    "sixteen bits.pgm": (
        lambda p: Image.fromarray(halves(0x1234, 0xFEDC, np.uint16)).save(p), (0x12,) * 3, (0xFE,) * 3, 0,
    ),
    "cmyk.jpg": (  # c = 255 - r, and so on
        lambda p: Image.fromarray(halves((0, 155, 255, 0), (255, 0, 55, 0)), "CMYK").save(p, quality=98),
        (255, 100, 0), (0, 255, 200), 4,
    ),
    "cmyk.tiff": (
        lambda p: Image.fromarray(halves((0, 155, 255, 0), (0, 0, 0, 100)), "CMYK").save(p),
        (255, 100, 0), (155, 155, 155), 0,
    ),
    "alpha.png": (  # on white: v * a / 255 + 255 - a
        lambda p: Image.fromarray(halves((10, 200, 30, 255), (10, 200, 30, 51))).save(p),
        (10, 200, 30), (206, 244, 210), 1,
    ),
    "grey and alpha.png": (
        lambda p: Image.fromarray(halves((50, 255), (50, 51)), "LA").save(p), (50,) * 3, (214,) * 3, 1,
    ),
    "alpha.webp": (
        lambda p: Image.fromarray(halves((10, 200, 30, 255), (10, 200, 30, 0))).save(p, lossless=True),
        (10, 200, 30), (255, 255, 255), 0,
    ),
    "turned.jpg": (turned, (200, 30, 30), (20, 20, 220), 4),
    "progressive.jpg": (
        lambda p: Image.fromarray(halves((200, 30, 30), (20, 20, 220))).save(p, progressive=True, quality=95),
        (200, 30, 30), (20, 20, 220), 4,
    ),
    "grey.jpg": (lambda p: Image.fromarray(halves(40, 210)).save(p, quality=95), (40,) * 3, (210,) * 3, 2),
    "animation.gif": (save_animation, (255, 0, 0), (0, 0, 255), 0),
    "animation.webp": (lambda p: save_animation(p, lossless=True), (255, 0, 0), (0, 0, 255), 0),
    "animation.png": (save_animation, (255, 0, 0), (0, 0, 255), 0),
    "pages.tiff": (
        lambda p: Image.fromarray(halves((1, 2, 3), (4, 5, 6))).save(
            p, save_all=True, append_images=[Image.new("RGB", (SIDE, SIDE), "white")]
        ),
        (1, 2, 3), (4, 5, 6), 0,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    root = tmp_path_factory.mktemp("images")
    for name, (save, *_) in FILES.items():
        (root / "train" / "a").mkdir(parents=True, exist_ok=True)
        save(root / "train" / "a" / name)
    write_image(root / "val" / "a" / "x.png", 0)
    return FolderSource(root)


def test_the_files_are_what_they_are_called(source):
    opened = {}
    for i in range(len(FILES)):
        with Image.open(source.record("train", i).data) as image:
            opened[source.record("train", i).data.name] = (
                image.mode,
                getattr(image, "n_frames", 1),
                image.info,
            )
    assert {name: mode for name, (mode, _, _) in opened.items()} == {
        "grey.png": "L", "palette.png": "P", "palette, clear.png": "P", "one bit.png": "1", "one bit.tiff": "1",
        "sixteen bits.png": "I;16", "sixteen bits.tiff": "I;16", "sixteen bits.pgm": "I", "cmyk.jpg": "CMYK",
        "cmyk.tiff": "CMYK", "alpha.png": "RGBA", "grey and alpha.png": "LA", "alpha.webp": "RGBA",
        "turned.jpg": "RGB", "progressive.jpg": "RGB", "grey.jpg": "L", "animation.gif": opened["animation.gif"][0],
        "animation.webp": opened["animation.webp"][0], "animation.png": "RGB", "pages.tiff": "RGB",
    }  # fmt: skip
    assert opened["progressive.jpg"][2]["progressive"]
    assert [opened[name][1] for name in ("animation.gif", "animation.webp", "animation.png")] == [2, 2, 2]
    assert opened["pages.tiff"][1] == 2


@pytest.mark.parametrize("channels", [3, 1])
@pytest.mark.parametrize("jpeg", ["never", "fine", "fast"])
def test_every_sort_of_image(source, tmp_path, channels, jpeg):
    path = tmp_path / "x.pack"
    pack_source(source, path, (channels, 4, 4), Settings(jpeg=jpeg))
    pack = PackSource(path)
    images = pack.array("train").astype(int)
    for i, image in enumerate(images):
        name = pack.record("train", i).name.rsplit("/", 1)[1]
        _, left, right, off = FILES[name]
        for column, color in ((0, left), (-1, right)):  # the outer ones, which see one half alone
            # Grey is ITU-R 601.
            wanted = color if channels == 3 else [np.dot((0.299, 0.587, 0.114), color)]
            gap = np.abs(image[:, :, column] - np.array(wanted)[:, None]).max()
            assert gap <= off + (channels == 1), (name, column, image[:, 0, column], wanted)
