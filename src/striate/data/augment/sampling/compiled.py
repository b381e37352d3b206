"""Sampling and coloring in compiled code: each output pixel is made in one go from stored bytes. See `warp`.

A pixel's three channels lie side by side in 64 bits, 21 bits each, so that one product weighs all three: bytes times
weights that add up to 2^13 never reach from one channel into the next, and their sums are exact. Work goes on in pieces
that stay in the cache, in loops that the compiler makes vectors of. All stands in one file, since that is what Numba
looks at to see whether what it has compiled is of today. Legend: N images, C channels, H W of the source, h w of the
output; a map takes the number of an output pixel, column and row, to a place among source pixels.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import config, njit, types
from numpy.typing import NDArray

__all__ = ["channel_means", "compose", "warp"]

if config.DISABLE_JIT:  # type: ignore[attr-defined]
    raise ImportError("without compiling, this is far slower than torch")

_ONE = np.int32(1 << 13)
_FIELD, _SECOND, _THIRD = np.uint64(2**21 - 1), np.uint64(21), np.uint64(42)
_HALF, _NONE, _WHITE = np.float32(0.5), np.float32(0), np.float32(255)
_ZEROS, _REFLECT = 0, 2
_PIXELS_AT_ONCE = 1024  # which stay in the cache from step to step
_OPTIONS: Any = {"nogil": True, "cache": True, "error_model": "numpy"}
_IMAGES = types.Array(types.uint8, 4, "C", readonly=True)  # which those that may be written to pass for
_OUT = types.Array(types.float32, 4, "C")


def _reading(kind: Any, dimensions: int) -> Any:
    return types.Array(kind, dimensions, "C", readonly=True)


@njit(types.void(_IMAGES, types.Array(types.float64, 2, "C")), **_OPTIONS)
def channel_means(images: NDArray[Any], means: NDArray[Any]) -> None:
    """Write the mean of each channel of ``images``, uint8 ``(N, C, H, W)``, to ``means``, float64 ``(N, C)``."""
    pixels = images.reshape((images.shape[0], images.shape[1], images.shape[2] * images.shape[3]))
    for n in range(pixels.shape[0]):
        for c in range(pixels.shape[1]):
            total = np.int64(0)
            for start in range(0, pixels.shape[2], 1 << 16):
                part = np.uint32(0)
                for byte in pixels[n, c, start : start + (1 << 16)]:
                    part += np.uint32(byte)
                total += np.int64(part)
            means[n, c] = total / pixels.shape[2]


@njit(
    types.void(
        types.Array(types.float64, 3, "C"),
        _reading(types.int64, 1),
        _reading(types.float64, 3),
        types.boolean,
    ),
    **_OPTIONS,
)
def compose(products: NDArray[Any], rows: NDArray[Any], others: NDArray[Any], first: bool) -> None:
    """Multiply ``products`` ``(N, k, k)`` of numbers ``rows`` ``(n,)`` with ``others``, ``(n, k, k)`` or one."""
    size = products.shape[1]
    product = np.empty((size, size))
    for i in range(len(rows)):
        own, other = products[rows[i]], others[i if len(others) > 1 else 0]
        left, right = (other, own) if first else (own, other)
        for row in range(size):
            for column in range(size):
                total = 0.0
                for k in range(size):
                    total += left[row, k] * right[k, column]
                product[row, column] = total
        own[:] = product


@njit(inline="always", **_OPTIONS)  # type: ignore[untyped-decorator]
def _folded(place: Any, last: Any, padding: int) -> Any:
    """Return the place in 0..``last`` that ``place`` shows: mirrored at the outermost pixels, or the nearest."""
    if padding == _REFLECT and last > 0:
        place = abs(place)
        place = place - 2 * last * np.floor(place / (2 * last))
        place = min(place, 2 * last - place)
    return min(max(place, _NONE), last)


@njit(**_OPTIONS)  # type: ignore[untyped-decorator]
def _packed(image: NDArray[Any], top: int, bottom: int, fill: Any, packed: NDArray[Any]) -> None:
    """Write rows ``top`` to ``bottom`` side by side, with one more column and row, and at the end ``fill``."""
    width = image.shape[2]
    stride = width + 1
    for y in range(top, bottom + 1):
        row = packed[y * stride : (y + 1) * stride]
        if image.shape[0] == 3:
            red, green, blue = image[0, y], image[1, y], image[2, y]
            for x in range(width):
                row[x] = np.uint64(red[x]) | np.uint64(green[x]) << _SECOND | np.uint64(blue[x]) << _THIRD
        else:
            grey = image[0, y]
            for x in range(width):
                row[x] = np.uint64(grey[x])
        row[width] = row[width - 1]
    packed[(bottom + 1) * stride : (bottom + 2) * stride] = packed[bottom * stride : (bottom + 1) * stride]
    packed[(image.shape[1] + 1) * stride :] = fill


@njit(**_OPTIONS)  # type: ignore[untyped-decorator]
def _places(
    m: NDArray[Any], top: int, rows: int, bent: NDArray[Any], width: int, xs: NDArray[Any], ys: NDArray[Any]
) -> None:
    """Write where the pixels of output rows come from; ``bent`` ``(2, h, w)`` moves them first, or is empty."""
    straight = m[2, 0] == 0 and m[2, 1] == 0
    for row in range(rows):
        y = top + row
        at = np.uint64(row * width)
        if straight and len(bent) == 0:
            along, down = np.float32(m[0, 0]), np.float32(m[1, 0])
            x0, y0 = np.float32(m[0, 1] * y + m[0, 2]), np.float32(m[1, 1] * y + m[1, 2])
            for x in range(width):
                xs[at + np.uint64(x)] = along * np.float32(x) + x0
                ys[at + np.uint64(x)] = down * np.float32(x) + y0
            continue
        if m[2, 0] == 0 and m[2, 1] == 0:
            rightward, downward = bent[0, y], bent[1, y]
            for x in range(width):
                over, under = np.float64(x) + rightward[x], np.float64(y) + downward[x]
                xs[at + np.uint64(x)] = np.float32(m[0, 0] * over + m[0, 1] * under + m[0, 2])
                ys[at + np.uint64(x)] = np.float32(m[1, 0] * over + m[1, 1] * under + m[1, 2])
            continue
        for x in range(width):
            over, under = np.float64(x), np.float64(y)
            if len(bent):
                over += bent[0, y, x]
                under += bent[1, y, x]
            below = m[2, 0] * over + m[2, 1] * under + m[2, 2]
            below = max(below, 1e-3)  # what a strong perspective shows from behind lies far away
            xs[at + np.uint64(x)] = np.float32((m[0, 0] * over + m[0, 1] * under + m[0, 2]) / below)
            ys[at + np.uint64(x)] = np.float32((m[1, 0] * over + m[1, 1] * under + m[1, 2]) / below)


@njit(**_OPTIONS)  # type: ignore[untyped-decorator]
def _sampled(
    packed: NDArray[Any], height: int, width: int, padding: int, count: int, xs: NDArray[Any], ys: NDArray[Any],
    index: NDArray[Any], weights: NDArray[Any], sums: NDArray[Any],
) -> None:  # fmt: skip
    """Write to ``sums`` what lies at ``count`` places ``xs``, ``ys`` between four pixels, times 2^13."""
    stride = width + 1
    outside = np.int32((height + 1) * stride)
    right, bottom = np.float32(width - 1), np.float32(height - 1)
    across, down, both = weights[0], weights[1], weights[2]
    for i in range(count):
        x, y = xs[i], ys[i]
        inside = (x >= -_HALF) & (x < right + _HALF) & (y >= -_HALF) & (y < bottom + _HALF)
        x, y = _folded(x, right, padding), _folded(y, bottom, padding)
        column, row = np.int32(x), np.int32(y)
        part_x, part_y = (x - np.float32(column)) * np.float32(_ONE), y - np.float32(row)
        k = row * np.int32(stride) + column
        corner, along, below = (
            np.int32(part_x * part_y),
            np.int32(part_x),
            np.int32(part_y * np.float32(_ONE)),
        )
        seen = np.int32(inside | (padding != _ZEROS))
        index[i] = k * seen + outside * (np.int32(1) - seen)
        across[i], down[i], both[i] = (along - corner) * seen, (below - corner) * seen, corner * seen
    right_of, below_of, across_of = packed[1:], packed[stride:], packed[stride + 1 :]
    for i in range(count):
        at = np.uint32(index[i])  # unsigned numbers need no look at whether they count from the end
        a, d, b = np.uint64(across[i]), np.uint64(down[i]), np.uint64(both[i])
        sums[i] = (
            packed[at] * (np.uint64(_ONE) - a - d - b)
            + right_of[at] * a
            + below_of[at] * d
            + across_of[at] * b
        )


@njit(**_OPTIONS)  # type: ignore[untyped-decorator]
def _sampled_wide(
    packed: NDArray[Any], height: int, width: int, padding: int, count: int, xs: NDArray[Any], ys: NDArray[Any],
    reach: NDArray[Any], taps: NDArray[Any], sums: NDArray[Any],
) -> None:  # fmt: skip
    """Write to ``sums`` what lies at ``xs``, ``ys`` below triangles that reach ``reach`` (x, y) pixels, times 2^13."""
    stride = width + 1
    right, bottom = np.float32(width - 1), np.float32(height - 1)
    over, under = taps[0], taps[1]
    for i in range(count):
        x, y = xs[i], ys[i]
        if padding == _ZEROS and not (
            (x >= -_HALF) & (x < right + _HALF) & (y >= -_HALF) & (y < bottom + _HALF)
        ):
            sums[i] = packed[(height + 1) * stride] * np.uint64(_ONE)
            continue
        x, y = _folded(x, right, padding), _folded(y, bottom, padding)
        first_x, count_x, total_x = _triangle(x, reach[0], width, over)
        first_y, count_y, total_y = _triangle(y, reach[1], height, under)
        red = green = blue = _NONE
        for row in range(count_y):
            k = np.uint64((first_y + row) * stride + first_x)
            for column in range(count_x):
                weight, pixel = under[row] * over[column], packed[k + np.uint64(column)]
                red += weight * np.float32(np.int32(pixel & _FIELD))
                green += weight * np.float32(np.int32(pixel >> _SECOND & _FIELD))
                blue += weight * np.float32(np.int32(pixel >> _THIRD))
        unit = np.float32(_ONE) / (total_x * total_y)
        sums[i] = (
            np.uint64(np.int32(red * unit + _HALF))
            | np.uint64(np.int32(green * unit + _HALF)) << _SECOND
            | np.uint64(np.int32(blue * unit + _HALF)) << _THIRD
        )


@njit(**_OPTIONS)  # type: ignore[untyped-decorator]
def _triangle(place: Any, reach: Any, size: int, weights: NDArray[Any]) -> tuple[int, int, Any]:
    """Write the weights of pixels below a triangle around ``place``; return the first, how many, and their sum."""
    first = max(math.floor(place - reach) + 1, 0)
    count = min(math.ceil(place + reach) - 1, size - 1) - first + 1
    slope = np.float32(1) / reach
    total = _NONE
    for k in range(count):
        weights[k] = max(np.float32(1) - abs(np.float32(first + k) - place) * slope, _NONE)
        total += weights[k]
    return first, count, total


@njit(**_OPTIONS)  # type: ignore[untyped-decorator]
def _triangles(
    along: float, start: float, reach: Any, size: int, padding: int,
    firsts: NDArray[Any], counts: NDArray[Any], weights: NDArray[Any],
) -> None:  # fmt: skip
    """Do `_triangle` for every output column, or row, with weights of sum 1; a count of 0 is for what lies outside."""
    last = np.float32(size - 1)
    for i in range(len(firsts)):
        place = np.float32(along * i + start)
        counts[i] = firsts[i] = 0
        if padding != _ZEROS or (place >= -_HALF) & (place < last + _HALF):
            firsts[i], counts[i], total = _triangle(_folded(place, last, padding), reach, size, weights[i])
            for k in range(counts[i]):
                weights[i, k] /= total


@njit(**_OPTIONS)  # type: ignore[untyped-decorator]
def _upright(
    image: NDArray[Any], m: NDArray[Any], reach: NDArray[Any], padding: int, fill: NDArray[Any],
    color: NDArray[Any], scale: NDArray[Any], shift: NDArray[Any], width: int, out: NDArray[Any],
) -> None:  # fmt: skip
    """Shrink ``image`` along its own axes: rows first, then columns, by triangles that are made once for each."""
    channels = len(image)
    height = out.shape[1] // width
    most = 2 * math.ceil(max(reach[0], reach[1])) + 2
    columns, column_counts = np.empty(width, np.int64), np.empty(width, np.int64)
    rows, row_counts = np.empty(height, np.int64), np.empty(height, np.int64)
    column_weights, row_weights = np.zeros((width, most), np.float32), np.zeros((height, most), np.float32)
    _triangles(m[0, 0], m[0, 2], reach[0], image.shape[2], padding, columns, column_counts, column_weights)
    _triangles(m[1, 1], m[1, 2], reach[1], image.shape[1], padding, rows, row_counts, row_weights)
    left, right = columns.min(), (columns + column_counts).max()
    line = np.empty(right - left, np.float32)
    lines = np.empty((channels, width), np.float32)
    for y in range(height):
        for c in range(channels):
            line[:] = _NONE
            for k in range(row_counts[y]):
                weight, source = row_weights[y, k], image[c, rows[y] + k, left:right]
                for x in range(len(line)):
                    line[x] += weight * np.float32(source[x])
            for x in range(width):
                first, total = np.uint64(columns[x] - left), _NONE
                for k in range(column_counts[x]):
                    total += column_weights[x, k] * line[first + np.uint64(k)]
                lines[c, x] = total if column_counts[x] and row_counts[y] else np.float32(fill[c])
        _colored(lines, width, color, scale, shift, y * width, out)


@njit(**_OPTIONS)  # type: ignore[untyped-decorator]
def _moved(
    image: NDArray[Any], m: NDArray[Any], padding: int, fill: NDArray[Any], top: int, rows: int, width: int,
    lines: NDArray[Any],
) -> None:  # fmt: skip
    """Write ``rows`` output rows of ``image`` shifted and mirrored by whole pixels: no value is interpolated."""
    channels, source_height, source_width = image.shape
    across, down = np.int64(m[0, 0]), np.int64(m[1, 1])
    start_x, start_y = np.int64(m[0, 2]), np.int64(m[1, 2])
    if across > 0:  # the columns that the image itself gives
        begin, end = min(max(-start_x, 0), width), max(min(source_width - start_x, width), 0)
    else:
        begin, end = min(max(start_x - source_width + 1, 0), width), max(min(start_x + 1, width), 0)
    begin = min(begin, end)
    for c in range(channels):
        plane, line = image[c].reshape(source_height * source_width), lines[c]
        for row in range(rows):
            y = start_y + down * (top + row)
            at = np.uint64(row * width)
            if padding == _ZEROS and not 0 <= y < source_height:
                for x in range(width):
                    line[at + np.uint64(x)] = fill[c]
                continue
            y = np.int64(_folded(np.float32(y), np.float32(source_height - 1), padding))
            first = np.uint64(y * source_width + start_x + across * begin)
            onto = at + np.uint64(begin)
            if across > 0:
                for x in range(end - begin):
                    line[onto + np.uint64(x)] = plane[first + np.uint64(x)]
            else:
                for x in range(end - begin):
                    line[onto + np.uint64(x)] = plane[first - np.uint64(x)]
            for x in range(begin):
                line[at + np.uint64(x)] = _beyond(
                    plane, y, source_width, start_x + across * x, padding, fill[c]
                )
            for x in range(end, width):
                line[at + np.uint64(x)] = _beyond(
                    plane, y, source_width, start_x + across * x, padding, fill[c]
                )


@njit(**_OPTIONS)  # type: ignore[untyped-decorator]
def _beyond(plane: NDArray[Any], y: int, width: int, x: int, padding: int, fill: Any) -> Any:
    if padding == _ZEROS:
        return fill
    return plane[y * width + np.int64(_folded(np.float32(x), np.float32(width - 1), padding))]


@njit(**_OPTIONS)  # type: ignore[untyped-decorator]
def _colored(
    lines: NDArray[Any], count: int, color: NDArray[Any], scale: NDArray[Any], shift: NDArray[Any], start: int,
    out: NDArray[Any],
) -> None:  # fmt: skip
    """Write ``count`` pixels of ``lines``, float32 ``(C, …)``, through ``color`` to ``out``, ``(C, h * w)``."""
    if len(lines) == 1:
        _by_factor(lines[0], color[0, 0], color[0, 1], scale[0], shift[0], out[0, start : start + count])
        return
    red, green, blue = lines[0], lines[1], lines[2]
    for c in range(3):
        row, unit, more = out[c, start : start + count], scale[c], shift[c]
        of_red, of_green, of_blue, plus = color[c]
        if (of_red != 0) + (of_green != 0) + (of_blue != 0) <= 1:
            own = red if of_red != 0 else green if of_green != 0 else blue
            _by_factor(own, of_red + of_green + of_blue, plus, unit, more, row)
        else:
            for x in range(len(row)):
                value = of_red * red[x] + of_green * green[x] + of_blue * blue[x] + plus
                row[x] = min(max(value, _NONE), _WHITE) * unit + more


@njit(**_OPTIONS)  # type: ignore[untyped-decorator]
def _by_factor(
    values: NDArray[Any], factor: Any, plus: Any, scale: Any, shift: Any, out: NDArray[Any]
) -> None:
    for x in range(len(out)):
        out[x] = min(max(factor * values[x] + plus, _NONE), _WHITE) * scale + shift


@njit(**_OPTIONS)  # type: ignore[untyped-decorator]
def _unpacked(sums: NDArray[Any], count: int, lines: NDArray[Any]) -> None:
    unit = np.float32(1 / _ONE)
    if len(lines) == 1:
        grey = lines[0]
        for x in range(count):
            grey[x] = np.float32(np.int32(sums[x])) * unit
        return
    red, green, blue = lines[0], lines[1], lines[2]
    for x in range(count):
        value = sums[x]
        red[x] = np.float32(np.int32(value & _FIELD)) * unit
        green[x] = np.float32(np.int32(value >> _SECOND & _FIELD)) * unit
        blue[x] = np.float32(np.int32(value >> _THIRD)) * unit


@njit(**_OPTIONS)  # type: ignore[untyped-decorator]
def _by_whole_pixels(m: NDArray[Any]) -> bool:
    return bool(
        abs(m[0, 0]) == 1
        and abs(m[1, 1]) == 1
        and m[0, 2] == np.floor(m[0, 2])
        and m[1, 2] == np.floor(m[1, 2])
        and max(abs(m[0, 2]), abs(m[1, 2])) < 2**22
    )


@njit(**_OPTIONS)  # type: ignore[untyped-decorator]
def _rows_seen(m: NDArray[Any], reach: Any, height: int, width: int, source_height: int) -> tuple[int, int]:
    """Return the first and the last row of the source that an affine map shows: its corners tell."""
    ys = (
        m[1, 0] * np.array([0, width - 1, 0, width - 1])
        + m[1, 1] * np.array([0, 0, height - 1, height - 1])
        + m[1, 2]
    )
    bottom = source_height - 1
    first, last = (
        min(max(ys.min(), 0), bottom),
        min(max(ys.max(), 0), bottom),
    )  # where padding puts what lies beyond
    return int(max(first - reach - 1, 0)), int(min(last + reach + 2, bottom))


@njit(
    types.void(
        _IMAGES, _reading(types.float64, 3), _reading(types.float32, 2), _reading(types.float32, 4),
        types.int64, _reading(types.uint8, 1), _reading(types.float32, 3), _reading(types.float32, 1),
        _reading(types.float32, 1), _OUT,
    ),
    **_OPTIONS,
)  # fmt: skip
def warp(
    images: NDArray[Any], maps: NDArray[Any], reach: NDArray[Any], bent: NDArray[Any],
    padding: int, fill: NDArray[Any], colors: NDArray[Any], scale: NDArray[Any],
    shift: NDArray[Any], out: NDArray[Any],
) -> None:  # fmt: skip
    """Write ``images``, uint8 ``(N, C, H, W)``, warped and colored, to ``out``, float32 ``(N, C, h, w)``.

    ``maps`` ``(N, 3, 3)``, ``reach`` ``(N, 2)`` as x and y, ``bent`` ``(N, 2, h, w)`` or of no image, ``padding`` 0 for
    zeros, 1 replicate, 2 reflect, ``fill`` ``(C,)``, ``colors`` ``(N, C, C + 1)``, ``scale`` and ``shift`` ``(C,)``.
    """
    channels, height, width = images.shape[1:]
    h, w = out.shape[2:]
    at_once = min(max(_PIXELS_AT_ONCE // w, 1), h)  # rows
    packed = np.empty((height + 2) * (width + 1) + 2, np.uint64)
    xs, ys = np.empty(at_once * w, np.float32), np.empty(at_once * w, np.float32)
    index, weights = np.empty(at_once * w, np.int32), np.empty((3, at_once * w), np.int32)
    sums, lines = np.empty(at_once * w, np.uint64), np.empty((channels, at_once * w), np.float32)
    taps = np.empty((2, 2 * math.ceil(reach.max()) + 2), np.float32)
    around = np.uint64(0)
    for c in range(channels):
        around |= np.uint64(fill[c]) << np.uint64(21 * c)
    unbent = bent[:0].reshape((0, h, w))
    for n in range(len(out)):
        image, m, color, pixels = images[n], maps[n], colors[n], out[n].reshape((channels, h * w))
        field = bent[n] if len(bent) and bent[n].any() else unbent
        straight = m[2, 0] == 0 and m[2, 1] == 0 and len(field) == 0
        upright = straight and m[0, 1] == 0 and m[1, 0] == 0
        wide = reach[n, 0] > 1 or reach[n, 1] > 1
        moved = upright and _by_whole_pixels(m)
        if upright and wide:
            _upright(image, m, reach[n], padding, fill, color, scale, shift, w, pixels)
            continue
        if not moved:
            first, last = 0, height - 1
            if straight and padding != _REFLECT:
                first, last = _rows_seen(m, reach[n, 1], h, w, height)
            _packed(image, first, last, around, packed)
        for y in range(0, h, at_once):
            rows = min(at_once, h - y)
            count = rows * w
            if moved:
                _moved(image, m, padding, fill, y, rows, w, lines)
            else:
                _places(m, y, rows, field, w, xs, ys)
                if wide:
                    _sampled_wide(packed, height, width, padding, count, xs, ys, reach[n], taps, sums)
                else:
                    _sampled(packed, height, width, padding, count, xs, ys, index, weights, sums)
                _unpacked(sums, count, lines)
            _colored(lines, count, color, scale, shift, y * w, pixels)
