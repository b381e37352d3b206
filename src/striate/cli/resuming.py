"""``striate train --resume`` and ``--prove-resume``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from striate import zoo
from striate.cli.arguments import UsageError
from striate.cli.config_options import configured
from striate.cli.console import say
from striate.cli.loading import quickly
from striate.spec import Network
from striate.train.config import TrainConfig
from striate.train.config.reading import to_data
from striate.train.events import Event
from striate.train.settings import settings

if TYPE_CHECKING:
    from striate.run import Run
    from striate.train import RunRecord

__all__ = ["resumed", "show_proof"]


def resumed(
    path: Path,
    network: str | None,
    data: str | None,
    options: Mapping[str, Any],
    show: Callable[[Event], None],
    log: Sequence[str],
) -> Run:
    """Go on with the run in ``path`` and return it.

    The command that began the run can be given again with ``--resume`` added: what it says must be so.

    Raises:
        UsageError: if network or options are others than those of the run.
    """
    with quickly():
        from striate.fitting import resume
        from striate.train import RunFolder
        from striate.train.folder import FOLDS, MEMBERS

    if any((path / file).is_file() for file in (FOLDS, MEMBERS)):
        raise UsageError(
            f"--resume {path}: holds several runs; give the command that began them again, with --out {path}, and it "
            "goes on where it ended."
        )
    record = RunFolder.open(path).record
    if network is not None:
        _check_network(path, record, network)
    _check_options(path, record, options)
    return resume(path, data, on_event=show, log=log)


def show_proof(network: Network, data: str, config: TrainConfig, *, as_json: bool) -> None:
    """Train twice, once killed again and again, and print whether both ended alike; exit with status 1 if not."""
    from striate.train.keeping.proof import Life, prove_resume

    def tell(life: Life) -> None:
        if not as_json:
            say(f"killed at step {life.ended:,}, which it had come to from step {life.began:,}")

    proof = prove_resume(network, data, config, on_kill=tell)
    say(json.dumps(proof.to_data()) if as_json else str(proof))
    if not proof.identical:
        raise typer.Exit(1)


def _check_network(path: Path, record: RunRecord, name: str) -> None:
    begun = record.network
    if begun is None:
        return
    given = zoo.find(name, num_classes=len(record.class_names))
    if given.with_input(begun.input).digest != begun.digest:
        raise UsageError(
            f"--resume {path}: the run trains the network {begun.name!r}, and {name!r} is another one; a run goes on "
            "with its own network. Leave the network out, or train anew without --resume."
        )


def _check_options(path: Path, record: RunRecord, options: Mapping[str, Any]) -> None:
    from striate.train.losses import chosen_loss

    begun = settings(record.training)
    said = configured(options, to_data(record.training))
    given = replace(said, loss=chosen_loss(said.loss, several_labels=record.several_labels))
    for name, wanted in settings(given).items():
        if wanted != begun[name]:
            raise UsageError(
                f"--resume {path}: the run began with {name}={begun[name]}, not {wanted}; a run goes on as it began. "
                "Leave the option out, or train anew without --resume."
            )
