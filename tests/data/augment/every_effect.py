"""Every effect with a batch that it can be done to: what contracts run over."""

import numpy as np
import torch

from striate.data.augment import Augment, Recipe
from striate.data.augment.effects import EFFECTS

CLASSES = 5


def effect(kind, **options):
    """Return the effect of a name, done to all images unless ``p`` is given."""
    return EFFECTS[kind](**({"p": 1.0} | options))


def often(kind):
    """Return the effect as it differs from image to image: one that draws nothing is done to half of them."""
    draws_keys = EFFECTS[kind].stage in ("mixing", "policy")
    return effect(kind) if EFFECTS[kind].draws or draws_keys else effect(kind, p=0.5)


def batch(kind, count, side=18):
    """Return random images, or signals, and their classes."""
    rng = np.random.default_rng(8)
    targets = torch.from_numpy(rng.integers(0, CLASSES, count))
    if EFFECTS[kind].stage == "signal":
        return torch.from_numpy(rng.normal(size=(count, 2, 120)).astype(np.float32)), targets
    return torch.from_numpy(rng.integers(20, 230, (count, 3, side, side + 2), dtype=np.uint8)), targets


def augment(*effects, **options):
    """Return the `Augment` of a recipe of ``effects``."""
    return Augment(Recipe(effects), num_classes=CLASSES, **options)


def untouched(images):
    """Return what an augmentation that does nothing returns."""
    return images.clone() if images.is_floating_point() else images * np.float32(1 / 255)
