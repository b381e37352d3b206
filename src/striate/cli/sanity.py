"""``striate train --sanity``: whether a network can learn one batch by heart."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from striate.cli.console import say
from striate.spec import Network
from striate.train.config import TrainConfig

if TYPE_CHECKING:
    from striate.data import Source

__all__ = ["show_sanity"]


def show_sanity(network: Network, data: Source, config: TrainConfig, *, as_json: bool) -> None:
    """Try it and print the verdict; exit with status 1 if it fails."""
    from striate.fitting import sanity

    found = sanity(network, data, config=config)
    say(json.dumps(found.to_data(), indent=1, ensure_ascii=False) if as_json else found.text())
    if not found.ok:
        raise typer.Exit(1)
