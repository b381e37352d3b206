"""Memory for batches, used again: to be given fresh memory takes as long as to fill it."""

from __future__ import annotations

import threading
import weakref
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Buffers"]

_MOST = 3  # one that is shown, one that is made, one more


class Buffers:
    """Gives tensors, and the memory of one again once neither it nor any view of it is left.

    A copy, or what was pickled, begins with no memory.
    """

    def __init__(self) -> None:
        self._held: list[tuple[NDArray[Any], weakref.ref[NDArray[Any]]]] = []
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return Buffers, ()

    def empty(self, *shape: int, kind: type[np.generic] = np.uint8) -> Tensor:
        """Return a tensor of ``shape`` and ``kind``, filled with anything."""
        with self._lock:
            free = (
                buffer
                for buffer, given in self._held
                if buffer.shape == shape and buffer.dtype == kind and given() is None
            )
            buffer = next(free, None)
            if buffer is None:
                buffer = np.empty(shape, kind)
            view = buffer.view()  # held by the tensor, and so by all that share its memory
            others = [pair for pair in self._held if pair[0] is not buffer]
            self._held = [*others[1 - _MOST :], (buffer, weakref.ref(view))]
            return torch.from_numpy(view)
