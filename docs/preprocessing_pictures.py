"""The pictures of the page about preprocessing: what each step makes of photographs and of Fashion-MNIST.

They are not kept with the project, as they hold the photographs. Without STRIATE_DATA grey ones stand in their place.
"""

import os
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import numpy as np
import torch
from PIL import Image

from striate.data import Preprocess, Resize, fit_preprocess, open_source, open_split, views

NAMES = ("sizes", "views", "contrast", "whitening", "components")
PHOTOGRAPHS = (
    "sunflowers/127192624_afa3d9cb84.jpg",
    "tulips/13910544560_9140dd547e.jpg",
    "daisy/11023272144_fce94401f2_m.jpg",
)
SIDE = 160
SMALL = 24
SHOWN = (3, 150, 250, 350, 450)  # of the flowers that are whitened


def write_pictures(pictures: Path) -> None:
    """Write them, or, without the data, grey ones."""
    data = Path(os.environ.get("STRIATE_DATA", ""))
    files = {name: pictures / f"preprocessing-{name}.jpg" for name in NAMES}
    if "STRIATE_DATA" not in os.environ or not all((data / d).is_dir() for d in ("flowers", "fashion-mnist")):
        print("preprocessing: STRIATE_DATA names no folder with flowers/ and fashion-mnist/", file=sys.stderr)
        for file in files.values():
            if not file.exists():
                Image.new("RGB", (400, 60), "lightgrey").save(file)
        return
    photographs = [Image.open(data / "flowers" / "train" / name).convert("RGB") for name in PHOTOGRAPHS]
    _grid(files["sizes"], *_sizes(photographs))
    _grid(files["views"], *_views(photographs[0]))
    _grid(files["contrast"], *_contrast(photographs))
    flowers = open_split(open_source(data / "flowers"), "train", (3, SMALL, SMALL), resize=Resize("cover"))
    fashion = open_split(open_source(f"idx:{data / 'fashion-mnist'}"), "train", (1, 28, 28))
    _grid(files["whitening"], *_whitening(flowers, fashion))
    _grid(files["components"], *_components(flowers, fashion))


def _sizes(photographs):
    ways = {
        "stretch": Preprocess((3, SIDE, SIDE)),
        "fit": Preprocess((3, SIDE, SIDE), resize=Resize("fit")),
        "fit, fill=114": Preprocess((3, SIDE, SIDE), resize=Resize("fit", fill=114)),
        "cover": Preprocess((3, SIDE, SIDE), resize=Resize("cover")),
        "cover, stored 8/7": Preprocess((3, SIDE, SIDE), stored=(SIDE * 8 // 7,) * 2, resize=Resize("cover")),
    }
    rows = [
        [np.asarray(image), *(_last(way.pixels(image)) for way in ways.values())] for image in photographs
    ]
    return rows, ["as it is", *ways]


def _views(photograph):
    image = Preprocess((3, 180, 270)).pixels(photograph)
    parts = views(torch.from_numpy(image)[None], (SIDE, SIDE), 10)[0].numpy()
    names = ["upper left", "upper right", "lower left", "lower right", "middle"]
    return [[_last(part) for part in row] for row in (parts[:5], parts[5:])], names


def _contrast(photographs):
    """Show two photographs, and a dim copy of each, as they are and after each step."""
    square = Preprocess((3, SIDE, SIDE), resize=Resize("cover"))
    images = np.stack([square.pixels(image) for image in photographs[:2] for _ in range(2)])
    images[1::2] = images[1::2] // 5 + 40
    given = torch.from_numpy(images)
    rows = [images]
    for steps in ("gcn", "lcn"):
        floats = fit_preprocess(_Fixed(given), steps).normalize(given)
        rows.append((floats.numpy() / 5 + 0.5).clip(0, 1))  # one scale for all, to compare them by
    names = ["as it is", "gcn", "lcn"]
    return [[_last(row[i]) for row in rows] for i in range(len(images))], names


def _whitening(flowers, fashion):
    rows = []
    for dataset, shown in ((fashion, np.arange(5)), (flowers, np.array(SHOWN))):
        images = dataset.take(shown).clone()
        rows.append([_last(image) for image in images.numpy()])
        for steps in ("zca", "gcn+zca"):
            floats = fit_preprocess(dataset, steps).normalize(images).numpy()
            spread = np.abs(floats).max((1, 2, 3), keepdims=True)
            rows.append([_last(image) for image in floats / spread / 2 + 0.5])
    return rows, [""] * 5, ["as it is", "zca", "gcn+zca"] * 2


def _components(flowers, fashion):
    rows = []
    chosen = [0, 1, 2, 4, 8, 16, 32, 64, 128, 256]
    for dataset in (fashion, flowers):
        (step,) = fit_preprocess(dataset, "pca").steps
        maps = step.components[chosen].view(-1, *dataset.shape).numpy()
        spread = np.abs(maps).max((1, 2, 3), keepdims=True)
        rows.append([_last(image) for image in maps / spread / 2 + 0.5])
    return rows, [str(number + 1) for number in chosen]


class _Fixed:
    """Images that nothing is fitted to, as a split."""

    def __init__(self, images):
        self.images = images
        self.shape = tuple(images.shape[1:])

    def __len__(self):
        return len(self.images)


def _last(image):
    """Return ``(C, H, W)`` as matplotlib shows it."""
    return image[0] if len(image) == 1 else image.transpose(1, 2, 0)


def _grid(path, rows, columns, names=None):
    """Draw rows of images, with a name over each column and before each row."""
    across = 1.5 * len(columns)
    shapes = [max(image.shape[0] / image.shape[1] for image in row) for row in rows]
    figure, axes = plt.subplots(
        len(rows),
        len(columns),
        figsize=(across, 1.5 * sum(shapes) + 0.3),
        height_ratios=shapes,
        squeeze=False,
        layout="constrained",
    )
    for row, line in zip(axes, rows, strict=True):
        for axis, image in zip(row, line, strict=True):
            axis.imshow(image, cmap="gray")
            axis.set(xticks=[], yticks=[])
            axis.set_frame_on(False)
    for axis, name in zip(axes[0], columns, strict=True):
        axis.set_title(name, fontsize=9)
    for row, name in zip(axes, names or [], strict=False):
        row[0].set_ylabel(name, fontsize=9)
    figure.savefig(path, dpi=110, pil_kwargs={"quality": 88})
    plt.close(figure)
