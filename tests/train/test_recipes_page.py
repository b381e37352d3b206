"""The page of all recipes is what the files say, and its links lead somewhere."""

import re
from pathlib import Path

import recipes
import yaml

from striate.train.recipes import all_recipes

DOCS = Path(recipes.__file__).parent


def test_the_page_is_made_of_the_files():
    page = recipes.recipes_page()
    assert (DOCS / "recipes.md").read_text(encoding="utf-8") == page, "run make docs"


def test_every_recipe_has_its_options_and_an_anchor():
    page = (DOCS / "recipes.md").read_text(encoding="utf-8")
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", page, re.S)]
    wanted = [dict(recipe.training) for recipe in all_recipes()]
    assert sorted(map(repr, blocks)) == sorted(map(repr, wanted))
    anchors = re.findall(r"\{ #(\S+) \}", page)
    assert len(set(anchors)) == len(anchors) == len(all_recipes())
    assert set(re.findall(r"\]\(#(\S+?)\)", page)) <= set(anchors)


def test_every_figure_is_on_the_page():
    page = (DOCS / "recipes.md").read_text(encoding="utf-8")
    for recipe in all_recipes():
        for measured in recipe.measured:
            assert measured.command in page
            assert ", ".join(f"{accuracy:.2%}" for accuracy in measured.accuracy) in page
