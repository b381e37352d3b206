"""Effects done to a few images, as tests want them."""

import numpy as np
import torch
from pictures import planes

from striate.data.augment import Augment, Recipe
from striate.data.augment.draws import image_keys


def augmented(images, *effects, size=None, seed=0, padding="zeros", fill=0.0):
    """Return what ``effects`` make of Pillow's ``images``, of 0..255, float64 ``(N, C, h, w)``."""
    pixels = torch.from_numpy(np.stack([planes(image) for image in images]))
    augment = Augment(Recipe(effects, padding=padding, fill=fill), size=size)
    return augment(pixels, seed=seed)[0].double().numpy() * 255


def drawn(images, *effects, size=None, seed=0):
    """Return the values that `augmented` draws for each of ``effects``."""
    pixels = torch.from_numpy(np.stack([planes(image) for image in images]))
    keys = image_keys(seed, 0, np.arange(len(images)))
    return [entry.values for entry in Augment(Recipe(effects), size=size).plan(pixels, None, keys).entries]
