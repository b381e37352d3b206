"""Augmentation: recipes of effects, composed algebraically and done to a batch at once."""

from striate.data.augment.augment import Augment
from striate.data.augment.fitting import fitted
from striate.data.augment.named import RECIPES, recipe
from striate.data.augment.recipe import Recipe
from striate.data.augment.views import VIEWS, check_views, seen, with_room

__all__ = ["RECIPES", "VIEWS", "Augment", "Recipe", "check_views", "fitted", "recipe", "seen", "with_room"]
