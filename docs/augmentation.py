"""The page that lists every effect, from the code, and its pictures: what each effect does to a photograph.

Most pictures hold photographs and are not kept with the project: without STRIATE_DATA grey ones stand in their place.
"""

import dataclasses
import inspect
import os
import sys
import textwrap
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import matplotlib
import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image

from striate.data import ArraySource
from striate.data.augment import Augment, Recipe
from striate.data.augment.draws import image_keys
from striate.data.augment.effects import EFFECTS, Effect
from striate.data.augment.effects.base import Spread
from striate.data.augment.words import words
from striate.data.pixels import to_pixels
from striate.data.show import Sheet, show

__all__ = ["effects_page", "write_pictures"]

SIDE = 160
DRAWS = 6
SEED = 14025  # of whose first draws of an image none is near another, at the steps that are shown
STAGES = {
    "geometry": ("Geometry", "3×3 matrices, composed into one; the image is resampled once."),
    "color": ("Color", "4×4 matrices of red, green, blue and 1, composed into one."),
    "pixels": (
        "Pixels",
        "Done one after another, to the float pixels of their images, after geometry and color.",
    ),
    "policy": ("Policies", "For each image they choose among the effects above."),
    "mixing": ("Mixing", "Last: each image with another of its batch, and their targets."),
    "signal": ("Signals", "For float32 `(N, C, L)`; a recipe is either for images or for signals."),
}
PHOTOGRAPHS = {
    "sunflowers/1008566138_6927679c8a.jpg": "liz west",
    "tulips/13910544560_9140dd547e.jpg": "Nahid V",
    "daisy/11023272144_fce94401f2_m.jpg": "Andrew Moore",
    "roses/11102341464_508d558dfc_n.jpg": "Don Graham",
    "dandelion/10043234166_e6dd915111_n.jpg": "Vlastimil Koutecký",
}
PAGE = """---
hide: [toc]
---

# The effects

<!-- Made by `make docs` from striate.data.augment.effects; do not edit. -->

What a [recipe](augmentation.md) may list, in the order in which it is done. Each also has `p`, the share of images that
it is done to, 1 unless another is written here, and `classes`, those that it is for, by name or number, all by default.
A range is `[low, high]`, or one number `a` for no change ± `a`. Pictures show six draws of each effect, with its
defaults and `p` 1. The [reference](api/data.md) says what each option means.
"""


def effects_page() -> str:
    """Return the page of every effect, a table and a picture for each stage."""
    parts = [PAGE]
    for stage, (title, about) in STAGES.items():
        kind = "svg" if stage == "signal" else "jpg"
        rows = [
            f"| `{name}` | {_first_paragraph(effect)} | {_options(effect)} |"
            for name, effect in _of(stage).items()
        ]
        picture = f"![Six draws of each]({_file(stage, kind)})"
        parts += [
            f"## {title}",
            "",
            about,
            "",
            "| | what it does | options |",
            "|---|---|---|",
            *rows,
            "",
            picture,
            "",
        ]
    authors = ", ".join(sorted(PHOTOGRAPHS.values(), key=str.lower))
    credit = (
        "Photographs, resized and changed, under [CC BY 2.0](https://creativecommons.org/licenses/by/2.0/), by "
        f"{authors}. The pictures are made by `make docs` where `STRIATE_DATA` names a folder with `flowers/`."
    )
    return "\n".join([*parts, *textwrap.wrap(credit, 120), ""])


def write_pictures(pictures: Path) -> None:
    """Write the pictures of the page, or, without the photographs, grey ones."""
    _signals(pictures / Path(_file("signal", "svg")).name)
    root = Path(os.environ.get("STRIATE_DATA", ""), "flowers", "train")
    there = "STRIATE_DATA" in os.environ and root.is_dir()
    if not there:
        print("effects: STRIATE_DATA names no folder with flowers/", file=sys.stderr)
    source = _photographs(root) if there else None
    for stage, (title, _) in STAGES.items():
        file = pictures / Path(_file(stage, "jpg")).name
        if stage != "signal" and source is not None:
            _sheet(source, title, _of(stage), file)
        elif stage != "signal" and not file.exists():
            Image.new("RGB", (400, 60), "lightgrey").save(file)


def _file(stage: str, kind: str) -> str:
    return f"pictures/augmentation-{stage}.{kind}"


def _of(stage: str) -> dict[str, type[Effect]]:
    return {name: effect for name, effect in EFFECTS.items() if effect.stage == stage}


# The table


def _first_paragraph(effect: type[Effect]) -> str:
    return " ".join((inspect.getdoc(effect) or "").partition("\n\n")[0].split())


def _options(effect: type[Effect]) -> str:
    """Return every option with its default and what it may be."""
    hints = get_type_hints(effect, include_extras=True)
    fields = dataclasses.fields(effect)
    told = [
        f"`{f.name}: {_plain(f.default)}`{_allowed(hints[f.name], f.default)}"
        for f in fields
        if f.name not in ("p", "classes")
    ]
    own_p = next(f.default for f in fields if f.name == "p")
    return "<br>".join(told + ([f"`p: {_plain(own_p)}`"] if own_p != 1 else []))


def _plain(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_plain, value))}]"
    return f"{value:.4g}" if isinstance(value, float) else "null" if value is None else str(value)


def _allowed(hint: Any, default: Any) -> str:
    """Return the bounds of a number or a range, or the choices."""
    if get_origin(hint) is Literal:
        return f" or {', '.join(f'`{choice}`' for choice in get_args(hint) if choice != default)}"
    for mark in getattr(hint, "__metadata__", ()):
        if isinstance(mark, Spread):
            return f", within {mark.low:,g} to {mark.high:,g}"
        bounds = {
            name: getattr(m, name)
            for m in getattr(mark, "metadata", ())
            for name in ("gt", "ge", "le")
            if hasattr(m, name)
        }
        if bounds:
            low = f"above {bounds['gt']:g}, up" if "gt" in bounds else f"within {bounds['ge']:g}"
            return f", {low} to {bounds['le']:,g}"
    return ""


# The pictures


def _photographs(root: Path) -> ArraySource:
    """Return the middle squares of the photographs as a source, a class each."""
    squares = []
    for name in PHOTOGRAPHS:
        with Image.open(root / name) as image:
            side = min(image.size)
            left, top = (image.width - side) // 2, (image.height - side) // 2
            square = image.convert("RGB").crop((left, top, left + side, top + side))
        squares.append(to_pixels(square, (3, SIDE, SIDE)))
    names = tuple(name.partition("/")[0] for name in PHOTOGRAPHS)
    return ArraySource("flowers", {"train": np.stack(squares)}, {"train": np.arange(len(squares))}, names)


def _sheet(source: ArraySource, title: str, effects: dict[str, type[Effect]], file: Path) -> None:
    """Draw a row for each effect: the first photograph, and what the effect makes of it."""
    images = []
    for name, effect in effects.items():
        (shown,) = show(
            source, augment=Recipe((effect(p=1.0),), padding="reflect"), count=1, seed=SEED
        ).images
        images.append(dataclasses.replace(shown, label=name, draws=shown.draws[:DRAWS]))
    sheet = Sheet(title, "each alone", tuple(images), Recipe(), "p 1, padding reflect", SEED)
    temporary = file.with_suffix(".png")
    sheet.save(temporary)
    with Image.open(temporary) as picture:
        picture.convert("RGB").save(file, quality=88)
    temporary.unlink()


def _signals(file: Path) -> None:
    """Draw what each effect on signals makes of two strokes that die away."""
    t = np.arange(200)
    clip = sum(
        gain * np.where(t >= start, np.exp((start - t) / 14) * np.sin((t - start) / 2.2), 0)
        for start, gain in ((30, 1.0), (110, 0.7))
    )
    signal = torch.from_numpy(clip).float()[None, None]
    effects, across = _of("signal"), 4
    with matplotlib.rc_context({"svg.hashsalt": "augmentation"}):
        figure = Figure(figsize=(11, 1.25 * len(effects)), layout="constrained")
        axes = figure.subplots(len(effects), across, sharex=True, sharey=True)
        for row, (name, effect) in zip(axes, effects.items(), strict=True):
            augment = Augment(Recipe((effect(p=1.0),)))
            row[0].set_ylabel(name)
            for step, ax in enumerate(row):
                changed, _ = augment(signal, seed=SEED, step=step)
                ax.plot(clip, color="#c9ccd2", linewidth=1)
                ax.plot(changed[0, 0].numpy(), color="#2f5d8c", linewidth=1)
                told = words(augment.plan(signal, None, image_keys(SEED, step, np.zeros(1, np.int64))))
                ax.set_title(told[0], fontsize=9)
                ax.set(xticks=[], yticks=[])
        figure.savefig(file, metadata={"Date": None, "Creator": None})
