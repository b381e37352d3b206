"""What a recipe takes from the training split: the principal components of its colors. C channels, H W height width."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator
from contextlib import closing
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from striate.data.augment.draws import Floats
from striate.data.augment.effects import Effect, PCAColor
from striate.data.augment.recipe import Recipe

__all__ = ["color_components", "fitted"]

_AT_ONCE = 256  # images
_PIXELS_AT_ONCE = 2**20  # whose products add up to whole numbers that float64 can hold


class Split(Protocol):
    """What is asked of a training split; `striate.data.batches.AnyDataset` has it."""

    def pieces(self, size: int) -> Generator[Tensor, None, None]:
        """Yield all images as they lie, uint8 ``(n, C, H, W)``, ``size`` at a time."""


def fitted(recipe: Recipe, split: Split) -> Recipe:
    """Return ``recipe`` with the colors of ``split``, the training split, in each `PCAColor` without any."""
    if not any(_lacks(effect) for effect in recipe.effects):
        return recipe
    values, vectors = color_components(split)
    own: dict[str, Any] = {
        "eigenvalues": tuple(values.tolist()),
        "eigenvectors": tuple(map(tuple, vectors.tolist())),
    }
    effects = tuple(dataclasses.replace(e, **own) if _lacks(e) else e for e in recipe.effects)
    return dataclasses.replace(recipe, effects=effects)


def _lacks(effect: Effect) -> bool:
    return isinstance(effect, PCAColor) and (effect.eigenvalues is None or effect.eigenvectors is None)


def color_components(split: Split) -> tuple[Floats, Floats]:
    """Return the eigenvalues of the covariance of pixels of 0..1, the greatest first, and its eigenvectors as rows.

    Signs are such that the entries of an eigenvector sum to more than 0. Grey images count as three equal channels.
    """
    count, sums, products = 0, np.zeros(3), np.zeros((3, 3))
    with closing(split.pieces(_AT_ONCE)) as pieces:
        for images in pieces:
            pixels = images.movedim(1, 0).flatten(1).numpy()
            for start in range(0, pixels.shape[1], _PIXELS_AT_ONCE):
                part = pixels[:, start : start + _PIXELS_AT_ONCE].astype(np.float64)
                part = np.repeat(part, 3 // len(part), 0)
                count += part.shape[1]
                sums += part.sum(1)
                products += part @ part.T
    mean = sums / count
    values, vectors = np.linalg.eigh((products / count - np.outer(mean, mean)) / 255**2)
    order = np.argsort(values)[::-1]
    values, vectors = np.maximum(values[order], 0), vectors.T[order]
    return values, vectors * np.where(vectors.sum(1, keepdims=True) < 0, -1, 1)
