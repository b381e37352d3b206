"""The pages about augmentation: their code runs, their numbers are so, and the list of effects is whole."""

import re
from pathlib import Path

import augmentation
import numpy as np
import pytest
import torch

from striate.data.augment import RECIPES, Recipe
from striate.data.augment.effects import EFFECTS

DOCS = Path(augmentation.__file__).parent
PAGE = (DOCS / "augmentation.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def names():
    """What the code of the page defines, run from the first block to the last."""
    found = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.S):
        exec(block, found)
    return found


def test_the_worked_example(names):
    (text,) = re.findall(r"mirrored +zoomed.*?\n(.*?)```", PAGE, re.S)
    rows = np.array([re.findall(r"-?[\d.]+", line) for line in text.splitlines()], float)
    mirrored, zoomed, both = np.hsplit(rows, 3)
    np.testing.assert_array_equal(mirrored @ zoomed, both)
    np.testing.assert_allclose(names["plan"].maps[0], both)
    np.testing.assert_allclose(names["plan"].colors[0][:3], np.c_[-1.2 * np.eye(3), np.full(3, 306)])


def test_the_recipe_is_the_file(names):
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.S)
    assert Recipe.from_yaml(text) == names["recipe"]
    rotate = names["weaker"].effects[1]
    assert rotate.degrees == (-7.5, 7.5)


def test_other_examples(names):
    assert names["changed"].shape == (4, 2, 500)
    assert names["inputs"].shape == (8, 3, 24, 24)
    assert torch.isfinite(names["loss"])


def test_every_recipe_and_every_effect_is_listed():
    assert re.findall(r"^\| `(\w+)` \|", PAGE, re.M) == list(RECIPES)
    page = augmentation.effects_page()
    assert sorted(re.findall(r"^\| `(\w+)` \|", page, re.M)) == sorted(EFFECTS)
    assert (DOCS / "effects.md").read_text(encoding="utf-8") == page, "run make docs"


def test_without_photographs_pictures_are_grey(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("STRIATE_DATA", raising=False)
    augmentation.write_pictures(tmp_path)
    assert capsys.readouterr().err == "effects: STRIATE_DATA names no folder with flowers/\n"
    linked = re.findall(r"\(pictures/(.*?)\)", augmentation.effects_page())
    assert sorted(linked) == sorted(file.name for file in tmp_path.iterdir())
