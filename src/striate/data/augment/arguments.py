"""What `Augment` is given, checked: one clear message for what cannot be."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from striate.data.augment.effects import Effect
from striate.data.augment.recipe import Recipe
from striate.data.preprocess import Preprocess
from striate.errors import ConfigError, DataError, bad_argument, did_you_mean, listed

__all__ = [
    "check_images",
    "check_together",
    "checked_count",
    "checked_share",
    "checked_size",
    "class_numbers",
    "index_array",
    "step_array",
    "whole_number",
]

_MOST_CLASSES = 1_000_000


def check_together(recipe: Recipe, size: tuple[int, int] | None, preprocess: Preprocess | None) -> None:
    """Raise `ConfigError` unless the arguments of `Augment` fit each other."""
    if recipe.for_signals and (size or preprocess):
        kind = next(effect.kind for effect in recipe.effects if effect.stage == "signal")
        raise ConfigError(
            f"{kind} is for signals; leave out {'size' if size else 'preprocess'}, which is for images."
        )
    if size and preprocess and size != preprocess.shape[1:]:
        raise ConfigError(bad_argument("size", size, f"that of preprocess, {preprocess.shape[1:]}, or None"))


def check_images(
    images: Tensor, recipe: Recipe, size: tuple[int, int] | None, preprocess: Preprocess | None
) -> None:
    """Raise `DataError` unless ``images`` are images, or signals if the recipe is for those, and fit the output."""
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
    made = images.shape[1], *(size or images.shape[2:])
    if preprocess is not None and made != preprocess.shape:
        become, wanted = ("×".join(map(str, shape)) for shape in (made, preprocess.shape))
        raise DataError(
            f"images become {become}, and preprocess is for {wanted}; give Augment images, or a size, that fit."
        )


def index_array(indices: Tensor | NDArray[Any] | None, count: int) -> NDArray[Any]:
    """Return ``indices`` ``(count,)`` as an array; None stands for 0 to ``count`` - 1."""
    if indices is None:
        return np.arange(count)
    numbers = indices.cpu().numpy() if isinstance(indices, Tensor) else np.asarray(indices)
    if numbers.shape != (count,) or numbers.dtype.kind not in "iu":
        raise DataError(
            f"indices of shape {numbers.shape}: must be whole numbers, one for each of {count} images."
        )
    return numbers


def step_array(steps: NDArray[Any], count: int) -> NDArray[Any]:
    """Return ``steps`` ``(count,)``, none of which is negative."""
    if steps.shape != (count,) or steps.dtype.kind not in "iu" or (count and steps.min() < 0):
        raise DataError(
            f"step of shape {steps.shape} and type {steps.dtype}: must be a whole number from 0 on, or one for each of "
            f"{count} images."
        )
    return steps


def checked_share(share: Any, count: int) -> slice | None:
    """Return ``share`` of a batch of ``count`` images from its first to its last, or None if that is what it is."""
    if share is None:
        return None
    try:
        start, stop, step = share.indices(count) if isinstance(share, slice) else (0, 0, 0)
    except (TypeError, ValueError):
        step = 0
    if step < 1:
        allowed = "a slice of whole numbers with a step of at least 1, such as slice(0, 32)"
        raise DataError(bad_argument("share", share, allowed))
    return slice(start, stop, step)


def whole_number(name: str, value: Any) -> int:
    """Return ``value``, which is a seed or the like."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 0 <= value < 2**63:
        raise DataError(bad_argument(name, value, "a whole number from 0 to 2^63 - 1"))
    return int(value)


def checked_size(size: Any) -> tuple[int, int] | None:
    """Return height and width, or None if that is what ``size`` is."""
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


def checked_count(num_classes: Any) -> int | None:
    """Return how many classes there are, or None if that is not known."""
    if num_classes is not None and (type(num_classes) is not int or not 1 <= num_classes <= _MOST_CLASSES):
        raise ConfigError(bad_argument("num_classes", num_classes, "a whole number of at least 1, or None"))
    return num_classes


def class_numbers(
    effect: Effect, class_names: tuple[str, ...], num_classes: int | None
) -> NDArray[np.int64] | None:
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
    numbers = np.array([class_names.index(c) if isinstance(c, str) else c for c in effect.classes], np.int64)
    count = num_classes or len(class_names) or _MOST_CLASSES
    if numbers.min() < 0 or numbers.max() >= count:
        raise ConfigError(
            f"{effect.kind}: classes={effect.classes}: must be names, or numbers within 0 to {count - 1}."
        )
    return numbers
