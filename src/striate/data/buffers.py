"""Memory for batches, used again: to be given fresh memory takes as long as to fill it."""

from __future__ import annotations

import sys
import threading

import numpy as np
import torch
from torch import Tensor

from striate.data.pixels import ByteArray

__all__ = ["Buffers"]

_MOST = 3  # one that is shown, one that is made, one more
_OURS = (
    3  # references to a buffer that nobody else holds: of the list, of the name, of the call that counts them
)


class Buffers:
    """Gives tensors, and the memory of one again once neither it nor any view of it is left."""

    def __init__(self) -> None:
        self._held: list[ByteArray] = []
        self._lock = threading.Lock()

    def empty(self, *shape: int) -> Tensor:
        """Return a uint8 tensor of ``shape``, filled with anything."""
        with self._lock:
            for buffer in self._held:
                if buffer.shape == shape and sys.getrefcount(buffer) == _OURS:
                    return torch.from_numpy(buffer)  # which holds it, as do all that share its memory
            buffer = np.empty(shape, np.uint8)
            self._held = [*self._held[1 - _MOST :], buffer]
            return torch.from_numpy(buffer)
