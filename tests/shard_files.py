"""Shards for tests: written by Python's tarfile from images that are functions of their number."""

import io
import tarfile

import numpy as np
from PIL import Image


def pixels(seed, size=(6, 5)):
    return np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)


def encoded(seed, size=(6, 5), kind="png"):
    out = io.BytesIO()
    Image.fromarray(pixels(seed, size)).save(out, kind)
    return out.getvalue()


def samples(seeds, label=lambda seed: str(seed % 2), size=(6, 5)):
    """Return the members of samples ``0007.png``, ``0007.cls``."""
    found = []
    for seed in seeds:
        found += [(f"{seed:04}.png", encoded(seed, size)), (f"{seed:04}.cls", label(seed).encode())]
    return found


def write_tar(path, members, form=tarfile.GNU_FORMAT):
    """Write members: names and bytes, or ready ``TarInfo``s and bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=form) as tar:
        for name, data in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            if not isinstance(name, tarfile.TarInfo):
                info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def write_set(root, train=(5, 7, 6), val=(6,), **options):
    """Write ``train-000.tar`` and so on, with as many samples each; seeds count on from 0."""
    seed = 0
    for split, counts in (("train", train), ("val", val)):
        for number, count in enumerate(counts):
            seeds = range(seed, seed + count)
            write_tar(root / f"{split}-{number:03}.tar", samples(seeds, **options))
            seed += count
    return root
