"""``striate zoo``: the named networks. Loads no torch."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
import textwrap
from typing import Annotated, Any

import typer

from striate import zoo
from striate.analyze import Analysis, analyze, macs_text, shape_text
from striate.errors import DescriptionError, did_you_mean
from striate.train.recipes import TrainingRecipe, recipes_of

__all__ = ["command"]

_UNBROKEN = 10_000  # columns for what is no terminal: one line per network
_LEAST_ROOM = 50  # columns that a text needs to stand beside the figures; with fewer it stands below them
_RECIPE_HEADS = ("network", "recipe", "accuracy", "time", "data: where it comes from; how it was measured")
_HEADS = ("name", "year", "parameters", "MACs", "input", "paper: what it is")


def command(
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help="Only those with it in name, alias, paper or description.")
    ] = "",
    recipes: Annotated[
        bool, typer.Option("--recipes", help="Print how they are trained, and what they reached so.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print the named networks with their figures, oldest first.

    \b
    Examples:
      striate zoo
      striate zoo vgg
      striate zoo 2015
      striate zoo resnet20 --recipes
    """
    chosen = [entry for entry in zoo.NETWORKS.values() if _matches(entry, text)]
    if not chosen:
        near = did_you_mean(text, [*zoo.NETWORKS, *zoo.ALIASES])
        raise DescriptionError(f"no named network has {text!r} in it.{near} striate zoo lists all of them.")
    chosen.sort(key=lambda entry: (entry.paper.year, entry.name))
    if recipes:
        _show_recipes(chosen, as_json=as_json)
        return
    analyses = [analyze(entry.make()) for entry in chosen]
    if as_json:
        data = [_data(entry, analysis) for entry, analysis in zip(chosen, analyses, strict=True)]
        print(json.dumps(data, indent=1, ensure_ascii=False))
    else:
        rows = [_HEADS, *(_cells(entry, analysis) for entry, analysis in zip(chosen, analyses, strict=True))]
        print("\n".join(_table(rows, texts=2)))


def _show_recipes(entries: list[zoo.Entry], *, as_json: bool) -> None:
    found = [(entry.name, recipe) for entry in entries for recipe in recipes_of(entry.name)]
    if as_json:
        data = [_recipe_data(name, recipe) for name, recipe in found]
        print(json.dumps(data, indent=1, ensure_ascii=False))
    elif found:
        print("\n".join(_table([_RECIPE_HEADS, *(_recipe_cells(*pair) for pair in found)], texts=2)))
    else:
        print("none of these networks has a recipe")


def _matches(entry: zoo.Entry, text: str) -> bool:
    said = (entry.name, *entry.aliases, str(entry.paper), entry.about)
    return any(text.lower() in words.lower() for words in said)


def _data(entry: zoo.Entry, analysis: Analysis) -> dict[str, Any]:
    return {
        "name": entry.name,
        "aliases": list(entry.aliases),
        "year": entry.paper.year,
        "input": list(analysis.input),
        "params": analysis.totals.params,
        "macs": analysis.totals.macs,
        "depth": analysis.totals.depth,
        "paper": dataclasses.asdict(entry.paper),
        "about": entry.about,
    }


def _recipe_data(name: str, recipe: TrainingRecipe) -> dict[str, Any]:
    measured = recipe.measured_of(name)
    return {
        "network": name,
        "recipe": recipe.name,
        "data": recipe.data,
        "source": recipe.source,
        "notes": recipe.notes,
        "input": None if recipe.input is None else list(recipe.input),
        "training": recipe.training,
        "measured": None if measured is None else dataclasses.asdict(measured),
        "unmeasured": recipe.unmeasured if measured is None else None,
    }


def _recipe_cells(name: str, recipe: TrainingRecipe) -> tuple[str, ...]:
    measured = recipe.measured_of(name)
    if measured is None:
        return name, recipe.name, "–", "–", f"{recipe.data}: {recipe.source}; {recipe.unmeasured}"
    seconds = sum(measured.seconds) / len(measured.seconds)
    runs = f"{len(measured.seeds)} seed{'s' if len(measured.seeds) > 1 else ''}"
    text = f"{recipe.data}: {recipe.source}; on {measured.split}, {runs}, {measured.precision}, {measured.machine}"
    return name, recipe.name, f"{measured.mean:.2%}", f"{seconds:,.0f} s", text


def _table(rows: list[tuple[str, ...]], texts: int) -> list[str]:
    """Return a line per row: words, right-aligned numbers, and a text beside them or below.

    Args:
        rows: The heads first.
        texts: How many words begin a row.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _UNBROKEN
    lines: list[str] = []
    for *cells, text in rows:
        sides = "<" * texts + ">" * (len(cells) - texts)
        aligned = [f"{cell:{side}{w}}" for cell, side, w in zip(cells, sides, widths[:-1], strict=True)]
        figures = "  ".join(aligned)
        if width - len(figures) >= _LEAST_ROOM:
            lines += textwrap.wrap(f"{figures}  {text}", width, subsequent_indent=" " * (len(figures) + 2))
        else:
            lines += [figures, *textwrap.wrap(text, width, initial_indent="    ", subsequent_indent="    ")]
    return lines


def _cells(entry: zoo.Entry, analysis: Analysis) -> tuple[str, ...]:
    return (
        " ".join([entry.name, *(f"({alias})" for alias in entry.aliases)]),
        str(entry.paper.year),
        f"{analysis.totals.params:,}",
        macs_text(analysis.totals.macs).removesuffix("MACs"),
        shape_text(analysis.input),
        f"{entry.paper.authors_short}: {entry.about}",
    )
