"""Mean and standard deviation of images, from sums of bytes and of their squares, which are exact in any order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from striate.data.pixels import ByteArray

__all__ = ["Moments"]

_PIXELS_IN_32_BITS = 2**16  # whose squares add up to less than 2^32


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums over pixels, channel by channel. ``a + b`` are those of both.

    Attributes:
        sums: Of bytes, and of their squares, int64 ``(2, C)``.
        pixels: How many were summed in each channel.
    """

    sums: NDArray[np.int64]
    pixels: int

    @classmethod
    def of(cls, images: ByteArray) -> Moments:
        """Return those of ``images``, uint8 ``(N, C, H, W)``."""
        count, channels, height, width = images.shape
        pixels = height * width
        kind = np.uint32 if pixels <= _PIXELS_IN_32_BITS else np.uint64
        at_once = max(1, _PIXELS_IN_32_BITS // pixels)  # whose squares stay in the cache
        sums = np.zeros((2, channels), np.int64)
        for start in range(0, count, at_once):
            part = images[start : start + at_once].reshape(-1, channels, pixels)
            sums[0] += part.sum((0, 2), dtype=kind).astype(np.int64)
            sums[1] += np.square(part, dtype=np.uint16).sum((0, 2), dtype=kind).astype(np.int64)
        return cls(sums, count * pixels)

    def __add__(self, other: Moments) -> Moments:
        return Moments(self.sums + other.sums, self.pixels + other.pixels)

    @property
    def mean(self) -> tuple[float, ...]:
        """Per channel, of pixels scaled to 0..1."""
        return tuple((self._mean / 255).tolist())

    @property
    def std(self) -> tuple[float, ...]:
        """Per channel, of pixels scaled to 0..1; at least 1/255, so that a constant channel is not blown up."""
        variance = np.maximum(self.sums[1] / self.pixels - self._mean**2, 0)
        return tuple((np.maximum(np.sqrt(variance), 1.0) / 255).tolist())

    @property
    def _mean(self) -> NDArray[np.float64]:
        mean: NDArray[np.float64] = self.sums[0] / self.pixels
        return mean
