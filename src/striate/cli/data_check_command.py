"""``striate data check``: what would spoil training, found before it starts."""

from __future__ import annotations

from typing import Annotated

import typer

from striate.cli.findings import AllNames, ReportFile, check_report_file, show
from striate.cli.loading import quickly

__all__ = ["command"]


def command(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Data, as for striate train.")],
    report: ReportFile = None,
    everything: AllNames = False,
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
    check_report_file(report)
    with quickly():
        from striate.data.check import check

    show(check(source), report, everything=everything, as_json=as_json)
