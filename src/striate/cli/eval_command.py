"""``striate eval``: how well a run answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from striate.cli.console import say
from striate.cli.loading import quickly
from striate.cli.train_command import DATA_HELP

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
        from striate.several import open_runs

    evaluation = open_runs(run).evaluate(
        split, data, device=device, skip_bad_images=skip_bad_images, views=views
    )
    seen = {} if views == "center" else {"views": views}
    if as_json:
        say(json.dumps(seen | evaluation.to_data(), indent=1))
    else:
        say("\n".join([*(f"views: {name}" for name in seen.values()), str(evaluation)]))
