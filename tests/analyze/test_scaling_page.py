"""The page of scaling is what the formulas and the kept figures say."""

from pathlib import Path

import scaling


def test_the_page_is_made_of_the_figures():
    page = Path(scaling.__file__).with_suffix(".md").read_text(encoding="utf-8")
    assert page == scaling.scaling_page(), "run make docs"
