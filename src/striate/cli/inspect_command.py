"""``striate inspect``: the table of a network, before it exists. Loads no torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from striate import zoo
from striate.analyze import PICTURE_FORMATS, Analysis, Row, analyze, work_text
from striate.cli.arguments import NETWORK_HELP, UsageError, parse_shape
from striate.cli.console import warn

__all__ = ["command"]


def command(
    network: Annotated[str, typer.Argument(metavar="NETWORK", help=NETWORK_HELP)],
    input: Annotated[
        str | None, typer.Option(metavar="CxHxW", help="Input shape in the place of the network's own.")
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Images at once, for the figures in bytes.")] = 1,
    work: Annotated[
        str | None, typer.Option(metavar="PATH", help="Show the formulas of a layer, or of all below a path.")
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also draw the network to scale, as a .svg or .png file."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print shapes, parameters, MACs, memory and receptive fields of a network, before it exists.

    \b
    Examples:
      striate inspect lenet5
      striate inspect vgg16 --input 3x256x256 --batch-size 32
      striate inspect alexnet --work conv1
      striate inspect resnet152 --plot resnet152.svg
    """
    shape = None if input is None else parse_shape(input)
    if plot is not None and plot.suffix.lower() not in PICTURE_FORMATS:
        raise UsageError(f"--plot {str(plot)!r}: must end with {' or '.join(PICTURE_FORMATS)}.")
    analysis = analyze(zoo.find(network), shape, batch_size)
    if work is not None:
        shown = _worked(analysis, work, as_json)
    else:
        shown = json.dumps(analysis.to_data(), indent=1) if as_json else str(analysis)
    if plot is not None:
        analysis.plot(plot)
        # Not to stdout, which is the table's, or JSON's.
        warn(f"picture: {plot}")
    print(shown)


def _worked(analysis: Analysis, path: str, as_json: bool) -> str:
    rows = [row for row in analysis.layers if row.path.startswith(f"{path}.")]
    if not rows or any(row.path == path for row in analysis.layers):
        rows.append(analysis.row(path))
    if as_json:
        return json.dumps({row.path: row.work for row in rows}, indent=1, ensure_ascii=False)
    return "\n\n".join(_work(row) for row in rows)


def _work(row: Row) -> str:
    lines = [f"{row.path}  {row.kind}"]
    lines += [f"  {figure:<20}{formula}" for figure, formula in work_text(row)]
    return "\n".join(lines)
