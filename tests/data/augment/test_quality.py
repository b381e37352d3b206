"""How much sharper an image is that is resampled once, on real photographs.

A chain of effects, each done on its own, interpolates each time. Here it is measured how far that, and the one
resampling of a recipe, are from the ideal: a cubic spline sampled 4 × 4 times per pixel, in float64.
"""

import numpy as np
import pytest
import torch
from pictures import planes
from PIL import Image
from scipy import ndimage

from striate.data.augment import Augment, Recipe
from striate.data.augment.effects import HorizontalFlip, Rotate, Shear, Zoom

SIDE = 160
CHAIN = (HorizontalFlip(p=1), Rotate(degrees=(17, 17)), Zoom(factor=(1.15, 1.15)), Shear(x=(8, 8)))


@pytest.fixture(scope="module")
def images(data_folder):
    """Eight photographs and four of flowers, their middle squares, uint8 ``(12, 3, 160, 160)``."""
    photographs = sorted((data_folder / "photos").glob("*.jpg"))[:8]
    flowers = sorted((data_folder / "flowers" / "val").rglob("*.jpg"))[::40][:4]
    assert len(flowers) == 4
    pictures = []
    for path in photographs + flowers:
        image = Image.open(path).convert("RGB")
        side = min(image.size)
        left, top = (image.width - side) / 2, (image.height - side) / 2
        box = (left, top, left + side, top + side)
        pictures.append(planes(image.resize((SIDE, SIDE), Image.Resampling.LANCZOS, box=box)))
    return torch.from_numpy(np.stack(pictures))


def composed(images, effects):
    """Return what a recipe makes of ``images``, of 0..255."""
    return Augment(Recipe(effects, padding="reflect"))(images)[0] * 255


def chained(images, effects):
    """Return what recipes of one effect each make, with bytes between them, as it is where each is a function."""
    for effect in effects:
        images = composed(images, [effect]).round().to(torch.uint8)
    return images


def psnr(ours, expected):
    """Return the peak signal-to-noise ratio of each image in dB, within the middle half, where no border is seen."""
    middle = slice(SIDE // 4, -SIDE // 4)
    off = np.asarray(ours, float)[..., middle, middle] - np.asarray(expected, float)[..., middle, middle]
    return 10 * np.log10(255**2 / np.square(off).mean((1, 2, 3)))


def ideal(images):
    """Return what ``CHAIN`` makes of images in one mapping, by cubic splines, each pixel the mean of 4 × 4 places."""
    c, s, slant = np.cos(np.deg2rad(17)), np.sin(np.deg2rad(17)), np.tan(np.deg2rad(8))
    back = np.diag([-1, 1]) @ [[c, -s], [s, c]] @ np.eye(2) / 1.15 @ [[1, -slant], [0, 1]]
    fine = (np.arange(4 * SIDE) + 0.5) / 4 - SIDE / 2
    x, y = np.einsum("ij,jhw->ihw", back, np.stack(np.meshgrid(fine, fine))) + SIDE / 2 - 0.5
    out = [
        [ndimage.map_coordinates(plane.astype(float), [y, x], order=3, mode="mirror") for plane in image]
        for image in images.numpy()
    ]
    return np.clip(np.reshape(out, (len(images), 3, SIDE, 4, SIDE, 4)).mean((3, 5)), 0, 255)


def test_turned_and_turned_back_nothing_is_lost(images):
    there_and_back = [Rotate(degrees=(23, 23)), Rotate(degrees=(-23, -23))]
    once, twice = (psnr(made(images, there_and_back), images) for made in (composed, chained))
    print(f"there and back: composed {np.median(once):.1f} dB, chained {np.median(twice):.1f} dB")
    assert once.min() > 80  # what is left are roundings of float32 and of 13 bits
    assert twice.max() < 45
    assert np.median(once - twice) > 45


def test_one_resampling_is_nearer_to_the_ideal_than_a_chain(images):
    expected = ideal(images)
    once, twice = (psnr(made(images, CHAIN), expected) for made in (composed, chained))
    print(f"four effects: composed {np.median(once):.2f} dB, chained {np.median(twice):.2f} dB, "
          f"gain {np.median(once - twice):.2f} dB, least {(once - twice).min():.2f} dB")  # fmt: skip
    assert (once - twice).min() > 5
    assert np.median(once - twice) > 6
    assert np.median(once) > 36
