"""A sheet in plain text, for terminals: the recipe, and a line for each draw."""

from __future__ import annotations

import textwrap

from striate.analyze import shape_text
from striate.data.show.sheet import Sheet, Shown
from striate.errors import printable

__all__ = ["short", "text", "title"]

WIDTH = 100
_STEP = 6  # characters before the words of a draw


def text(sheet: Sheet) -> str:
    """Return a line for each image, or the recipe and a line for each draw."""
    lines = [title(sheet), ""]
    if sheet.recipe is not None:
        lines += [*sheet.recipe.to_yaml().rstrip().split("\n"), ""]
    for shown in sheet.images:
        lines.append(f"{_of(shown)}  {shown.name}")
        for draw in shown.draws:
            told = draw.words + (f" → {draw.target_words}" if draw.target else "")
            lines += textwrap.wrap(
                told, WIDTH, initial_indent=f"{draw.step:>{_STEP - 2}}  ", subsequent_indent=" " * _STEP
            )
        if shown.draws:
            lines.append("")
    return "\n".join(map(printable, lines)).rstrip("\n")


def title(sheet: Sheet) -> str:
    """Return what the sheet shows: ``flowers, train: imagenet, seed 0, steps 0 to 11``."""
    of = f"{short(sheet.source)}, {sheet.split}"
    if sheet.recipe is None:
        return of
    return f"{of}: {short(sheet.augment)}, seed {sheet.seed}, steps 0 to {len(sheet.images[0].draws) - 1}"


def short(source: str) -> str:
    """Return the last part of a path: ``flowers`` of ``folder:/data/flowers``."""
    return source.rstrip("/").rpartition("/")[2] or source


def _of(shown: Shown) -> str:
    return f"#{shown.index}  {shown.label}  {shape_text(shown.size)}"
