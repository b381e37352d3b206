"""Pillow's bilinear filter in compiled code: what Pillow does to 8 bits, in the same whole numbers. See `resizing`.

A pixel is a weighted sum over the pixels below a triangle, which is as wide as two of them, or where the image shrinks
as two of the result. Weights are whole multiples of 2^-22, so that sums of bytes are exact in 32 bits; they are rounded
to 8 bits after each of both passes. Columns, which the compiler does not make vectors of, are summed for two rows at
once, one in each half of 64 bits: weights are not negative, so that no sum reaches from one half into the other.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import config, njit, types
from numpy.typing import NDArray

from striate.data.resize.resizing import ByteArray

__all__ = ["resize"]

if config.DISABLE_JIT:  # type: ignore[attr-defined]
    raise ImportError("without compiling, this is far slower than Pillow")

_BITS = 22
_HALF = 1 << (_BITS - 1)
_HALVES = _HALF | _HALF << 32
_LOW = 2**32 - 1
_OPTIONS: Any = {"nogil": True, "cache": True, "error_model": "numpy"}
_PIXELS = types.Array(types.uint8, 3, "C", readonly=True)  # which those that may be written to pass for
_OUT = types.Array(types.uint8, 3, "C")


@njit(**_OPTIONS)  # type: ignore[untyped-decorator]
def _weights(size: int, wanted: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return for each of ``wanted`` pixels the first of ``size`` that it is made of, how many, and their weights."""
    scale = size / wanted
    support = max(scale, 1.0)
    starts, counts = np.empty(wanted, np.int32), np.empty(wanted, np.int32)
    weights = np.zeros((wanted, math.ceil(support) * 2 + 1), np.int32)
    shares = np.empty(weights.shape[1])
    for x in range(wanted):
        center = (x + 0.5) * scale
        start = max(int(center - support + 0.5), 0)
        count = min(int(center + support + 0.5), size) - start
        total = 0.0
        for k in range(count):
            shares[k] = max(1.0 - abs((k + start - center + 0.5) * (1.0 / support)), 0.0)
            total += shares[k]
        for k in range(count):
            weights[x, k] = int(0.5 + shares[k] / total * (1 << _BITS))
        starts[x], counts[x] = start, count
    return starts, counts, weights


@njit(**_OPTIONS)  # type: ignore[untyped-decorator]
def _sum_rows(lines: ByteArray, start: int, count: int, weights: NDArray[Any], sums: NDArray[Any]) -> None:
    line, weight = lines[start], weights[0]
    for i in range(len(sums)):
        sums[i] = np.int32(_HALF) + np.int32(line[i]) * weight
    for k in range(1, count):
        line, weight = lines[start + k], weights[k]
        for i in range(len(sums)):
            sums[i] += np.int32(line[i]) * weight


@njit(types.void(_PIXELS, _OUT), **_OPTIONS)
def resize(pixels: ByteArray, out: ByteArray) -> None:
    """Write ``pixels``, uint8 ``(H, W, C)``, to ``out``, uint8 ``(C, h, w)``, stretched: rows first, then columns."""
    channels, height, width = out.shape
    rows, row_counts, row_weights = _weights(pixels.shape[0], height)
    columns, column_counts, column_weights = _weights(pixels.shape[1], width)
    values = pixels.shape[1] * channels
    lines = pixels.reshape((pixels.shape[0], values))
    upper, lower = np.empty(values, np.int32), np.empty(values, np.int32)
    both = np.empty(values, np.int64)
    for y in range(0, height, 2):
        z = min(y + 1, height - 1)
        _sum_rows(lines, rows[y], row_counts[y], row_weights[y], upper)
        _sum_rows(lines, rows[z], row_counts[z], row_weights[z], lower)
        for i in range(values):
            both[i] = np.int64(upper[i] >> _BITS) | np.int64(lower[i] >> _BITS) << 32
        for x in range(width):
            weights, count = column_weights[x], column_counts[x]
            if channels == 3:  # at once, at three quarters of the time of one after another
                red = green = blue = np.int64(_HALVES)
                for k in range(count):
                    i = 3 * (columns[x] + k)
                    red += both[i] * weights[k]
                    green += both[i + 1] * weights[k]
                    blue += both[i + 2] * weights[k]
                out[0, y, x], out[0, z, x] = (red & _LOW) >> _BITS, red >> (32 + _BITS)
                out[1, y, x], out[1, z, x] = (green & _LOW) >> _BITS, green >> (32 + _BITS)
                out[2, y, x], out[2, z, x] = (blue & _LOW) >> _BITS, blue >> (32 + _BITS)
            else:
                grey = np.int64(_HALVES)
                for k in range(count):
                    grey += both[columns[x] + k] * weights[k]
                out[0, y, x], out[0, z, x] = (grey & _LOW) >> _BITS, grey >> (32 + _BITS)
