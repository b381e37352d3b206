"""Named recipes: how each network of the zoo is trained, where that comes from, and what it reached. Loads no torch."""

from striate.train.recipes.finding import (
    all_recipes,
    check_applied,
    find_recipe,
    find_with_recipe,
    merged_with_recipe,
    recipes_of,
)
from striate.train.recipes.recipe import Measured, TrainingRecipe, read_recipes

__all__ = [
    "Measured",
    "TrainingRecipe",
    "all_recipes",
    "check_applied",
    "find_recipe",
    "find_with_recipe",
    "merged_with_recipe",
    "read_recipes",
    "recipes_of",
]
