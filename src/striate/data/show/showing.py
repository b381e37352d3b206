"""`show`: chooses images of a source, and augments them. Legend: N images, C channels, H W height and width."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from striate.analyze import shape_text
from striate.data.augment import Augment, Recipe
from striate.data.augment.draws import image_keys, streams
from striate.data.augment.mixing import partner_order
from striate.data.augment.words import phrases
from striate.data.pixels import check_channels, to_pixels
from striate.data.show.sheet import Draw, Sheet, Shown
from striate.data.source import Source
from striate.data.sources import open_source
from striate.errors import DataError, bad_argument, listed, unknown_name

__all__ = ["show"]

DRAWS = 12
_COUNT, _COUNT_STORED, _MOST = 4, 40, 200  # images, with a recipe and without, and at most
_BATCH = 32  # images, at least, of which are those that others are mixed with
_SIDE, _STORED_SIDE = 160, 256  # pixels, where stored images differ or are larger than the second
_LARGEST_STORED = 512  # pixels, of images without a recipe
_LARGEST = 2048
_MOST_PIXELS = 13 * 2**22  # of all images that are read, and of all draws


def show(
    source: Source | str | Path,
    *,
    augment: str | Path | Recipe | None = None,
    split: str = "train",
    count: int | None = None,
    seed: int = 0,
    size: tuple[int, int] | None = None,
    classes: Sequence[str] = (),
) -> Sheet:
    """Show images of a source, of all classes in turn: as they are stored, or beside twelve draws of an augmentation.

    Args:
        source: A source, or what `open_source` takes.
        augment: A recipe, its name or file; None shows the images alone.
        split: Which part of the source.
        count: How many images, at most 200; None means 4, or 40 without a recipe.
        seed: Of the draws, which are those of steps 0 to 11.
        size: Height and width that images are stretched to, as for a network, at most 2048 each; None means what they
            have, but 160 each with a recipe where they differ or are larger than 256.
        classes: Only images of these; none means all.

    Raises:
        DataError: if there is no such source, split, class or image, or an image cannot be decoded.
        ConfigError: if there is no such recipe.
    """
    opened = source if isinstance(source, Source) else open_source(source)
    if count is not None and not 1 <= count <= _MOST:
        raise DataError(bad_argument("count", count, f"1 to {_MOST}"))
    rows = _in_turn(opened, split, classes)
    count = min(count or (_COUNT_STORED if augment is None else _COUNT), len(rows))
    if size is not None and not all(1 <= side <= _LARGEST for side in size):
        raise DataError(bad_argument("size", size, f"height and width of 1 to {_LARGEST} pixels"))
    if augment is None:
        _check_amount(count, size or (_LARGEST_STORED, _LARGEST_STORED), read=count)
        images = tuple(_read(opened, split, row, None, size) for row in rows[:count])
        return Sheet(opened.name, split, images)
    augmenting = Augment(augment, num_classes=len(opened.class_names), class_names=opened.class_names)
    mixes = any(effect.stage == "mixing" for effect in augmenting.recipe.effects)
    batch = rows[: max(count, _BATCH) if mixes else count]
    shape = _shape(opened, size)
    _check_amount(count, shape[1:], read=len(batch), drawn=count * DRAWS)
    read = [_read(opened, split, row, shape) for row in batch]
    draws = _Draws(
        opened, split, augmenting, batch, torch.from_numpy(np.stack([shown.pixels for shown in read]))
    )
    by_step = [draws.of_step(seed, step, count) for step in range(DRAWS)]
    images = tuple(
        dataclasses.replace(shown, draws=tuple(drawn))
        for shown, *drawn in zip(read[:count], *by_step, strict=True)
    )
    name = str(augment) if isinstance(augment, str | Path) and "\n" not in str(augment) else "a recipe"
    return Sheet(opened.name, split, images, augmenting.recipe, name, seed)


class _Draws:
    """What an augmentation makes of one batch, step after step."""

    def __init__(
        self, source: Source, split: str, augment: Augment, rows: Sequence[int], images: Tensor
    ) -> None:
        self.source = source
        self.augment = augment
        self.rows = np.array(rows, np.int64)
        self.images = images
        self.targets = (
            None if source.multi_label else torch.from_numpy(source.split_targets(split)[self.rows])
        )
        self.names = [f"{_label(source, split, row)} #{row}" for row in rows]

    def of_step(self, seed: int, step: int, count: int) -> list[Draw]:
        """Return the draws of ``step`` for the first ``count`` images."""
        made, targets = self.augment(
            self.images, self.targets, seed=seed, step=step, indices=self.rows, share=slice(count)
        )
        keys = image_keys(seed, step, self.rows)
        plan = self.augment.plan(self.images, self.targets, keys)
        partners = {
            slot: [self.names[other] for other in partner_order(streams(keys, slot))] for slot in plan.mixed
        }
        pixels = (255 * made).round_().byte().numpy()
        told = phrases(plan, partners)
        mixed = np.zeros(len(keys), bool)
        for entry in plan.mixed.values():
            mixed[entry.rows] = True
        return [
            Draw(
                step,
                tuple(told[k]),
                self._by_class(targets[k]) if mixed[k] and targets is not None else {},
                image,
            )
            for k, image in enumerate(pixels)
        ]

    def _by_class(self, shares: Tensor) -> Mapping[str, float]:
        named = zip(self.source.class_names, shares.tolist(), strict=True)
        return {name: share for name, share in named if share > 0}


def _read(
    source: Source,
    split: str,
    row: int,
    shape: tuple[int, int, int] | None,
    size: tuple[int, int] | None = None,
) -> Shown:
    """Return an image stretched to ``shape``; None means its own channels, and ``size`` or its own."""
    record = source.record(split, row)
    image = record.open()
    stored = image.height, image.width
    if shape is None:
        channels = 1 if image.mode in ("1", "L", "LA", "F") or image.mode.startswith("I") else 3
        shrunk = max(1.0, max(stored) / _LARGEST_STORED)
        height, width = size or (max(1, round(side / shrunk)) for side in stored)
        shape = channels, height, width
    return Shown(row, record.name, _label(source, split, row), stored, to_pixels(image, shape))


def _label(source: Source, split: str, row: int) -> str:
    """Return the name of an image's class, or all names, or ``unlabeled``."""
    target = source.targets[split][row]
    numbers = np.flatnonzero(target) if source.multi_label else [target]
    return ", ".join(source.class_names[number] for number in numbers) or "unlabeled"


def _in_turn(source: Source, split: str, classes: Sequence[str]) -> list[int]:
    """Return the images of a split, one of each class after another."""
    source.check_split(split)
    for name in classes:
        if name not in source.class_names:
            raise DataError(f"{source.name}: {unknown_name('class', name, source.class_names)}")
    targets = source.targets[split]
    wanted = [k for k, name in enumerate(source.class_names) if not classes or name in classes]
    of_class = [np.flatnonzero(targets[:, k] if targets.ndim > 1 else targets == k) for k in wanted]
    if source.multi_label and not classes:
        of_class.append(np.flatnonzero(~targets.any(1)))
    turns = [(turn, k, int(row)) for k, rows in enumerate(of_class) for turn, row in enumerate(rows[:_MOST])]
    rows = list(dict.fromkeys(row for _, _, row in sorted(turns)))
    if not rows:
        of = f" of {listed(classes)}" if classes else ""
        raise DataError(f"{source.name}: the split {split!r} holds no images{of}.")
    return rows


def _shape(source: Source, size: tuple[int, int] | None) -> tuple[int, int, int]:
    """Return what all images are stretched to."""
    channels, *stored = source.shape or (3, _SIDE, _SIDE)
    check_channels(channels)
    height, width = size or (stored if max(stored) <= _STORED_SIDE else (_SIDE, _SIDE))
    return channels, height, width


def _check_amount(count: int, size: tuple[int, int], *, read: int, drawn: int = 0) -> None:
    """Raise `DataError` if the images that are ``read``, and those ``drawn`` of them, are too many pixels."""
    if (read + drawn) * size[0] * size[1] > _MOST_PIXELS:
        told = f" with {drawn} draws, from {read} that are read," if drawn else ""
        raise DataError(
            f"{count} images of {shape_text(size)} pixels{told} make too large a sheet; choose a smaller size or fewer."
        )
