"""The published figures of every named network, gathered from the tables beside this file.

A row has the parameters, the MACs in millions to the digits published, and the layers with weights on the longest
way from input to output. Networks whose authors published no MACs have the sum worked by hand from the shapes in
the paper, in the comment beside it.
"""

import importlib
from pathlib import Path

PUBLISHED = {}
FIELDS = {}
"""Receptive fields that were published: the path of a layer, and the size of its field."""

for _file in sorted(Path(__file__).parent.glob("published_*.py")):
    _table = importlib.import_module(_file.stem)
    assert not PUBLISHED.keys() & _table.PUBLISHED.keys(), f"{_file.name} has a row that another file has"
    PUBLISHED |= _table.PUBLISHED
    FIELDS |= getattr(_table, "FIELDS", {})


def rounded_like(value, published):
    """Round to as many significant digits as were published."""
    return float(f"{value:.{len(str(published).strip('0.').replace('.', ''))}g}")
