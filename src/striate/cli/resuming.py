"""``striate train --resume`` and ``--prove-resume``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from striate import zoo
from striate.cli.arguments import UsageError
from striate.cli.config_options import configured
from striate.cli.console import say
from striate.spec import Network
from striate.train.config import TrainConfig
from striate.train.config.reading import to_data
from striate.train.events import Event

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
    from striate.run import resume
    from striate.train import RunFolder

    record = RunFolder.open(path).record
    if network is not None:
        _check_network(path, record, network)
    _check_options(path, record.training, options)
    return resume(path, data, on_event=show, log=log)


def show_proof(network: Network, data: str, config: TrainConfig, *, as_json: bool) -> None:
    """Train twice, once killed again and again, and print whether both ended alike; exit with status 1 if not."""
    from striate.train.proof import Life, prove_resume

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


def _check_options(path: Path, begun: TrainConfig, options: Mapping[str, Any]) -> None:
    given = configured(options, to_data(begun))
    for (name, wanted), (_, had) in zip(_leaves(given), _leaves(begun), strict=True):
        if wanted != had:
            raise UsageError(
                f"--resume {path}: the run began with {name}={had}, not {wanted}; a run goes on as it began. Leave the "
                "option out, or train anew without --resume."
            )


def _leaves(config: TrainConfig) -> list[tuple[str, object]]:
    leaves: list[tuple[str, object]] = []
    for name, value in to_data(config).items():
        if isinstance(value, dict):
            leaves += [(f"{name}.{inner}", found) for inner, found in value.items()]
        else:
            leaves.append((name, value))
    return leaves
