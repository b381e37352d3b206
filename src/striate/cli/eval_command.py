"""``striate eval``: how well a run answers."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from striate.cli.console import say, warn
from striate.cli.loading import quickly
from striate.cli.train_command import DATA_HELP
from striate.errors import RunError

if TYPE_CHECKING:
    from striate.run import Run

__all__ = ["RUN_HELP", "VIEWS_HELP", "command"]

RUN_HELP = "A run folder, or one of members, as striate train makes it."
VIEWS_HELP = (
    "center, or several views of each image whose answers are averaged: flip, five-crop, ten-crop, scales."
)


def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help=RUN_HELP)],
    data: Annotated[
        str | None, typer.Option(metavar="SOURCE", help=f"{DATA_HELP}  [default: the run's own]")
    ] = None,
    split: Annotated[str, typer.Option(help="Which split of it.")] = "test",
    views: Annotated[str, typer.Option(help=VIEWS_HELP)] = "center",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    skip_bad_images: Annotated[
        bool, typer.Option("--skip-bad-images", help="Leave out images that cannot be read.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with the confusion matrix.")] = False,
) -> None:
    """Measure a run: accuracy, top-5, loss, and a table with a row per class.

    \b
    Examples:
      striate eval runs/lenet5-1
      striate eval runs/lenet5-1 --split val --json
      striate eval runs/resnet18-1 --views ten-crop
      striate eval runs/resnet18-1 --data other-photos/
    """
    with quickly():
        from striate.run import Run
        from striate.several import open_runs

    opened = open_runs(run)
    evaluation = opened.evaluate(split, data, device=device, skip_bad_images=skip_bad_images, views=views)
    if isinstance(opened, Run) and not opened.complete:
        (warn if as_json else say)(_unfinished(opened))
    seen = {} if views == "center" else {"views": views}
    if as_json:
        say(json.dumps(seen | evaluation.to_data(), indent=1))
    else:
        say("\n".join([*(f"views: {name}" for name in seen.values()), str(evaluation)]))


def _unfinished(run: Run) -> str:
    """Return what to say of a run that was cut short: how far it came, and how it goes on."""
    from striate.train import RunFolder
    from striate.train.keeping.checkpoint import CHECKPOINT, read_progress
    from striate.train.log import read_events

    folder = RunFolder.open(run.path)
    place = ""
    with suppress(
        RunError, OSError
    ):  # without its log or its newest checkpoint there is still something to measure
        first = next(read_events(folder.log), {})
        step = read_progress(folder.last / CHECKPOINT).step
        place = f": step {step:,} of {first['steps']:,}" if "steps" in first else f": step {step:,}"
    return f"note: the run is not at its end{place}; striate train --resume {run.path} goes on."
