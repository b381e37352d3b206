"""``striate predict``: classes and probabilities of images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from striate.cli.eval_command import RUN_HELP

__all__ = ["command"]


def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help=RUN_HELP)],
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE", help="Image files.")],
    top: Annotated[int, typer.Option(help="Classes to give for each image.")] = 5,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print the classes of images with their probabilities, most probable first.

    Images are preprocessed exactly as the run was trained.

    \b
    Example:
      striate predict runs/lenet5-1 three.png seven.png
    """
    from striate.run import Run

    predictions = Run(run).predict(images, top=top, device=device)
    if as_json:
        print(json.dumps([p.to_data() for p in predictions], indent=1, ensure_ascii=False))
    else:
        print("\n".join(map(str, predictions)))
