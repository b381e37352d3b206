"""A run tells that its augmentation is still being compiled, and says nothing where none will be."""

from types import SimpleNamespace

import pytest
from toys import quick, tiny, toy_source

from striate.data import Recipe
from striate.data.augment import sampling
from striate.data.augment.effects import HorizontalFlip
from striate.train.prepare import prepare

FLIPPED = Recipe((HorizontalFlip(),))


@pytest.mark.parametrize(
    ("recipe", "ready", "loading", "told"),
    [
        (FLIPPED, False, True, True),
        (FLIPPED, True, False, False),
        (FLIPPED, False, False, False),
        ("none", False, True, False),
    ],
    ids=["under way", "ready", "not to be had", "no augmentation"],
)
def test_it_is_told_while_code_is_being_compiled(monkeypatch, recipe, ready, loading, told):
    monkeypatch.setattr(sampling, "ready", lambda seconds: ready)
    monkeypatch.setattr(sampling, "prepare", lambda: SimpleNamespace(is_alive=lambda: loading))
    notes = prepare(tiny(), toy_source(), quick(augment=recipe)).notes
    assert [note for note in notes if "being compiled" in note] == list(notes)
    assert len(notes) == told
