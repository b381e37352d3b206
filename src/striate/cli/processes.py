"""``striate train --nproc``, and under a torchrun of the user's: what goes with several processes."""

from __future__ import annotations

import os

from striate.cli.arguments import UsageError
from striate.cli.console import warn
from striate.train.distributed import World
from striate.train.distributed.launching import launched

__all__ = ["check_processes", "to_launch"]


def check_processes(nproc: int | None, mode: str | None) -> None:
    """Raise `UsageError` unless so many processes can be started, and train a single run.

    Args:
        nproc: What ``--nproc`` says; None if nothing.
        mode: The flag of what is not the training of one run, if one is given.
    """
    if nproc is not None and nproc < 1:
        raise UsageError(f"--nproc {nproc}: must be a whole number of at least 1.")
    world = World.of_environment()
    if mode is not None and (nproc or world.size) > 1:
        flag = "--nproc" if nproc else "torchrun"
        raise UsageError(f"{flag} and {mode} do not go together; several processes train a single run.")
    if nproc is not None and world.size > 1 and not launched():
        raise UsageError(
            f"--nproc {nproc}: torchrun has started {world.size} processes already; leave out one of the two."
        )


def to_launch(nproc: int | None) -> int:
    """Return how many processes this one is to start, and say so where they are more than can work at once.

    1 means none: it trains by itself, or was started to train.
    """
    if nproc is None or launched():
        return 1
    cores = os.cpu_count() or 1
    if nproc > cores:
        warn(
            f"note: {nproc} processes share {cores} core{'' if cores == 1 else 's'}, and wait for each other."
        )
    return nproc
