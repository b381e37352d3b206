"""``striate report``: a run on one page, or several runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from striate.cli.arguments import UsageError
from striate.cli.console import say
from striate.cli.loading import quickly
from striate.cli.train_command import DATA_HELP
from striate.train.folder import FOLDS, MEMBERS

__all__ = ["command"]


def command(
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="A run folder, or one of folds or members."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A .html or .png file.  [default: RUN/summary.html and .png]"),
    ] = None,
    data: Annotated[
        str | None, typer.Option(metavar="SOURCE", help=f"{DATA_HELP}  [default: the run's own]")
    ] = None,
    split: Annotated[str, typer.Option(help="Which split of it.")] = "val",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
) -> None:
    """Put a run on one page: its curves, what it confuses, its weakest classes, its settings.

    Also of a run that was interrupted. Of folds and members it shows all runs, and what they answer together. The
    page needs no other file and no network.

    \b
    Examples:
      striate report runs/lenet5-1
      striate report runs/lenet5-1 --split test --out lenet5.html
      striate report runs/lenet5-folds-1
    """
    _check(out)
    with quickly():
        from striate.run import Run
        from striate.train.summary import summarize_series

    if any((run / file).is_file() for file in (FOLDS, MEMBERS)):
        several = summarize_series(run, data, split, device=device)
        files = _saved(out, several.save, several.save_in_folder)
        problem, left = several.problem, several.unfinished
    else:
        summary = Run(run).summary(split, data, device=device)
        files = _saved(out, summary.save, summary.save_in_run)
        problem, left = summary.problem, ""
    say("\n".join(f"summary: {file}" for file in files))
    if problem:
        say(f"without measurements: {problem}")
    if left:
        say(left)


def _saved(
    out: Path | None, save: Callable[[Path], None], save_in_place: Callable[[], tuple[Path, ...]]
) -> tuple[Path, ...]:
    """Save a summary where it is asked for, or else where it belongs; return the files."""
    if out is None:
        return save_in_place()
    save(out)
    return (out,)


def _check(out: Path | None) -> None:
    """Raise `UsageError` if the page could not be written, before the work."""
    if out is None:
        return
    if out.suffix.lower() not in (".html", ".png"):
        raise UsageError(f"--out {out}: must end with .html or .png, which say how it is written.")
    if not out.parent.is_dir():
        raise UsageError(
            f"--out {out}: there is no folder {out.parent}; name the file to write, such as run.html."
        )
    if out.is_dir():
        raise UsageError(f"--out {out}: is a folder; name the file to write, such as run.html.")
