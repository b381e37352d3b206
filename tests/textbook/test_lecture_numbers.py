"""Every figure of the five lectures: what the library says is what is true, and what is wrong in print is explained."""

from pathlib import Path

import pytest
from lecture_numbers import LECTURES
from lecture_numbers.page import page

every_fact = pytest.mark.parametrize(
    "fact",
    [
        pytest.param(fact, id=f"{lecture.number}-{number}")
        for lecture in LECTURES
        for number, fact in enumerate(lecture.facts, 1)
    ],
)


@every_fact
def test_the_library_says_what_is_true(fact):
    assert fact.compute() == fact.true


@every_fact
def test_what_is_wrong_in_print_is_explained_and_nothing_else(fact):
    if fact.is_right:
        assert fact.slip == ""
    else:
        assert fact.printed != fact.true
        assert fact.slip.endswith(".")


def test_no_number_of_a_lecture_is_missing():
    # Per lecture: topics, statements, statements with printed figures, those that are wrong.
    counts = {
        lecture.number: (
            len(lecture.topics),
            len(lecture.facts),
            sum(fact.printed is not None for fact in lecture.facts),
            sum(not fact.is_right for fact in lecture.facts),
        )
        for lecture in LECTURES
    }
    assert counts == {
        "000": (4, 5, 4, 1),
        "001": (16, 39, 31, 18),
        "002": (6, 10, 7, 2),
        "003": (10, 15, 13, 4),
        "004": (5, 13, 7, 1),
    }


def test_the_page_of_the_docs_is_of_today():
    made = Path(__file__).parents[2] / "docs" / "textbook.md"
    assert made.read_text(encoding="utf-8") == page(LECTURES), "run `make docs` and read the diff"
