"""The recipes that have a name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from striate.data.augment.effects import (
    Brightness,
    Contrast,
    HorizontalFlip,
    PCAColor,
    RandomCrop,
    RandomResizedCrop,
    Rotate,
    Saturation,
    Shear,
    Shift,
    TrivialAugment,
    Zoom,
)
from striate.data.augment.recipe import Recipe
from striate.errors import ConfigError, bad_argument, unknown_name

__all__ = ["RECIPES", "recipe"]

RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        "none": Recipe(),
        "mnist": Recipe(
            (Rotate(degrees=(-10, 10)), Shift(x=(-0.08, 0.08), y=(-0.08, 0.08)), Zoom(), Shear(x=(-8, 8))),
        ),
        "cifar": Recipe((RandomCrop(margin=4), HorizontalFlip())),
        "alexnet": Recipe((RandomCrop(margin=0), HorizontalFlip(), PCAColor(std=0.1))),
        "imagenet": Recipe(
            (
                RandomResizedCrop(),
                HorizontalFlip(),
                Brightness(),
                Contrast(),
                Saturation(),
            ),
            padding="replicate",
        ),
        "trivial": Recipe((HorizontalFlip(), TrivialAugment())),
    }
)
"""``none``; ``mnist`` for handwriting; ``cifar`` as of He et al. 2016; ``alexnet`` as of Krizhevsky et al. 2012, from
images larger than the network's input; ``imagenet`` as of Szegedy et al. 2015; ``trivial`` as of Müller and
Hutter 2021."""


def recipe(name: str | Path | Recipe) -> Recipe:
    """Return the recipe of a name, of a ``.yaml`` file or of its text, or itself.

    Raises:
        ConfigError: if there is no such recipe.
    """
    if isinstance(name, Recipe):
        return name
    if not isinstance(name, str | Path):
        raise ConfigError(bad_argument("recipe", name, "a Recipe, the name of one, or a .yaml file"))
    if str(name) in RECIPES:
        return RECIPES[str(name)]
    if isinstance(name, str) and "\n" in name:
        return Recipe.from_yaml(name)
    if isinstance(name, Path) or str(name).lower().endswith((".yaml", ".yml")):
        return Recipe.load(name)
    raise ConfigError(f"{unknown_name('recipe', name, RECIPES)} A file of your own ends in .yaml.")
