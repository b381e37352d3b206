"""`Augment`: a recipe done to batches. Legend: N images, C channels, H W of the source, h w of the output."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from striate.data.augment.arguments import (
    check_images,
    check_together,
    checked_count,
    checked_share,
    checked_size,
    class_numbers,
    index_array,
    step_array,
    whole_number,
)
from striate.data.augment.draws import Floats, Keys, image_keys, streams, uniforms
from striate.data.augment.effects import Effect, Mixing
from striate.data.augment.mixing import partner_order, soft_targets
from striate.data.augment.named import recipe as named_recipe
from striate.data.augment.plan import Entry, Plan, Rows
from striate.data.augment.recipe import Recipe
from striate.data.augment.rendering import Rendering, parts_of, rendered, rendered_signals
from striate.data.augment.sampling import channel_means, prepare
from striate.data.moving import moved
from striate.data.precision import without_autocast
from striate.data.preprocess import Preprocess
from striate.errors import DataError

__all__ = ["Augment"]


class Augment:
    """Augments batches: ``images, targets = augment(images, targets, seed=0, step=k)``.

    What is done to an image is a function of the seed, the step and the image's index alone, on every device: neither
    the split of a batch nor the number of workers changes it.

    Args:
        recipe: What is done: a `Recipe`, the name of one, or a ``.yaml`` file.
        size: Height and width of the output; None means those of the images. Without a crop in the recipe, images are
            stretched to it.
        preprocess: What turns pixels into a network's input, done at the same time; None scales to 0..1.
        num_classes: How many classes there are, for recipes that mix images.
        class_names: Of the classes, for effects that name theirs.

    Raises:
        ConfigError: if there is no such recipe, or an argument is not what it should be.
    """

    def __init__(
        self,
        recipe: str | Path | Recipe,
        *,
        size: tuple[int, int] | None = None,
        preprocess: Preprocess | None = None,
        num_classes: int | None = None,
        class_names: Sequence[str] = (),
    ) -> None:
        self.recipe = named_recipe(recipe)
        self.size = checked_size(size)
        check_together(self.recipe, self.size, preprocess)
        self.num_classes = checked_count(num_classes)
        self.class_names = tuple(class_names)
        self._rendering = Rendering(preprocess, self.recipe.padding, self.recipe.fill)
        self._classes = [
            class_numbers(effect, self.class_names, num_classes) for effect in self.recipe.effects
        ]
        self._starts = np.cumsum([0, *(1 + effect.draws for effect in self.recipe.effects)])
        self._mixes = [slot for slot, effect in enumerate(self.recipe.effects) if effect.stage == "mixing"]
        prepare()

    def __call__(
        self,
        images: Tensor,
        targets: Tensor | None = None,
        *,
        seed: int = 0,
        step: int | NDArray[Any] = 0,
        indices: Tensor | NDArray[Any] | None = None,
        share: slice | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Return augmented images, on the device of ``images``, and their targets.

        Args:
            images: uint8 ``(N, C, H, W)`` of 1 or 3 channels; signals are float32 ``(N, C, L)``.
            targets: Numbers of classes, int64 ``(N,)``, or probabilities, float32 ``(N, classes)``.
            seed: Of the run.
            step: Of the run; another step draws other numbers. Or that of each image, ``(N,)``, if the recipe mixes
                none: batches of several steps may be changed at once.
            indices: Which image of the data set each is, ``(N,)``; None means 0 to N - 1.
            share: Which images of the batch to return, in their order; the others serve to be mixed with. None means
                all.

        Returns:
            Float32 ``(N, C, h, w)``, or ``(N, C, L)``. The targets as they were given, or, if the recipe mixes images,
            as probabilities, float32 ``(N, classes)``.

        Raises:
            DataError: if the images are of another shape or type, or do not fit the preprocessing, or if targets are
                missing that the recipe needs, or images of several steps were to be mixed.
        """
        check_images(images, self.recipe, self.size, self._rendering.preprocess)
        share = checked_share(share, len(images))
        keys = image_keys(
            whole_number("seed", seed), self._steps(step, len(images)), index_array(indices, len(images))
        )
        self._check_targets(images, targets)
        if not len(range(len(images))[share or slice(None)]):
            return self._nothing(images, targets)
        with without_autocast(images):
            if self._mixes:
                return self._mixed(images, targets, keys, share)
            if share is not None:
                images, keys = images[share], keys[share]
                targets = None if targets is None else targets[share]
            return self._changed(images, self.plan(images, targets, keys)), targets

    @property
    def mixes(self) -> bool:
        """Whether images of a batch are mixed with one another."""
        return bool(self._mixes)

    def adapted(self, recipe: Recipe, size: tuple[int, int], preprocess: Preprocess) -> Augment:
        """Return an augmentation with the same classes and these other arguments."""
        return Augment(
            recipe,
            size=size,
            preprocess=preprocess,
            num_classes=self.num_classes,
            class_names=self.class_names,
        )

    def plan(self, images: Tensor, targets: Tensor | None, keys: Keys) -> Plan:
        """Return what is to be done to ``images`` of ``keys`` ``(N,)``; see `image_keys`."""
        count, channels = images.shape[:2]

        @cache
        def means() -> Floats:
            return (
                np.broadcast_to(channel_means(images), (count, 3)) if channels == 1 else channel_means(images)
            )

        frame = (1, images.shape[2]) if images.ndim == 3 else (images.shape[2], images.shape[3])
        plan = Plan(count, frame, self.size or frame, means)
        numbers = uniforms(keys, int(self._starts[-1]))
        for slot, effect in enumerate(self.recipe.effects):
            drawn = numbers[:, self._starts[slot] : self._starts[slot + 1]]
            rows = self._rows(slot, effect, drawn[:, 0], targets)
            values = effect.values(drawn[rows, 1:], partial(_streams_of, keys, rows, slot))
            plan.enter(effect, rows, values)
            if isinstance(effect, Mixing):
                plan.mixed[slot] = Entry(effect, rows, values)
        plan.stretch()
        return plan

    def _rows(self, slot: int, effect: Effect, drawn: Floats, targets: Tensor | None) -> Rows:
        """Return the images that an effect is done to."""
        classes = self._classes[slot]
        if effect.p >= 1 and classes is None:
            return slice(None)
        hit = drawn < effect.p
        if classes is not None:
            assert targets is not None
            numbers = targets.argmax(1) if targets.is_floating_point() else targets
            hit &= np.isin(numbers.cpu().numpy(), classes)
        return np.flatnonzero(hit)

    def _nothing(self, images: Tensor, targets: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return what becomes of no images."""
        size = images.shape[2:] if images.ndim == 3 else self.size or images.shape[2:]
        empty = images.new_empty(0, images.shape[1], *size, dtype=torch.float32)
        if targets is None or targets.is_floating_point() or not self._mixes:
            return empty, None if targets is None else targets[:0]
        return empty, targets.new_empty(0, self.num_classes or 0, dtype=torch.float32)

    def _changed(self, images: Tensor, plan: Plan) -> Tensor:
        return (
            rendered_signals(images, plan, self._rendering)
            if images.ndim == 3
            else rendered(images, plan, self._rendering)
        )

    def _mixed(
        self, images: Tensor, targets: Tensor | None, keys: Keys, share: slice | None
    ) -> tuple[Tensor, Tensor | None]:
        """Do all to those of the batch that ``share`` needs, and mix them."""
        partners = {slot: partner_order(streams(keys, slot)) for slot in self._mixes}
        wanted = np.arange(len(keys))[share or slice(None)]
        needed = wanted
        for slot in reversed(self._mixes):
            needed = np.union1d(needed, partners[slot][needed])
        place = np.full(len(keys), -1)  # of each image among those that are needed; -1 of the others
        place[needed] = np.arange(len(needed))
        if len(needed) < len(keys):
            chosen = torch.from_numpy(needed)
            images = images[moved(chosen, images.device)]
            targets = None if targets is None else targets[moved(chosen, targets.device)]
        plan = self.plan(images, targets, keys[needed])
        mixed = self._changed(images, plan)
        for slot in self._mixes:
            # Those of images that only serve as partners do not count.
            others = np.maximum(place[partners[slot][needed]], 0)
            mixed, targets = self._mix(mixed, targets, plan.mixed.get(slot), others)
        if len(wanted) == len(needed):
            return mixed, targets
        final = torch.from_numpy(place[wanted])
        shown = None if targets is None else targets[moved(final, targets.device)]
        return mixed[moved(final, mixed.device)], shown

    def _mix(
        self, images: Tensor, targets: Tensor | None, entry: Entry | None, others: NDArray[np.int64]
    ) -> tuple[Tensor, Tensor | None]:
        """Mix images with ``others`` ``(N,)``, and their targets."""
        shares = np.ones(len(images))
        partners = torch.from_numpy(others)
        if entry is not None:
            numbers = np.arange(len(images))[entry.rows]
            mixed = self._rendering.copy(images)
            at_once = parts_of(images)
            for start in range(0, len(numbers), at_once):
                part = slice(start, start + at_once)
                own = moved(torch.from_numpy(numbers[part]), images.device)
                other = moved(partners[numbers[part]], images.device)
                values = {name: drawn[part] for name, drawn in entry.values.items()}
                assert isinstance(entry.effect, Mixing)
                mixed[own], shares[numbers[part]] = entry.effect.mix(images[own], images[other], values)
            images = mixed
        if targets is None:
            return images, None
        own = moved(torch.from_numpy(shares), targets.device, torch.float32)
        classes = targets.shape[1] if targets.is_floating_point() else self.num_classes or 0
        targets = targets.float() if targets.is_floating_point() else targets
        return images, soft_targets(targets, targets[moved(partners, targets.device)], own, classes)

    def _steps(self, step: int | NDArray[Any], count: int) -> int | NDArray[Any]:
        if not isinstance(step, np.ndarray):
            return whole_number("step", step)
        if self._mixes:
            kind = self.recipe.effects[self._mixes[0]].kind
            raise DataError(
                f"step: one for each image, and {kind} mixes the images of one step; give a number."
            )
        return step_array(step, count)

    def _check_targets(self, images: Tensor, targets: Tensor | None) -> None:
        """Raise `DataError` unless targets are there, if they are needed, and fit."""
        selecting = next((e.kind for e in self.recipe.effects if e.classes is not None), None)
        if targets is None:
            if selecting:
                raise DataError(f"{selecting} is for some classes alone; give the targets of the images.")
            return
        if not isinstance(targets, Tensor):
            raise DataError(
                f"targets: a {type(targets).__name__}; must be a tensor, such as torch.tensor(…)."
            )
        numbers = not targets.is_floating_point()
        if targets.ndim != (1 if numbers else 2) or len(targets) != len(images):
            raise DataError(
                f"targets of shape {tuple(targets.shape)} for {len(images)} images: must be numbers of classes (N,), "
                "or probabilities (N, classes)."
            )
        if self._mixes and not numbers and self.num_classes not in (None, targets.shape[1]):
            raise DataError(
                f"targets of {targets.shape[1]} probabilities each: must be as many as num_classes={self.num_classes}."
            )
        if self._mixes and numbers:
            kind = self.recipe.effects[self._mixes[0]].kind
            if self.num_classes is None:
                raise DataError(
                    f"{kind} mixes targets and must know how many classes there are: Augment(…, num_classes=…)."
                )
            if len(targets) and not 0 <= int(targets.min()) <= int(targets.max()) < self.num_classes:
                raise DataError(
                    f"targets from {int(targets.min())} to {int(targets.max())}: must lie within 0 to "
                    f"num_classes - 1 = {self.num_classes - 1}."
                )


def _streams_of(keys: Keys, rows: Rows, slot: int) -> Keys:
    return streams(keys[rows], slot)
