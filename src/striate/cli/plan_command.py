"""``striate plan``: how fast a step can be computed here."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from striate.cli.arguments import NETWORK_HELP, parse_image_shape
from striate.cli.config_options import configured, with_config
from striate.cli.console import say
from striate.cli.loading import quickly
from striate.cli.train_command import DATA_HELP
from striate.train.recipes import find_with_recipe

__all__ = ["command"]


@with_config
def command(
    network: Annotated[str, typer.Argument(metavar="NETWORK", help=NETWORK_HELP)],
    data: Annotated[str | None, typer.Option(metavar="SOURCE", help=f"{DATA_HELP}  [default: noise]")] = None,
    input: Annotated[
        str | None,
        typer.Option(metavar="CxHxW", help="Channels, height and width, instead of the network's own."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    **options: Any,
) -> None:
    """Try every way to compute a step of training here, and say which is fastest.

    Tries precisions, memory formats and numbers of threads on one batch, and compares logits and gradients with
    float32 as described. What computes something else is not used, however fast. striate train does the same, within
    3 % of the run and 10 s; it finds what was measured here.

    \b
    Examples:
      striate plan resnet20 --batch-size 128
      striate plan vgg11 --input 3x64x64 --batch-size 64 --compile on
      striate plan lenet5 --data digits --json
    """
    config = configured(options, network=network)
    shape = None if input is None else parse_image_shape(input)
    with quickly():
        from striate.data import open_source
        from striate.train import measure_plans

    source = None if data is None else open_source(data)
    described = find_with_recipe(network, config.recipe, None if source is None else len(source.class_names))
    described = described if shape is None else described.with_input(shape)
    table = measure_plans(described, source, config)
    say(json.dumps(table.to_data(), indent=1) if as_json else str(table))
