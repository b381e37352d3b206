"""`Augment`: a recipe done to batches. Legend: N images, C channels, H W of the source, h w of the output."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from striate.data.augment.draws import Floats, Keys, image_keys, streams, uniforms
from striate.data.augment.effects import Effect, Mixing
from striate.data.augment.mixing import partner_order, soft_targets
from striate.data.augment.named import recipe as named_recipe
from striate.data.augment.plan import Entry, Plan, Rows
from striate.data.augment.recipe import Recipe
from striate.data.augment.rendering import Rendering, parts_of, rendered, rendered_signals
from striate.data.augment.sampling import channel_means, prepare
from striate.data.preprocess import Preprocess
from striate.errors import ConfigError, DataError, bad_argument, did_you_mean, listed

__all__ = ["Augment"]

_MOST_CLASSES = 1_000_000


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
        self.size = _checked_size(size)
        self.num_classes = _checked_count(num_classes)
        self.class_names = tuple(class_names)
        self._rendering = Rendering(preprocess, self.recipe.padding, self.recipe.fill)
        self._classes = [_numbers(effect, self.class_names) for effect in self.recipe.effects]
        self._starts = np.cumsum([0, *(1 + effect.draws for effect in self.recipe.effects)])
        self._mixes = [slot for slot, effect in enumerate(self.recipe.effects) if effect.stage == "mixing"]
        prepare()

    def __call__(
        self,
        images: Tensor,
        targets: Tensor | None = None,
        *,
        seed: int = 0,
        step: int = 0,
        indices: Tensor | NDArray[Any] | None = None,
        share: slice | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Return augmented images, on the device of ``images``, and their targets.

        Args:
            images: uint8 ``(N, C, H, W)`` of 1 or 3 channels; signals are float32 ``(N, C, L)``.
            targets: Numbers of classes, int64 ``(N,)``, or probabilities, float32 ``(N, classes)``.
            seed: Of the run.
            step: Of the run; another step draws other numbers.
            indices: Which image of the data set each is, ``(N,)``; None means 0 to N - 1.
            share: Which images of the batch to return; the others serve to be mixed with. None means all.

        Returns:
            Float32 ``(N, C, h, w)``, or ``(N, C, L)``. The targets as they were given, or, if the recipe mixes images,
            as probabilities, float32 ``(N, classes)``.

        Raises:
            DataError: if the images are of another shape or type, or if targets are missing that the recipe needs.
        """
        _check_images(images, self.recipe)
        keys = image_keys(_whole("seed", seed), _whole("step", step), _index_array(indices, len(images)))
        self._check_targets(images, targets)
        if not self._mixes:
            if share is not None:
                images, keys = images[share], keys[share]
                targets = None if targets is None else targets[share]
            return self._changed(images, self.plan(images, targets, keys)), targets
        return self._mixed(images, targets, keys, share)

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
            values = effect.values(drawn[rows, 1:], streams(keys[rows], slot))
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
            images = images[chosen.to(images.device)]
            targets = None if targets is None else targets[chosen.to(targets.device)]
        plan = self.plan(images, targets, keys[needed])
        mixed = self._changed(images, plan)
        for slot in self._mixes:
            others = np.maximum(
                place[partners[slot][needed]], 0
            )  # those of images that serve as partners do not count
            mixed, targets = self._mix(mixed, targets, plan.mixed.get(slot), others)
        if len(wanted) == len(needed):
            return mixed, targets
        final = torch.from_numpy(place[wanted])
        return mixed[final.to(mixed.device)], None if targets is None else targets[final.to(targets.device)]

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
                own = torch.from_numpy(numbers[part]).to(images.device)
                other = partners[numbers[part]].to(images.device)
                values = {name: drawn[part] for name, drawn in entry.values.items()}
                assert isinstance(entry.effect, Mixing)
                mixed[own], shares[numbers[part]] = entry.effect.mix(images[own], images[other], values)
            images = mixed
        if targets is None:
            return images, None
        own = torch.from_numpy(shares).to(targets.device, torch.float32)
        classes = targets.shape[1] if targets.is_floating_point() else self.num_classes or 0
        return images, soft_targets(targets, targets[partners.to(targets.device)], own, classes)

    def _check_targets(self, images: Tensor, targets: Tensor | None) -> None:
        """Raise `DataError` unless targets are there, if they are needed, and fit."""
        selecting = next((e.kind for e in self.recipe.effects if e.classes is not None), None)
        if targets is None:
            if selecting:
                raise DataError(f"{selecting} is for some classes alone; give the targets of the images.")
            return
        numbers = not targets.is_floating_point()
        if len(targets) != len(images) or targets.ndim != (1 if numbers else 2):
            raise DataError(
                f"targets of shape {tuple(targets.shape)} for {len(images)} images: must be numbers of classes (N,), "
                "or probabilities (N, classes)."
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


def _check_images(images: Tensor, recipe: Recipe) -> None:
    """Raise `DataError` unless ``images`` are images, or signals if the recipe is for those."""
    if not isinstance(images, Tensor):
        raise DataError(f"images: a {type(images).__name__}; must be a tensor, such as torch.from_numpy(…).")
    signals = images.ndim == 3
    got = f"{tuple(images.shape)} of {str(images.dtype).removeprefix('torch.')}"
    if (signals and images.dtype != torch.float32) or (
        not signals and (images.ndim != 4 or images.dtype != torch.uint8)
    ):
        raise DataError(f"images {got}: must be uint8 (N, C, H, W), or signals float32 (N, C, L).")
    if 0 in images.shape[1:]:
        raise DataError(f"images {got}: must have a channel and a pixel at least.")
    if not signals and images.shape[1] not in (1, 3):
        raise DataError(f"images {got}: must have 1 channel (grey) or 3 (RGB).")
    if signals != recipe.for_signals and any(effect.kind != "Mixup" for effect in recipe.effects):
        wrong = next(effect.kind for effect in recipe.effects if effect.kind != "Mixup")
        raise DataError(f"{wrong} is for {'images' if signals else 'signals'}, and these are {got}.")


def _index_array(indices: Tensor | NDArray[Any] | None, count: int) -> NDArray[Any]:
    if indices is None:
        return np.arange(count)
    numbers = indices.cpu().numpy() if isinstance(indices, Tensor) else np.asarray(indices)
    if numbers.shape != (count,) or numbers.dtype.kind not in "iu":
        raise DataError(
            f"indices of shape {numbers.shape}: must be whole numbers, one for each of {count} images."
        )
    return numbers


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 0 <= value < 2**63:
        raise DataError(bad_argument(name, value, "a whole number from 0 to 2^63 - 1"))
    return int(value)


def _checked_size(size: Any) -> tuple[int, int] | None:
    if size is None:
        return None
    whole = (
        isinstance(size, tuple | list)
        and len(size) == 2
        and all(type(n) is int and 1 <= n < 2**16 for n in size)
    )
    if not whole:
        raise ConfigError(
            bad_argument("size", size, "height and width in pixels, 1 to 65535, such as (224, 224)")
        )
    return size[0], size[1]


def _checked_count(num_classes: Any) -> int | None:
    if num_classes is not None and (type(num_classes) is not int or not 1 <= num_classes <= _MOST_CLASSES):
        raise ConfigError(bad_argument("num_classes", num_classes, "a whole number of at least 1, or None"))
    return num_classes


def _numbers(effect: Effect, class_names: tuple[str, ...]) -> NDArray[np.int64] | None:
    """Return the numbers of the classes that an effect is for, or None for all."""
    if effect.classes is None:
        return None
    strange = [c for c in effect.classes if isinstance(c, str) and c not in class_names]
    if strange:
        known = (
            f"The classes are {listed(class_names)}." if class_names else "Give Augment their class_names."
        )
        raise ConfigError(
            f"{effect.kind}: there is no class {strange[0]!r}.{did_you_mean(strange[0], class_names)} {known}"
        )
    return np.array([class_names.index(c) if isinstance(c, str) else c for c in effect.classes], np.int64)
