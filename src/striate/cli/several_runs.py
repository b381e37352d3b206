"""``striate train`` with ``--folds``, ``--members`` or ``--find-lr``: what takes more than one run, or none."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from striate.analyze import PICTURE_FORMATS
from striate.cli.arguments import UsageError
from striate.cli.console import say
from striate.cli.telling import plain_reader_warnings, write_series_summary
from striate.errors import ConfigError
from striate.spec import Network
from striate.train.config import TrainConfig
from striate.train.events import Event, Started

if TYPE_CHECKING:
    from striate.data import Source

__all__ = ["Told", "check_modes", "show_folds", "show_members", "show_rates"]

_MODES = ("--resume", "--prove-resume", "--folds", "--members", "--find-lr", "--sanity")


@dataclass(frozen=True, kw_only=True)
class Told:
    """How several runs are told of.

    Attributes:
        show: Takes each event of each run.
        as_json: Print figures as JSON.
        log: Trackers that are told of each run.
        summary: Write the page of each run, and of all.
    """

    show: Callable[[Event], None]
    as_json: bool
    log: Sequence[str]
    summary: bool


def check_modes(given: Mapping[str, object]) -> None:
    """Raise `UsageError` if flags do not go together.

    Args:
        given: What the command line says of each mode, of ``--bagging``, ``--plot`` and ``--out``; None or False where
            nothing.
    """
    said = {flag: value for flag, value in given.items() if value is not None and value is not False}
    modes = [flag for flag in _MODES if flag in said]
    if len(modes) > 1:
        raise UsageError(f"{modes[0]} and {modes[1]} do not go together; choose one of them.")
    for flag, mode in (("--bagging", "--members"), ("--plot", "--find-lr")):
        if flag in said and mode not in said:
            raise UsageError(f"{flag} goes with {mode}.")
    if "--resume" in said and "--input" in said:
        raise UsageError("--resume goes on with the network of the run; leave out --input.")
    if "--resume" in said and "--out" in said:
        raise UsageError("--resume goes on in the folder of the run; leave out --out.")
    if "--prove-resume" in said and "--out" in said:
        raise UsageError("--prove-resume makes no run folder; leave out --out.")
    if "--sanity" in said and "--out" in said:
        raise UsageError("--sanity makes no run folder; leave out --out.")
    if "--find-lr" in said and "--out" in said:
        raise UsageError("--find-lr makes no run folder; leave out --out. --plot FILE.svg keeps its picture.")
    for flag, least in (("--folds", 2), ("--members", 1)):
        value = said.get(flag, least)
        if isinstance(value, int) and value < least:
            raise UsageError(f"{flag} {value}: must be a whole number of at least {least}.")
    plot = said.get("--plot")
    if isinstance(plot, Path) and plot.suffix.lower() not in PICTURE_FORMATS:
        raise UsageError(f"--plot {plot}: must end with {' or '.join(PICTURE_FORMATS)}.")
    if isinstance(plot, Path) and not plot.parent.is_dir():
        raise UsageError(f"--plot {plot}: there is no folder {plot.parent}.")
    if isinstance(plot, Path) and plot.is_dir():
        raise UsageError(f"--plot {plot}: is a folder; name the file to write, such as rates.svg.")


def show_folds(
    network: Network,
    data: Source,
    config: TrainConfig,
    k: int,
    out: Path | None,
    told: Told,
) -> None:
    """Cross-validate, telling of each run, print what the folds reached, and put it on a page.

    Raises:
        UsageError: if the images cannot be divided into so many folds.
    """
    from striate.several import cross_validate

    show = told.show if told.as_json else _headed(told.show)
    try:
        with plain_reader_warnings():
            done = cross_validate(network, data, k, out=out, config=config, on_event=show, log=told.log)
    except ConfigError as error:
        words = str(error)
        if not words.startswith(f"folds={k}: "):
            raise
        raise UsageError(words.replace(f"folds={k}: ", f"--folds {k}: ", 1)) from None
    say(json.dumps(done.to_data()) if told.as_json else f"\n{done}")
    if told.summary:
        write_series_summary(lambda: done.summary(data, device=config.device), quiet=told.as_json)


def show_members(
    network: Network,
    data: Source,
    config: TrainConfig,
    k: int,
    out: Path | None,
    told: Told,
    *,
    bagging: bool,
) -> None:
    """Train an ensemble, telling of each run, print what members and all reach on val, and put it on a page."""
    from striate.several import fit_ensemble

    show = told.show if told.as_json else _headed(told.show)
    with plain_reader_warnings():
        ensemble = fit_ensemble(
            network, data, k, bagging=bagging, out=out, config=config, on_event=show, log=told.log
        )
    skip = config.images.skip_bad_images
    measured = ensemble.evaluate("val", data, device=config.device, skip_bad_images=skip)
    if told.as_json:
        say(json.dumps({"ensemble": str(ensemble.path)} | measured.to_data()))
    else:
        say("\n".join(["", "on val:", *measured.table(), f"ensemble: {ensemble.path}"]))
    if told.summary:
        write_series_summary(lambda: ensemble.summary(data=data, device=config.device), quiet=told.as_json)


def _headed(show: Callable[[Event], None]) -> Callable[[Event], None]:
    """Return what prints the name of each run before its events."""

    def told(event: Event) -> None:
        if isinstance(event, Started):
            say(f"{Path(event.run).name}:")
        show(event)

    return told


def show_rates(
    network: Network, data: Source, config: TrainConfig, plot: Path | None, *, as_json: bool
) -> None:
    """Print the range of learning rates, and write its picture."""
    from striate.several import find_lr

    found = find_lr(network, data, config=config)
    if plot is not None:
        found.save(plot)
    if as_json:
        say(json.dumps(found.to_data()))
    else:
        say("\n".join([str(found), *([] if plot is None else [f"plot: {plot}"])]))
