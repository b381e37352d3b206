"""``striate data check``: what would spoil training, found before it starts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from striate.cli.arguments import UsageError

__all__ = ["command"]


def command(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Data, as for striate train.")],
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page with the images concerned, check.html.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Name every image, not only the first five.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Look for what would spoil training.

    Damaged files, copies and leaks between splits, wrong labels, odd images, missing and rare classes. Exit status 1
    if something found is an error.

    \b
    Examples:
      striate data check flowers/
      striate data check digits --report check.html
    """
    if report is not None and (report.is_dir() or not report.parent.is_dir()):
        what = "is a folder" if report.is_dir() else f"there is no folder {report.parent}"
        raise UsageError(f"--report {report}: {what}; name the file to write, such as check.html.")
    from striate.data.check import check

    found = check(source)
    if report is not None:
        found.save(report)
    if as_json:
        print(json.dumps(found.to_data(), indent=1, ensure_ascii=False))
    else:
        print(found.text(None if everything else 5))
        if report is not None:
            print(f"report: {report}")
    if not found.ok:
        raise typer.Exit(1)
