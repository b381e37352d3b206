"""``striate predict``: classes and probabilities of images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from striate import zoo
from striate.cli.arguments import UsageError
from striate.cli.console import say
from striate.cli.eval_command import VIEWS_HELP
from striate.cli.loading import quickly

if TYPE_CHECKING:
    from striate.run import Run
    from striate.several import Ensemble
    from striate.ship import Classifier

__all__ = ["command"]


def command(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="A run folder, or one of members, as striate train makes it; with --weights a network.",
        ),
    ],
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE", help="Image files.")],
    top: Annotated[int, typer.Option(help="Classes to give for each image.")] = 5,
    weights: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Weights from outside: Caffe's of GoogLeNet or SqueezeNet, as safetensors."
        ),
    ] = None,
    classes: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With --weights: the names of the classes, one per line."),
    ] = None,
    views: Annotated[str, typer.Option(help=VIEWS_HELP)] = "center",
    threshold: Annotated[
        float | None,
        typer.Option(
            help="Probability above which an image has a label, if it may have several.  [default: 0.5]"
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print the classes of images with their probabilities, most probable first.

    Images are preprocessed exactly as the network was trained.

    \b
    Examples:
      striate predict runs/lenet5-1 three.png seven.png
      striate predict googlenet --weights googlenet_bvlc.safetensors --classes imagenet_classes.txt pizza.jpg
    """
    if classes is not None and weights is None:
        raise UsageError("--classes goes with --weights; a run knows the names of its classes.")
    if weights is not None and Path(run).is_dir():
        raise UsageError(
            f"{run} is a folder; --weights goes with a network, such as googlenet. A run has its own."
        )
    if weights is None and not Path(run).exists() and (run in zoo.NETWORKS or run in zoo.ALIASES):
        raise UsageError(
            f"{run} is a network, not a run; give its weights with --weights FILE, or a run folder."
        )
    if weights is None:
        with quickly():
            from striate.several import open_runs

        classifier: Run | Ensemble | Classifier = open_runs(run)
    else:
        with quickly():
            from striate.ship import pretrained

        classifier = pretrained(run, weights, classes)
    predictions = classifier.predict(images, top=top, device=device, views=views, threshold=threshold)
    if as_json:
        print(json.dumps([p.to_data() for p in predictions], indent=1, ensure_ascii=False))
    else:
        say("\n".join(map(str, predictions)))
