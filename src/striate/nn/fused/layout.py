"""How numbers lie for the compiled code: images in lanes, weights in tiles.

Of what is compiled here Numba keeps copies where it is used: after a change, touch ``compiled.py``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from striate.nn.fused.lanes import LANES, ROWS, transpose

__all__ = ["OPTIONS", "aligned", "crop", "gather", "lay_out", "padded", "scatter", "tiled", "turned"]

OPTIONS: Any = {"nogil": True, "cache": True, "error_model": "numpy"}
_Array = NDArray[Any]


@njit(**OPTIONS)  # type: ignore[untyped-decorator]
def padded(channels: int) -> int:
    """Return how many channels fill whole tiles."""
    return -(-channels // ROWS) * ROWS


@njit(**OPTIONS)  # type: ignore[untyped-decorator]
def aligned(count: int) -> _Array:
    """Return ``count`` zeros that begin where a line of the cache does: reading lanes across two takes longer."""
    numbers = np.zeros(count + LANES, np.float32)
    skipped = -(numbers.ctypes.data // numbers.itemsize) % LANES
    return numbers[skipped : skipped + count]


@njit(**OPTIONS)  # type: ignore[untyped-decorator]
def gather(images: _Array, first: int, lanes: _Array) -> None:
    """Write images from number ``first`` on to ``lanes``, number by number; those that are not there are zeros."""
    size = images.size // len(images)
    count = min(LANES, len(images) - first)
    flat = images.reshape(-1)
    if size < LANES:
        lanes[: size * LANES] = 0
        for i in range(size):
            for n in range(count):
                lanes[i * LANES + n] = flat[(first + n) * size + i]
        return
    for start in range(0, size, LANES):
        start = min(start, size - LANES)  # the last overlaps the one before
        transpose(flat, first * size + start, size, count, lanes, start * LANES, LANES, LANES)


@njit(**OPTIONS)  # type: ignore[untyped-decorator]
def scatter(lanes: _Array, first: int, images: _Array) -> None:
    """Write ``lanes`` to images from number ``first`` on."""
    size = images.size // len(images)
    count = min(LANES, len(images) - first)
    flat = images.reshape(-1)
    if size < LANES:
        for n in range(count):
            for i in range(size):
                flat[(first + n) * size + i] = lanes[i * LANES + n]
        return
    for start in range(0, size, LANES):
        start = min(start, size - LANES)
        transpose(lanes, start * LANES, LANES, LANES, flat, first * size + start, size, count)


@njit(**OPTIONS)  # type: ignore[untyped-decorator]
def lay_out(lanes: _Array, shape: tuple[int, int, int, int], pad: tuple[int, int], laid: _Array) -> None:
    """Write an image ``(C, H, W)`` of lanes to ``laid`` with zeros around it."""
    _, channels, height, width = shape
    down, across = height + 2 * pad[0], width + 2 * pad[1]
    laid[:] = 0
    for c in range(channels):
        for y in range(height):
            start, to = (c * height + y) * width * LANES, ((c * down + y + pad[0]) * across + pad[1]) * LANES
            laid[to : to + width * LANES] = lanes[start : start + width * LANES]


@njit(**OPTIONS)  # type: ignore[untyped-decorator]
def crop(lanes: _Array, shape: tuple[int, int, int, int], cropped: _Array) -> None:
    """Write an image of lanes whose sides are even to ``cropped``, of the sides ``(N, C, H, W)`` says."""
    _, channels, height, width = shape
    tall, wide = height + height % 2, width + width % 2
    for c in range(channels):
        for y in range(height):
            start, to = (c * tall + y) * wide * LANES, (c * height + y) * width * LANES
            cropped[to : to + width * LANES] = lanes[start : start + width * LANES]


@njit(**OPTIONS)  # type: ignore[untyped-decorator]
def tiled(weight: _Array) -> _Array:
    """Return ``(O, C, Kh, Kw)`` as ``(P / 6, C, Kh, Kw, 6)``, flat."""
    maps, channels, down, across = weight.shape
    numbers = aligned(padded(maps) * channels * down * across)
    places = numbers.reshape((padded(maps) // ROWS, channels, down, across, ROWS))
    for o in range(maps):
        for c in range(channels):
            for ky in range(down):
                for kx in range(across):
                    places[o // ROWS, c, ky, kx, o % ROWS] = weight[o, c, ky, kx]
    return numbers  # type: ignore[no-any-return]


@njit(**OPTIONS)  # type: ignore[untyped-decorator]
def turned(weight: _Array) -> _Array:
    """Return ``(O, C, Kh, Kw)`` as ``(C, O, Kh, Kw)``, kernels turned around."""
    maps, channels, down, across = weight.shape
    turned = np.empty((channels, maps, down, across), np.float32)
    for o in range(maps):
        for c in range(channels):
            for ky in range(down):
                for kx in range(across):
                    turned[c, o, down - 1 - ky, across - 1 - kx] = weight[o, c, ky, kx]
    return turned
