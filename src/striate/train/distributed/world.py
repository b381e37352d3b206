"""`World`: which of several processes this one is, as torchrun tells it; `Peers`: what they tell one another.

One process asks the same of `ALONE` as several ask of a `striate.train.distributed.group.Group`, so that nothing that
trains is written twice. Nothing here loads torch.distributed.
"""

from __future__ import annotations

import os
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, final

from striate.errors import ConfigError, TrainingError, bad_argument

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["ALONE", "Alone", "Peers", "World"]

T = TypeVar("T")

_NO_ID = ("", "none")  # what torchrun says where it was given no id


@dataclass(frozen=True, kw_only=True)
class World:
    """The processes of a run, and the place of this one among them.

    Attributes:
        rank: Which this is, from 0. The first one alone writes and prints.
        size: How many there are.
        local_rank: Which this is on its machine, from 0; it takes the GPU of that number.
        job: What a job of torchrun is called, the same after a restart; empty if no torchrun started this.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    job: str = ""

    def __post_init__(self) -> None:
        if self.size < 1 or not 0 <= self.rank < self.size or self.local_rank < 0:
            raise ConfigError(
                f"RANK={self.rank}, WORLD_SIZE={self.size}, LOCAL_RANK={self.local_rank} in the environment: ranks "
                "must lie within 0 to WORLD_SIZE - 1; start the processes with torchrun, which sets them."
            )

    @classmethod
    def of_environment(cls, environ: Mapping[str, str] = os.environ) -> World:
        """Return what torchrun set in ``environ``: ``RANK``, ``WORLD_SIZE``, ``LOCAL_RANK``; else one process.

        Raises:
            ConfigError: if these are no numbers, or contradict one another.
        """
        if "RANK" not in environ or "WORLD_SIZE" not in environ:
            return cls()
        rank, size, local = (_number(environ, name) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
        return cls(rank=rank, size=size, local_rank=local, job=_job(environ))

    @property
    def writes(self) -> bool:
        """Whether this process is the one that writes and prints."""
        return self.rank == 0

    def share(self, batch_size: int) -> slice:
        """Return which images of every batch are this process's.

        Raises:
            ConfigError: if they cannot be shared out evenly.
        """
        if batch_size % self.size:
            near = max(1, round(batch_size / self.size)) * self.size
            allowed = f"a multiple of the {self.size} processes that share it, such as {near}"
            raise ConfigError(bad_argument("batch_size", batch_size, allowed))
        part = batch_size // self.size
        return slice(self.rank * part, (self.rank + 1) * part)


def _number(environ: Mapping[str, str], name: str) -> int:
    said = environ.get(name, "0")
    if not said.strip().isdecimal():
        raise ConfigError(
            f"{name}={said!r:.40} in the environment: must be a whole number, as torchrun sets it."
        )
    return int(said)


def _job(environ: Mapping[str, str]) -> str:
    """Return what names the job; without an id of its own, its agent on this machine, once that restarted it."""
    named = environ.get("TORCHELASTIC_RUN_ID", "")
    if named not in _NO_ID:
        return named
    return f"{socket.gethostname()}/{os.getppid()}" if "TORCHELASTIC_RESTART_COUNT" in environ else ""


class Peers(ABC):
    """The processes of a run, as one of them asks and tells the others. All must call the same, in the same order.

    Attributes:
        world: Which of them this is.
    """

    world: World

    @abstractmethod
    def agreed(self, make: Callable[[], T]) -> T:
        """Return what ``make`` gives in the first process, which alone calls it; or raise, in all, what it raises."""

    @abstractmethod
    def sums(self, *numbers: float) -> tuple[float, ...]:
        """Return the sum of each over all processes."""

    @abstractmethod
    def first(self, found: T, good: bool) -> T:
        """Return what the first process ``found`` that says that it is ``good``; what this one did if none does."""

    @abstractmethod
    def spread(self, tensors: Iterable[Tensor]) -> None:
        """Put what the first process has in ``tensors`` into those of all."""

    @abstractmethod
    def parallel(self, module: nn.Module) -> nn.Module:
        """Return what computes as ``module``, and makes of all its gradients their mean over the processes."""

    @abstractmethod
    def apart(self, module: nn.Module) -> AbstractContextManager[object]:
        """Return the context in which what `parallel` gave adds up gradients of this process alone."""

    @abstractmethod
    def lost(self, error: Exception) -> TrainingError | None:
        """Return what to tell of an ``error`` of working together, such as that a process is gone; None of others."""


@final
class Alone(Peers):
    """One process: it agrees with itself."""

    def __init__(self, world: World | None = None) -> None:
        self.world = world or World()

    def agreed(self, make: Callable[[], T]) -> T:
        """Return what ``make`` gives."""
        return make()

    def sums(self, *numbers: float) -> tuple[float, ...]:
        """Return the numbers."""
        return numbers

    def first(self, found: T, good: bool) -> T:
        """Return what was found."""
        return found

    def spread(self, tensors: Iterable[Tensor]) -> None:
        """Leave them."""

    def parallel(self, module: nn.Module) -> nn.Module:
        """Return the module."""
        return module

    def apart(self, module: nn.Module) -> AbstractContextManager[object]:
        """Return none: gradients are of this process."""
        return nullcontext()

    def lost(self, error: Exception) -> None:
        """Return None: there is no other process."""


ALONE = Alone()
"""What one process asks."""
