"""The recipes that come with the package: of which networks they are, and how one lies below other options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from striate import zoo
from striate.errors import ConfigError, did_you_mean, listed
from striate.spec import Network
from striate.train.config import TrainConfig
from striate.train.config.reading import merged
from striate.train.recipes.recipe import TrainingRecipe, read_recipes
from striate.train.settings import changed_settings, settings

__all__ = [
    "all_recipes",
    "check_applied",
    "find_recipe",
    "find_with_recipe",
    "merged_with_recipe",
    "recipes_of",
]


@cache
def all_recipes() -> tuple[TrainingRecipe, ...]:
    """Return the recipes of every ``.yaml`` file in this folder.

    Raises:
        ConfigError: if a file is malformed, or a network has two recipes of one name.
    """
    found: dict[tuple[str, str], TrainingRecipe] = {}
    every: list[TrainingRecipe] = []
    for file in sorted(files(__package__).iterdir(), key=lambda file: file.name):
        if not file.name.endswith(".yaml"):
            continue
        try:
            read = read_recipes(file.read_text(encoding="utf-8"))
        except ConfigError as error:
            raise ConfigError(f"{file.name}: {error}") from None
        for recipe in read:
            for network in recipe.networks:
                if found.setdefault((network, recipe.name), recipe) is not recipe:
                    raise ConfigError(f"{file.name}: {network} has two recipes {recipe.name!r}.")
        every += read
    return tuple(every)


def recipes_of(network: str) -> tuple[TrainingRecipe, ...]:
    """Return the recipes of a network of the zoo, by its name or an alias; none of others."""
    name = zoo.ALIASES.get(network, network)
    return tuple(recipe for recipe in all_recipes() if name in recipe.networks)


def find_recipe(network: str, name: str) -> TrainingRecipe:
    """Return the recipe of ``network`` that is called ``name``.

    Raises:
        ConfigError: if it has none such; the message suggests the nearest.
    """
    own = {recipe.name: recipe for recipe in recipes_of(network)}
    if not own:
        hint = did_you_mean(network, filter(recipes_of, zoo.NETWORKS))
        raise ConfigError(
            f"training: recipe={name!r} must be left out for {network}, which has no recipes; striate zoo --recipes "
            f"lists the networks that have some.{hint}"
        )
    if name not in own:
        hint = did_you_mean(name, own)
        raise ConfigError(f"training: recipe={name!r} must be one of {network}: {listed(own)}.{hint}")
    return own[name]


def merged_with_recipe(network: str, layers: Sequence[Mapping[str, Any]]) -> TrainConfig:
    """Return the configuration of layers of options, of which the later count, above the recipe that they name.

    Raises:
        ConfigError: if ``network`` has no such recipe, or a value is refused.
    """
    name = next((layer["recipe"] for layer in reversed(layers) if "recipe" in layer), None)
    recipe = find_recipe(network, name).training if isinstance(name, str) else {}
    return merged([recipe, *layers])


def check_applied(network: str, config: TrainConfig) -> None:
    """Raise `ConfigError` if ``config`` names a recipe of ``network``, and has not one option as the recipe sets it."""
    wanted = changed_settings(merged_with_recipe(network, [{"recipe": config.recipe}]))
    del wanted["recipe"]
    given = settings(config)
    if wanted and all(given[name] != value for name, value in wanted.items()):
        raise ConfigError(
            f"config names the recipe {config.recipe!r} and has none of its options; give recipe={config.recipe!r} and "
            "the others as options in the place of config."
        )


def find_with_recipe(network: str, recipe: str | None, num_classes: int | None = None) -> Network:
    """Return `striate.zoo.find`'s network, with the input that the recipe is for.

    Raises:
        DescriptionError: if there is no such network.
        ConfigError: if it has no such recipe.
    """
    found = zoo.find(network, num_classes)
    shape = None if recipe is None else find_recipe(network, recipe).input
    return found if shape is None else found.with_input(shape)
