"""The confusion matrix: a table of numbers, or of many classes a picture. Legend: K classes."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from striate.data.check.page_parts import escaped
from striate.train.metrics import Evaluation

__all__ = ["MOST_NUMBERS", "matrix", "shares"]

MOST_NUMBERS = 40
"""Most classes whose matrix is written in numbers."""

_STRONG = 0.55
_RIGHT, _WRONG = (59, 111, 181), (217, 121, 34)
_SIDE = 640


def shares(evaluation: Evaluation) -> np.ndarray:
    """Return the matrix ``(K, K)`` as shares of its rows; those of classes without images are 0."""
    counts = np.array(evaluation.confusion, dtype=float)
    made: np.ndarray = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    return made


def matrix(evaluation: Evaluation) -> str:
    """Draw the confusion matrix of a split: a row for each class, a column for what was called so."""
    return _table(evaluation) if len(evaluation.classes) <= MOST_NUMBERS else _picture(evaluation)


def _table(evaluation: Evaluation) -> str:
    names = [escaped(c.name) for c in evaluation.classes]
    upright = "" if max(map(len, names)) <= 4 else ' class="upright"'
    heads = "".join(f'<th scope="col"{upright} title="{name}"><span>{name}</span></th>' for name in names)
    rows = "".join(
        f'<tr><th scope="row" title="{name}">{name}</th>{_cells(evaluation, i, row)}</tr>'
        for i, (name, row) in enumerate(zip(names, shares(evaluation), strict=True))
    )
    caption = f"Rows: the class of {evaluation.images:,} images. Columns: what they were called."
    return (
        f'<table class="matrix"><caption>{caption}</caption><thead><tr><td></td>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _cells(evaluation: Evaluation, i: int, row: np.ndarray) -> str:
    cells = []
    for j, (count, share) in enumerate(zip(evaluation.confusion[i], row.tolist(), strict=True)):
        if not count:
            cells.append("<td></td>")
            continue
        strength = share if i == j else share**0.5  # else a few mistakes could not be seen
        kind = ("hit" if i == j else "miss") + (" strong" if strength > _STRONG else "")
        classes = evaluation.classes
        words = escaped(f"{count:,} of {classes[i].support:,} {classes[i].name} called {classes[j].name}")
        cells.append(f'<td class="{kind}" style="--a:{strength:.2f}" title="{words}">{count}</td>')
    return "".join(cells)


def _picture(evaluation: Evaluation) -> str:
    """Draw the matrix as a picture whose paper shines through, light or dark."""
    strengths = shares(evaluation)
    count = len(strengths)
    right = np.eye(count, dtype=bool)
    colors = np.where(right[..., None], _RIGHT, _WRONG)
    opaque = np.where(right, strengths, (0.2 + 0.8 * strengths**0.5) * (strengths > 0))
    pixels = np.concatenate([colors, 255 * opaque[..., None]], -1).round().astype(np.uint8)
    image = Image.fromarray(pixels, "RGBA")
    times = max(1, _SIDE // count)
    written = io.BytesIO()
    image.resize((count * times, count * times), Image.Resampling.NEAREST).save(written, "PNG", optimize=True)
    address = base64.b64encode(written.getvalue()).decode()
    words = f"Confusion matrix of {count:,} classes: rows are classes, columns what they were called."
    return (
        f'<figure class="matrix"><img src="data:image/png;base64,{address}" alt="{words}">'
        f"<figcaption>{words} Blue on the diagonal is right, orange is wrong.</figcaption></figure>"
    )
