"""What `augment` times: recipes on batches, and how striate does them."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from unittest.mock import patch

import torch
from torch import Tensor

from striate.data.augment import Augment, Recipe
from striate.data.augment.effects import (
    Brightness,
    Contrast,
    HorizontalFlip,
    Hue,
    RandomCrop,
    RandomResizedCrop,
    Rotate,
    Saturation,
    Shear,
    Shift,
    Zoom,
)
from striate.data.preprocess import Preprocess, Standardize

WORKERS = 2
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
OURS, TORCH = "striate", "striate, its torch engine"
KORNIA, COMPILED = "kornia", "kornia, colors compiled"
PILLOW, LOADER = "Pillow, one process", f"Pillow, DataLoader of {WORKERS} workers"

Range = tuple[float, float]
Job = Callable[[], object]


@dataclass(frozen=True, kw_only=True)
class Ranges:
    """What is drawn from, for all alike; angles as striate counts them, hue in degrees."""

    flip: float = 0.5
    zoom: Range = (0.9, 1.1)
    shear: Range = (-10, 10)
    rotate: Range = (-15, 15)
    shift: float = 0.1
    brightness: Range = (0.6, 1.4)
    contrast: Range = (0.6, 1.4)
    saturation: Range = (0.6, 1.4)
    hue: Range = (-18, 18)
    area: Range = (0.08, 1.0)
    ratio: Range = (3 / 4, 4 / 3)


NONE = Ranges(
    flip=0, zoom=(1, 1), shear=(0, 0), rotate=(0, 0), shift=0, brightness=(1, 1), contrast=(1, 1),
    saturation=(1, 1), hue=(0, 0), area=(1, 1), ratio=(1, 1),
)  # fmt: skip


@dataclass(frozen=True)
class Workload:
    """A recipe, a batch, and what is wanted of it: at least so many times as fast as each of the peers."""

    recipe: str
    shape: tuple[int, int, int, int]
    size: int
    margin: int = 0
    ranges: Ranges = Ranges()
    bounds: tuple[tuple[tuple[str, ...], float], ...] = ()

    def __str__(self) -> str:
        return f"{self.recipe}, {'×'.join(map(str, self.shape))}"

    def images(self) -> Tensor:
        """Return random bytes: what is timed does not depend on what is seen."""
        torch.manual_seed(0)
        return torch.randint(0, 256, self.shape, dtype=torch.uint8)


WORKLOADS = (
    Workload("A", (256, 1, 28, 28), 28),
    Workload("A", (256, 3, 32, 32), 32, bounds=(((KORNIA,), 8), ((PILLOW,), 40))),
    Workload("A", (64, 3, 224, 224), 224, bounds=(((KORNIA,), 10), ((PILLOW,), 7))),
    Workload("B", (256, 1, 28, 28), 28, margin=4),
    Workload("B", (256, 3, 32, 32), 32, margin=4, bounds=(((PILLOW,), 15),)),
    Workload("B", (64, 3, 224, 224), 224, margin=28),
    Workload("C", (64, 3, 320, 320), 224, bounds=(((KORNIA, COMPILED, PILLOW, LOADER), 3),)),
)


def our_recipe(work: Workload) -> Recipe:
    """Return the recipe as striate writes it."""
    r = work.ranges
    flip = HorizontalFlip(p=r.flip)
    moves = (
        flip, Zoom(factor=r.zoom), Shear(x=r.shear), Rotate(degrees=r.rotate), Shift(x=r.shift, y=r.shift)
    )  # fmt: skip
    colors = (Brightness(factor=r.brightness), Contrast(factor=r.contrast))
    if work.shape[1] == 3:
        colors += (Saturation(factor=r.saturation), Hue(degrees=r.hue))
    window = RandomResizedCrop(scale=r.area, ratio=r.ratio)
    return {
        "A": Recipe((*moves, *colors)),
        "B": Recipe((flip, RandomCrop(margin=work.margin))),
        "C": Recipe((window, flip, *colors)),
    }[work.recipe]


def our_job(work: Workload, images: Tensor) -> Job:
    """Return what augments ``images``, each time otherwise."""
    channels = work.shape[1]
    preprocess = Preprocess((channels, work.size, work.size), (Standardize(MEAN[:channels], STD[:channels]),))
    augment = Augment(our_recipe(work), size=(work.size, work.size), preprocess=preprocess)
    steps = itertools.count()
    return lambda: augment(images, seed=0, step=next(steps))[0]


def without_compiled(job: Job) -> object:
    """Run a job of ours by torch alone, as on a GPU."""
    with patch("striate.data.augment.sampling.warping.compiled", lambda: None):
        return job()


# kornia
