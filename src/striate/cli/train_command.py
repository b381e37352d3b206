"""``striate train``: a run folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from striate.cli.arguments import NETWORK_HELP, find_network, with_options_of
from striate.train.config import TrainConfig

if TYPE_CHECKING:
    from striate.train import Finished

__all__ = ["DATA_HELP", "command"]

DATA_HELP = "digits, a folder (root/train/<class>/… or root/<class>/…), or idx:DIR."


@with_options_of(TrainConfig)
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
    config = TrainConfig(**options)
    from striate.data import open_source
    from striate.run import fit
    from striate.train import Event, Finished, RunFolder, Started, Validated

    if out is not None:
        RunFolder.check_free(out)
    source = open_source(data)
    described = find_network(network, num_classes=len(source.class_names))

    def show(event: Event) -> None:
        if as_json:
            print(json.dumps(event.to_data()), flush=True)
            return
        match event:
            case Started():
                sizes = ", ".join(f"{count:,} {split}" for split, count in event.sizes.items())
                print(f"{event.network}: {event.params:,} parameters, {sizes} images, on {event.device}")
                for note in event.notes:
                    print(f"note: {note}")
            case Validated():
                mark = "  best" if event.best else ""
                print(
                    f"epoch {event.epoch:.3g}: val loss {event.loss:.4f}, accuracy {event.accuracy:.2%}{mark}"
                )
            case Finished():
                print(_last_words(event))

    fit(described, source, out=out, config=config, on_event=show)


def _last_words(event: Finished) -> str:
    how = {"completed": "done", "early stop": "stopped early", "interrupted": "interrupted, and saved"}[
        event.reason
    ]
    accuracy = "" if event.best_accuracy is None else f"; best val accuracy {event.best_accuracy:.2%}"
    return f"{how} after {event.step:,} steps, {event.seconds:.1f} s{accuracy}\nrun folder: {event.run}"
