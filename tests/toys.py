"""Small data and networks that train in a fraction of a second."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from striate.data import ArraySource
from striate.spec import Conv, Flatten, Linear, MaxPool, Network, ReLU, Sequential
from striate.train import TrainConfig, train

NAMES = ("left", "middle", "right")


def stripes(count, seed=0, channels=1):
    """Return uint8 ``(count, channels, 8, 8)``, dark noise with a bright band where the class says, and targets."""
    targets = np.arange(count) % len(NAMES)
    images = np.random.default_rng(seed).integers(0, 60, (count, channels, 8, 8))
    for image, target in zip(images, targets, strict=True):
        image[:, :, 3 * target : 3 * target + 2] += 150
    return images.astype(np.uint8), targets


def toy_source(train=48, val=24, test=24, channels=1, name="toy"):
    counts = {"train": train, "val": val, "test": test}
    parts = {split: stripes(n, seed, channels) for seed, (split, n) in enumerate(counts.items())}
    return ArraySource(
        name, {s: images for s, (images, _) in parts.items()}, {s: t for s, (_, t) in parts.items()}, NAMES
    )


def tiny(classes=3, channels=1):
    return Network(
        "tiny",
        (channels, 8, 8),
        Sequential(Conv(4, 3, name="conv"), ReLU(), MaxPool(2), Flatten(), Linear(classes, name="head")),
    )


def quick(**options):
    """Return a configuration of two epochs of three steps on `toy_source`."""
    few = {"epochs": 2.0, "batch_size": 16, "device": "cpu", "health_every": None, "plan": "plain"}
    return TrainConfig(**few | options)


def trained(out, network=None, data=None, **options):
    """Train to the end and return the events."""
    return list(train(network or tiny(), data or toy_source(), quick(**options), out))


def write_image(path, seed, size=(8, 8), mode="RGB"):
    """Write noise that is a function of ``seed``; no two seeds give the same file."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = {"L": (), "RGB": (3,)}[mode]
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], *channels), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def pillow_resized(image, height, width):
    """Return what Pillow makes of an image, in two steps, rows first: uint8 ``(C, height, width)``."""
    rows = image.resize((image.width, height), Image.Resampling.BILINEAR)
    pixels = np.asarray(rows.resize((width, height), Image.Resampling.BILINEAR))
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def write_split_folder(root, splits=("train", "val", "test"), classes=("cat", "dog"), each=4):
    """Write ``root/<split>/<class>/<n>.png``, every file another."""
    seed = 0
    for split in splits:
        for name in classes:
            for number in range(each):
                write_image(root / split / name / f"{number}.png", seed)
                seed += 1
    return root


def message_of(error, call, *arguments, **options):
    """Return the text of the one error, of just this class, that ``call`` raises."""
    with pytest.raises(error) as caught:
        call(*arguments, **options)
    assert caught.type is error
    return str(caught.value)


def files_below(folder):
    return sorted(str(p.relative_to(folder)) for p in Path(folder).rglob("*"))
