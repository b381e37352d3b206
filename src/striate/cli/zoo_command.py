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

__all__ = ["command"]

_UNBROKEN = 10_000  # columns for what is no terminal: one line per network
_LEAST_ROOM = 50  # columns that a text needs to stand beside the figures; with fewer it stands below them
_HEADS = ("name", "year", "parameters", "MACs", "input", "paper: what it is")


def command(
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help="Only those with it in name, alias, paper or description.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print the named networks with their figures, oldest first.

    \b
    Examples:
      striate zoo
      striate zoo vgg
      striate zoo 2015
    """
    chosen = [entry for entry in zoo.NETWORKS.values() if _matches(entry, text)]
    if not chosen:
        near = did_you_mean(text, [*zoo.NETWORKS, *zoo.ALIASES])
        raise DescriptionError(f"no named network has {text!r} in it.{near} striate zoo lists all of them.")
    chosen.sort(key=lambda entry: (entry.paper.year, entry.name))
    analyses = [analyze(entry.make()) for entry in chosen]
    if as_json:
        data = [_data(entry, analysis) for entry, analysis in zip(chosen, analyses, strict=True)]
        print(json.dumps(data, indent=1, ensure_ascii=False))
    else:
        print("\n".join(_table(chosen, analyses)))


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


def _table(entries: list[zoo.Entry], analyses: list[Analysis]) -> list[str]:
    """Return a line of figures per network, each with its paper and description beside it or below."""
    rows = [_HEADS, *(_cells(entry, analysis) for entry, analysis in zip(entries, analyses, strict=True))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _UNBROKEN
    lines: list[str] = []
    for name, year, *numbers, text in rows:
        aligned = [f"{number:>{w}}" for number, w in zip(numbers, widths[2:-1], strict=True)]
        figures = "  ".join([f"{name:<{widths[0]}}", year, *aligned])
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
