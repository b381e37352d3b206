"""`Group`: several processes that train together, over torch.distributed. See `Peers`."""

from __future__ import annotations

import atexit
import math
import os
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import timedelta
from typing import Any, NamedTuple, TypeVar, final

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch._C._distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous
from torch.nn.parallel import DistributedDataParallel

from striate.errors import ConfigError, DistributedError, StriateError, TrainingError, bad_argument, listed
from striate.train.distributed.meeting import fresh
from striate.train.distributed.world import Alone, Peers, World

__all__ = ["Group", "join"]

_TIMEOUT = "STRIATE_DIST_TIMEOUT"
_MINUTES = 10.0
_REPORT = 2.0  # seconds in which the others say that they wait too
_CPU = torch.device("cpu")

T = TypeVar("T")


def join(world: World, device: torch.device) -> Peers:
    """Meet the other processes of ``world``, unless this one has, and return them; it takes as long as the last needs.

    Batches of ``device`` go over NCCL if it is CUDA; all else, and everything on a CPU, over Gloo.

    Raises:
        DistributedError: if they do not meet in time.
    """
    if world.size == 1:
        return Alone(world)
    minutes = _minutes()
    if not dist.is_initialized():
        backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
        wait = timedelta(minutes=minutes)
        try:
            store, rank, size = next(rendezvous("env://", timeout=wait))
            store = fresh(store, world, minutes * 60)
            dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=wait)
        except (RuntimeError, ValueError, TimeoutError) as error:
            raise DistributedError(
                f"rank {world.rank} did not meet the other {world.size - 1} processes within {_told(minutes * 60)} "
                f"({_first_line(error)}); see that all are started, and reach MASTER_ADDR and MASTER_PORT."
            ) from None
        _stores.append(store)
        atexit.register(_leave)
    return Group(world, minutes * 60)


_stores: list[Store] = []  # of the group, by which the rest tell that they wait when it fails


def _leave() -> None:
    with suppress(RuntimeError):
        if dist.is_initialized():
            dist.destroy_process_group()


def _minutes() -> float:
    said = os.environ.get(_TIMEOUT, "").strip()
    try:
        minutes = float(said) if said else _MINUTES
    except ValueError:
        minutes = math.nan
    if not 0 < minutes <= 100_000:
        raise ConfigError(bad_argument(_TIMEOUT, said, "minutes above 0, such as 10"))
    return minutes


class _Told(NamedTuple):
    """What the first process made, or why it could not."""

    value: Any
    error: StriateError | None


@final
class Group(Peers):
    """The processes that met.

    Args:
        world: Which of them this is.
        seconds: How long the others are waited for.
    """

    def __init__(self, world: World, seconds: float) -> None:
        self.world = world
        self._seconds = seconds

    def agreed(self, make: Callable[[], T]) -> T:
        """Return what ``make`` gives in the first process, or raise what it raises."""
        told = [_Told(None, None)]
        if self.world.rank == 0:
            try:
                told = [_Told(make(), None)]
            except StriateError as error:
                told = [_Told(None, error)]
        with self._reached():
            dist.broadcast_object_list(told, src=0, device=_CPU)
        if told[0].error is not None:
            raise told[0].error
        value: T = told[0].value
        return value

    def sums(self, *numbers: float) -> tuple[float, ...]:
        """Return the sum of each over all processes; no number in one of them makes it none in all."""
        total = torch.tensor(numbers, dtype=torch.float64)
        with self._reached():
            dist.all_reduce(total)
        return tuple(total.tolist())

    def first(self, found: T, good: bool) -> T:
        """Return what the first process found that says that it is good."""
        all_found: list[tuple[T, bool]] = [(found, good)] * self.world.size
        with self._reached():
            dist.all_gather_object(all_found, (found, good))
        return next((one for one, known in all_found if known), found)

    def spread(self, tensors: Iterable[Tensor]) -> None:
        """Put what the first process has into those of all; one message for all tensors of a kind."""
        kinds: dict[tuple[torch.dtype, torch.device], list[Tensor]] = {}
        for tensor in tensors:
            kinds.setdefault((tensor.dtype, tensor.device), []).append(tensor.detach())
        for alike in kinds.values():
            flat = torch.cat([tensor.reshape(-1) for tensor in alike])
            with self._reached():
                dist.broadcast(flat, src=0)
            parts = torch.split(flat, [tensor.numel() for tensor in alike])
            for tensor, part in zip(alike, parts, strict=True):
                tensor.copy_(part.view(tensor.shape))

    def parallel(self, module: nn.Module) -> nn.Module:
        """Return `DistributedDataParallel` of it; buffers are `spread` by whoever steps."""
        if not any(parameter.requires_grad for parameter in module.parameters()):
            return module
        with self._reached(), warnings.catch_warnings():
            # torch 2.13 has another name for it, which those before have not.
            warnings.filterwarnings("ignore", ".*broadcast_buffers", FutureWarning)
            return DistributedDataParallel(module, broadcast_buffers=False)

    def apart(self, module: nn.Module) -> AbstractContextManager[object]:
        """Return the context in which gradients are not exchanged."""
        return module.no_sync() if isinstance(module, DistributedDataParallel) else nullcontext()

    def lost(self, error: Exception) -> TrainingError | None:
        """Return what to tell of an error of torch.distributed, with the ranks that do not wait for others."""
        if isinstance(error, StriateError):
            return error if isinstance(error, DistributedError) else None
        words = str(error)
        if "finished reduction in the prior iteration" in words:
            return TrainingError(
                "a weight of the module takes no part in its output, and several processes would wait for its "
                "gradient; freeze it with requires_grad_(False), or leave it out."
            )
        if not isinstance(error, dist.DistError) and not any(sign in words for sign in _SIGNS):
            return None
        silent = self._silent()
        who = (
            f"rank {listed(silent)} of {self.world.size}" if silent else f"one of {self.world.size} processes"
        )
        waited = f"said nothing for {_told(self._seconds)} (STRIATE_DIST_TIMEOUT, in minutes)"
        return DistributedError(
            f"{who} {waited if 'imed out' in words else 'is gone'}, as rank {self.world.rank} found; torchrun starts "
            "all of them again, if it still may; else go on from the last checkpoint with --resume RUN."
        )

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            raise self.lost(error) or error from None

    def _silent(self) -> list[int]:
        """Say that this process waits in vain, and return those that did not say so a moment later."""
        try:
            store = PrefixStore("striate/lost", _stores[-1])
            store.set_timeout(timedelta(seconds=_REPORT))
            store.set(str(self.world.rank), "1")
            end = time.monotonic() + _REPORT
            silent = list(range(self.world.size))
            while len(silent) > 1 and time.monotonic() < end:
                time.sleep(0.1)
                silent = [rank for rank in silent if not store.check([str(rank)])]
        except (RuntimeError, IndexError):  # the store was with the process that is lost
            return []
        return silent


_SIGNS = ("gloo", "Gloo", "NCCL", "Connection closed by peer", "Connection reset by peer")


def _told(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds < 60 else f"{seconds / 60:.3g} min"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")[:200]
