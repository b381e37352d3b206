"""``striate data fetch``: public data sets, and one of them brought here."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from striate.cli.console import say, warn

if TYPE_CHECKING:
    from striate.data.fetch import DataSet

__all__ = ["command"]

_UNBROKEN = 10_000  # columns for what is no terminal: one line per data set


def command(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="The data set to fetch; none: list all.")
    ] = None,
    to: Annotated[Path, typer.Option(metavar="DIR", help="The folder for data sets.")] = Path("data"),
    mirror: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="A folder on the web that holds the set's files, instead of the known ones."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Fetch a public data set into DIR/NAME, or list those that can be fetched.

    Every file is checked against its published digest. After an interruption the same command goes on.

    \b
    Examples:
      striate data fetch
      striate data fetch mnist
      striate data fetch cifar10 --to /data
    """
    from striate.cli.fetch_reader import FetchReader
    from striate.data.fetch import CATALOG, fetch, find_set, staged

    if name is None:
        if as_json:
            print(json.dumps([_data(dataset) for dataset in CATALOG.values()], indent=1, ensure_ascii=False))
        else:
            print(
                "\n".join(
                    line for dataset in CATALOG.values() for line in _lines(dataset, max(map(len, CATALOG)))
                )
            )
        return
    dataset = find_set(name)
    warn(f"{dataset.title}\nlicence: {dataset.licence}\n{dataset.homepage}")
    with _resumable(staged(name, to)), FetchReader() as reader:
        folder = fetch(name, to, mirror=mirror, on_event=reader.show)
    source = dataset.source(folder)
    if as_json:
        done = {"name": name, "folder": str(folder), "source": source, "received": reader.received}
        print(json.dumps(done, ensure_ascii=False))
    else:
        say(reader.outcome)
        say(f"open it with: --data {source}")


@contextlib.contextmanager
def _resumable(stage: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        if stage.is_dir():
            warn(f"{stage} keeps what has come; the same command goes on from there.")
        raise


def _data(dataset: DataSet) -> dict[str, Any]:
    files = [{**dataclasses.asdict(file), "urls": file.urls()} for file in dataset.files]
    for file in files:
        del file["places"]
    return {
        "name": dataset.name,
        "title": dataset.title,
        "bytes": dataset.size,
        "licence": dataset.licence,
        "homepage": dataset.homepage,
        "files": files,
    }


def _lines(dataset: DataSet, named: int) -> list[str]:
    """Return a line of name, as wide as ``named``, size and title, and two below it."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _UNBROKEN
    first = f"{dataset.name:<{named}}  {dataset.size / 1e6:>7,.1f} MB  {dataset.title}"
    indent = " " * (named + 14)
    return [
        *textwrap.wrap(first, width, subsequent_indent=indent),
        *textwrap.wrap(f"{indent}licence: {dataset.licence}", width, subsequent_indent=indent),
        f"{indent}{dataset.homepage}",
    ]
