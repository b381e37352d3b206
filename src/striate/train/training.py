"""`train` and `resume`: generators of events. They take no callbacks; readers of the stream do the rest."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock
from torch import nn

from striate.data import Source, open_source
from striate.errors import DataError, RunError
from striate.spec import Network
from striate.train.config import TrainConfig
from striate.train.distributed import Peers, World
from striate.train.distributed.restarts import begun_run, keep_job, run_of_job
from striate.train.distributed.together import met, together
from striate.train.events import Event
from striate.train.folder import RunFolder, RunRecord
from striate.train.keeping.lock import lock
from striate.train.loop import Loop
from striate.train.plan.choosing import planned
from striate.train.plan.memory import kept_memory
from striate.train.prepare import Prepared, network_name, prepare
from striate.train.record import recorded

__all__ = ["resume", "train"]

_RUNS = Path("runs")


def train(
    network: Network | nn.Module,
    data: str | Path | Source,
    config: TrainConfig | None = None,
    out: str | Path | None = None,
) -> Generator[Event, None, None]:
    """Train ``network`` on ``data`` and return the events of the run as they happen.

    Network, data and configuration are checked, and images loaded, before this returns; the run folder is
    made at the first event. Throwing `KeyboardInterrupt` into the generator, or closing it, saves a
    checkpoint and the weights. The global random state of torch is set at each step.

    Of several processes that torchrun started, all must call this alike and take all events. The first alone writes.
    When torchrun starts them again, they go on with the run that they had begun.

    Args:
        network: A description, or any module that maps ``(N, C, H, W)`` to logits ``(N, classes)``.
        data: ``digits``, a folder, ``kind:location``, or a `Source`.
        config: Every other choice.
        out: The run folder to make; None means the first free ``runs/<network>-<n>``.

    Yields:
        `Started`, then `StepDone`, `Validated` and `Checkpointed`, and `Finished` at last.

    Raises:
        ConfigError, DataError, ShapeError: before the first event.
        RunError: if ``out`` exists, or a checkpoint cannot be written.
        DistributedError: if another process hangs or is gone.
        TrainingError: if the loss is no longer a number.
    """
    config = config or TrainConfig()
    place = None if out is None else Path(out)
    peers = met(World.of_environment(), config)
    job = run_of_job(peers.world.job)
    begun = peers.agreed(lambda: begun_run(job, place, _RUNS, network_name(network)))
    if begun is not None:
        return resume(begun, data, module=network if isinstance(network, nn.Module) else None)
    if place is not None:
        peers.agreed(lambda: RunFolder.check_free(place))
    loop = Loop(together(planned(prepare(network, data, config, peers=peers))))
    return _run(loop, place, job)


def resume(
    run: str | Path, data: str | Path | Source | None = None, *, module: nn.Module | None = None
) -> Generator[Event, None, None]:
    """Go on with a run that was interrupted or killed, and return its events from there on.

    It begins at the newest checkpoint that is whole, or anew if none was written, and ends with the same bits as a run
    that nothing befell, on the same machine with the same versions. Everything is checked before this returns; the
    run folder is changed from the first event on.

    Args:
        run: The run folder.
        data: Where the data is now; None means where it was.
        module: What was trained, if it was a module of your own, as it was in the beginning.

    Yields:
        `Resumed`, then as `train`; of a run that is complete `Finished` alone.

    Raises:
        RunError: if the folder is none of a run, if another process trains in it, if no checkpoint of it is whole, or
            if ``module`` is missing or not needed.
        DataError: if the data has changed.
        WeightsError: if ``module`` has changed.
        TrainingError: as `train`.
    """
    folder = RunFolder.open(run)
    record = folder.record
    peers = met(World.of_environment(), record.training)
    held = _locked(folder.path, peers)
    try:
        network = _trained(folder, module)
        source = _data_of(record) if data is None else data
        loop = Loop(together(prepare(network, source, record.training, record, peers)))
        loop.folder = folder
        damaged = loop.go_back()
    except BaseException:
        if held is not None:
            held.release()
        raise
    return _rest(loop, damaged, held)


def _data_of(record: RunRecord) -> Source:
    try:
        return open_source(record.data)
    except DataError as error:
        raise type(error)(f"{error} If it was moved, say where it is now: --data SOURCE (data=…).") from None


def _trained(folder: RunFolder, module: nn.Module | None) -> Network | nn.Module:
    """Return what the run trained."""
    network = folder.record.network
    if network is not None and module is not None:
        raise RunError(f"{folder.path}: trained the network {network.name!r}; leave out module.")
    given = network or module
    if given is None:
        raise RunError(
            f"{folder.path}: trained a module of your own ({folder.record.module}), which the run folder cannot "
            f"rebuild; go on with it from Python: striate.resume({str(folder.path)!r}, module=…)."
        )
    return given


def _run(loop: Loop, out: Path | None, job: str) -> Generator[Event, None, None]:
    prepared = loop.prepared
    peers, record = prepared.peers, prepared.record

    def make() -> Path:
        made = (
            RunFolder.create_next(_RUNS, prepared.name, record)
            if out is None
            else RunFolder.create(out, record)
        )
        keep_job(made, job)
        return made.path

    loop.folder = RunFolder(peers.agreed(make), record)
    with _held(_locked(loop.folder.path, peers), prepared):
        yield from _written(loop, loop.events())


def _written(loop: Loop, events: Generator[Event, None, None]) -> Generator[Event, None, None]:
    """Return ``events`` as they are recorded, by the process that does."""
    return recorded(events, loop.folder.path, loop.untold) if loop.peers.world.writes else events


def _locked(folder: Path, peers: Peers) -> FileLock | None:
    """Return the lock on ``folder`` of the process that writes; None in others."""
    taken: list[FileLock] = []
    peers.agreed(lambda: taken.append(lock(folder)))
    return taken[0] if taken else None


def _rest(loop: Loop, notes: tuple[str, ...], held: FileLock | None) -> Generator[Event, None, None]:
    with _held(held, loop.prepared):
        if loop.complete:
            yield loop.finished()
            return
        loop.clear()
        yield from _written(loop, loop.resumed(notes))


@contextmanager
def _held(lock: FileLock | None, prepared: Prepared) -> Iterator[None]:
    """Hold a lock that was taken, if it was, keep freed memory, and have torch compute as was planned."""
    try:
        with kept_memory(), prepared.plan.applied(prepared.device):
            yield
    finally:
        if lock is not None:
            lock.release()
