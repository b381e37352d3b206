"""Real photographs and random ones, as Pillow's images and as batches."""

import numpy as np
import torch
from PIL import Image

NAMES = ("broccoli", "coffeepot", "pizza", "teddy1")


def photographs(folder, mode="RGB", size=(150, 101)):
    """Return some photographs of the data folder, at a ``size`` that no side of which is a multiple of 8."""
    images = [Image.open(folder / "photos" / f"{name}.jpg").convert(mode) for name in NAMES]
    return [image.resize(size, Image.Resampling.LANCZOS) for image in images]


def random_pictures(mode="RGB", size=(37, 22)):
    """Return noise of all values, of few, of two and of one."""
    rng = np.random.default_rng(3)
    shape = (size[1], size[0], 3) if mode == "RGB" else size[::-1]
    ranges = ((0, 256), (90, 99), (40, 42), (77, 78))
    return [Image.fromarray(rng.integers(*limits, shape, dtype=np.uint8)) for limits in ranges]


def batch(images):
    """Return Pillow's images as float32 ``(n, C, H, W)``."""
    return torch.from_numpy(np.stack([planes(image) for image in images])).float()


def planes(image):
    """Return Pillow's image as uint8 ``(C, H, W)``."""
    pixels = np.array(image)
    return np.ascontiguousarray(pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1))
