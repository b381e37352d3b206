"""Small splits of noise for the tests of preprocessing."""

import numpy as np
import torch

from striate.data import Dataset


def split(count=40, shape=(3, 5, 6), seed=0):
    """Return images whose pixels go together: noise, to which each image adds a brightness of its own."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 150, (count, *shape)) + rng.integers(0, 100, (count, 1, 1, 1))
    return Dataset(torch.from_numpy(images.astype(np.uint8)), torch.zeros(count, dtype=torch.int64))


def unit(dataset):
    """Return its images in float64, 0..1."""
    return dataset.images.numpy() / 255
