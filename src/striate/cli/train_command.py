"""``striate train``: a run folder."""

from __future__ import annotations

import json
from functools import singledispatch
from pathlib import Path
from typing import Annotated, Any

import typer

from striate import zoo
from striate.cli.arguments import NETWORK_HELP
from striate.cli.config_options import configured, with_config
from striate.cli.console import say
from striate.train.events import Event, Finished, Started, Validated

__all__ = ["DATA_HELP", "command"]

DATA_HELP = (
    "digits, a folder (root/train/<class>/… or root/<class>/…), a file (.pack, .npz, .csv, .jsonl, .parquet), or "
    "kind:location (idx:DIR, cifar10:DIR, npy:DIR, csv:FILE?path=COLUMN&label=COLUMN, hf:NAME, …), "
    "also on another machine (s3://bucket/set)."
)


@with_config
def command(
    network: Annotated[str, typer.Argument(metavar="NETWORK", help=NETWORK_HELP)],
    data: Annotated[str, typer.Option(metavar="SOURCE", help=DATA_HELP)],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Run folder to make.  [default: runs/NETWORK-N]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print every event as JSON, one a line.")] = False,
    **options: Any,
) -> None:
    """Train a network on images and make a run folder.

    A zoo network gets as many outputs as the data has classes. Ctrl-C saves a checkpoint and ends.

    \b
    Examples:
      striate train lenet5 --data digits --epochs 30
      striate train resnet18 --data photos/ --batch-size 32 --lr 0.001
      striate train net.yaml --data idx:mnist/ --optimizer sgd --lr 0.05
    """
    config = configured(options)
    from striate.data import open_source
    from striate.run import fit
    from striate.train import RunFolder

    if out is not None:
        RunFolder.check_free(out)
    source = open_source(data)
    described = zoo.find(network, num_classes=len(source.class_names))

    def show(event: Event) -> None:
        for line in [json.dumps(event.to_data())] if as_json else _lines(event):
            say(line)

    fit(described, source, out=out, config=config, on_event=show)


@singledispatch
def _lines(event: Event) -> list[str]:
    """Return what is printed of ``event``: of most kinds nothing."""
    return []


@_lines.register
def _(event: Started) -> list[str]:
    sizes = ", ".join(f"{count:,} {split}" for split, count in event.sizes.items())
    first = f"{event.network}: {event.params:,} parameters, {sizes} images, on {event.device}"
    return [first, *(f"note: {note}" for note in event.notes)]


@_lines.register
def _(event: Validated) -> list[str]:
    epoch = f"{event.epoch:.2g}" if event.epoch < 1 else int(event.epoch)
    mark = "  best" if event.best else ""
    return [f"epoch {epoch}: val loss {event.loss:.4f}, accuracy {event.accuracy:.2%}{mark}"]


@_lines.register
def _(event: Finished) -> list[str]:
    how = {"completed": "done", "early stop": "stopped early", "interrupted": "interrupted, and saved"}
    accuracy = "" if event.best_accuracy is None else f"; best val accuracy {event.best_accuracy:.2%}"
    steps = f"{event.step:,} step{'' if event.step == 1 else 's'}"
    last = f"{how[event.reason]} after {steps}, {event.seconds:.1f} s{accuracy}"
    return [last, f"run folder: {event.run}"]
