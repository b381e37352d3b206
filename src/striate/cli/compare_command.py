"""``striate compare``: a layer dense, locally connected, tiled and convolutional. Loads no torch."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from striate import zoo
from striate.analyze import compare
from striate.cli.arguments import NETWORK_HELP, parse_shape

__all__ = ["command"]


def command(
    network: Annotated[str, typer.Argument(metavar="NETWORK", help=NETWORK_HELP)],
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATH", help="Convolutions; none means every one.")
    ] = None,
    tiles: Annotated[
        int, typer.Option(help="Kernels that the tiled layer takes in turn along each axis.")
    ] = 2,
    input: Annotated[
        str | None, typer.Option(metavar="CxHxW", help="Input shape in the place of the network's own.")
    ] = None,
    work: Annotated[bool, typer.Option("--work", help="Show the formula of every figure.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print what layers would cost if they were dense, locally connected, tiled or convolutional.

    \b
    Examples:
      striate compare alexnet conv1
      striate compare lenet5 c1 c3 --work
    """
    shape = None if input is None else parse_shape(input)
    comparison = compare(zoo.find(network), *(paths or []), tiles=tiles, input=shape)
    if as_json:
        print(json.dumps(comparison.to_data(), indent=1, ensure_ascii=False))
    else:
        print(comparison.work() if work else comparison)
