"""How it is known that memory has run out, and what is said of it. It frees none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from striate.errors import StriateError, TrainingError

__all__ = ["lack_of_memory", "no_room_for_batch", "told_lack_of_memory"]


def lack_of_memory(error: BaseException) -> str | None:
    """Return the first line of what ``error`` says, if it is that memory has run out, told by nobody yet; else None."""
    if isinstance(error, StriateError):
        return None
    # The CPU's allocator raises a plain RuntimeError; only its words tell, which differ between systems.
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "DefaultCPUAllocator: " in str(error):
        return (str(error).splitlines() or [type(error).__name__])[0]
    return None


def no_room_for_batch(batch_size: int, images: int, reason: str) -> TrainingError:
    """Return what to raise if a batch of ``batch_size``, so many ``images`` at a time, needs more than there is."""
    if images == 1:
        told = f"not enough memory for one image at a time: {reason}. Use a smaller network or input."
    else:
        told = f"not enough memory for batch_size={batch_size}: {reason}. Lower it with --batch-size (batch_size=…)."
    return TrainingError(told)


@contextmanager
def told_lack_of_memory(batch_size: int) -> Iterator[None]:
    """Raise `TrainingError` in the place of what says that memory has run out in here, where batches are whole."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if (reason := lack_of_memory(error)) is None:
            raise
        raise no_room_for_batch(batch_size, batch_size, reason) from None
