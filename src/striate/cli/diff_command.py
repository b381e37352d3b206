"""``striate diff``: what two runs differ in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from striate.cli.console import say
from striate.cli.loading import quickly
from striate.cli.train_command import DATA_HELP

__all__ = ["command"]


def command(
    first: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, as striate train makes it.")],
    second: Annotated[Path, typer.Argument(metavar="RUN", help="Another.")],
    data: Annotated[
        str | None,
        typer.Option(metavar="SOURCE", help=f"What both answer. {DATA_HELP}  [default: the runs' own]"),
    ] = None,
    split: Annotated[str | None, typer.Option(help="Which split of it.  [default: test]")] = None,
    top: Annotated[int, typer.Option(help="Images to name whose answers changed.")] = 20,
    no_predictions: Annotated[
        bool, typer.Option("--no-predictions", help="Do not compare what the runs answer.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what two runs differ in: configuration, data, environment, the first step that differs, predictions.

    \b
    Examples:
      striate diff runs/lenet5-1 runs/lenet5-2
      striate diff runs/lenet5-1 runs/lenet5-2 --no-predictions --json
      striate diff runs/lenet5-1 runs/resnet20-1 --data other-photos/ --split val
    """
    with quickly():
        from striate.train import diff

    report = diff(
        first, second, data=data, split=split, top=top, predictions=not no_predictions, device=device
    )
    say(json.dumps(report.to_data(), indent=1) if as_json else report)
