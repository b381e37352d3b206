"""Views of an image at test time, whose answers are averaged. N images, C channels, h w of the network's input."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from torch import Tensor

from striate.data.augment.augment import Augment
from striate.data.augment.effects import Zoom
from striate.data.augment.recipe import Recipe
from striate.data.preprocess import Preprocess, views
from striate.errors import ConfigError, unknown_name

__all__ = ["VIEWS", "check_views", "seen", "with_room"]

_CROPS: Mapping[str, int] = MappingProxyType({"center": 1, "flip": 2, "five-crop": 5, "ten-crop": 10})
_ZOOMS = (1.0, 8 / 7, 4 / 3)

VIEWS = (*_CROPS, "scales")
"""``center``, the middle; ``flip``, that and its mirror image; ``five-crop``, the corners and the middle; ``ten-crop``,
these and their mirror images (Krizhevsky et al. 2012); ``scales``, the middle and its mirror image at three scales."""


def check_views(name: str) -> None:
    """Raise `ConfigError` unless there are such views."""
    if name not in VIEWS:
        raise ConfigError(unknown_name("views", str(name), VIEWS))


def with_room(preprocess: Preprocess, name: str) -> Preprocess:
    """Return ``preprocess`` with images loaded larger than the network's input, if views want parts of them.

    Where training did not load them larger, it is by a seventh: 256 for 224.
    """
    if _CROPS.get(name, 1) < 5 or preprocess.stored is not None:
        return preprocess
    height, width = preprocess.shape[1:]
    return dataclasses.replace(preprocess, stored=(round(height * 8 / 7), round(width * 8 / 7)))


def seen(images: Tensor, preprocess: Preprocess, name: str) -> Iterator[Tensor]:
    """Yield the views of ``images``, uint8 ``(N, C, H, W)`` as loaded, preprocessed, float32 ``(N, C, h, w)`` each."""
    size = preprocess.shape[1:]
    if name == "center":
        yield preprocess.normalize(images)
        return
    if name in _CROPS:
        for view in views(images, size, _CROPS[name]).unbind(1):
            yield preprocess.normalize(view)
        return
    for middle in views(images, size, 2).unbind(1):
        for zoom in _ZOOMS:
            recipe = Recipe((Zoom(factor=(zoom, zoom)),), padding="replicate")
            yield Augment(recipe, preprocess=preprocess)(middle.contiguous())[0]
