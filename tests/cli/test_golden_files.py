"""What users see and what a seeded run does, against files that ``make golden`` writes and a person reads."""

import json

import pytest
from regenerate import CURVES, GOLDEN, TEXTS, losses


@pytest.mark.parametrize("file", TEXTS)
def test_texts(file):
    make, argument = TEXTS[file]
    assert make(argument) == (GOLDEN / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("file", CURVES)
def test_loss_curves(file):
    expected = json.loads((GOLDEN / file).read_text())
    assert len(expected) == 20
    assert losses(CURVES[file]) == pytest.approx(expected, rel=1e-4)
    assert expected[-1] < expected[0]


def test_no_file_is_left_over():
    assert {path.name for path in GOLDEN.iterdir()} == {*TEXTS, *CURVES}
