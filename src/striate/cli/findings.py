"""How commands that look for faults show what they found: as text, as JSON, as a page, and by the exit status."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer

from striate.cli.arguments import UsageError
from striate.cli.console import say

__all__ = ["AllNames", "ReportFile", "check_report_file", "show"]

ReportFile = Annotated[Path | None, typer.Option(metavar="FILE", help="Also write a page, check.html.")]
AllNames = Annotated[bool, typer.Option("--all", help="Name all that is concerned, not only the first five.")]


class _Report(Protocol):
    @property
    def ok(self) -> bool: ...

    def text(self, names: int | None = 5) -> str: ...

    def to_data(self) -> dict[str, Any]: ...

    def save(self, path: Path | str) -> None: ...


def check_report_file(file: Path | None) -> None:
    """Raise `UsageError` if no page can be written to ``file``."""
    if file is None:
        return
    if file.is_dir() or not file.parent.is_dir():
        what = "is a folder" if file.is_dir() else f"there is no folder {file.parent}"
        raise UsageError(f"--report {file}: {what}; name the file to write, such as check.html.")
    if file.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"--report {file}: a page is written; give it a name that ends in .html or .htm.")


def show(found: _Report, file: Path | None, *, everything: bool, as_json: bool) -> None:
    """Print a report, write its page to ``file``, and exit with status 1 if something found is an error."""
    if file is not None:
        found.save(file)
    if as_json:
        print(json.dumps(found.to_data(), indent=1, ensure_ascii=False))
    else:
        say(found.text(None if everything else 5))
        if file is not None:
            say(f"report: {file}")
    if not found.ok:
        raise typer.Exit(1)
