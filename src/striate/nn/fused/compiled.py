"""A convolution, an activation and 2×2 pooling as one pass over 16 images, forward and backward, in compiled code.

Numbers of 16 images stand side by side, in lanes, so that every step is the same for all of them and none is wasted,
however few channels there are. What is summed stays in registers: 6 channels at 4 positions. Only float32; strides and
dilation of 1.

Legend: N images in G groups of 16, C channels, O output channels and P of them with those that fill the last tile,
Kh Kw the kernel, H W of the image, h w of the output. A window is one output position; its corners are the four
positions of the convolution that are pooled.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import config, njit, types
from numpy.typing import NDArray

from striate.nn.fused.lanes import (
    COLUMNS,
    LANES,
    ROWS,
    filled,
    load,
    multiplied,
    multiplied_lanes,
    restored,
    store,
    store_largest,
    store_tile,
    total,
    where_byte,
)
from striate.nn.fused.layout import OPTIONS, aligned, crop, gather, lay_out, padded, scatter, tiled, turned

__all__ = ["ACTIVATIONS", "LANES", "backward", "forward", "padded"]

if config.DISABLE_JIT:  # type: ignore[attr-defined]
    raise ImportError("without compiling, this is far slower than torch")

ACTIVATIONS = ("none", "relu", "tanh")
_RELU, _TANH = 1, 2
_IN_CACHE = 6144  # numbers of gradients that are gone through at a time
_ZERO, _ONE, _QUARTER = np.float32(0), np.float32(1), np.float32(0.25)
_PAIR: Any = types.UniTuple(types.intp, 2)  # type: ignore[no-untyped-call]
_Array = NDArray[Any]


@njit(**OPTIONS)  # type: ignore[untyped-decorator]
def _tanh(x: Any) -> Any:
    """Return tanh ``x`` to 0.51 of a step of float32, through float64; several times as fast as torch's."""
    doubled = np.float64(2) * min(abs(np.float64(x)), np.float64(10))
    halvings = np.floor(doubled * 1.4426950408889634 + 0.5)
    r = doubled - halvings * 0.6931471805599453
    series = 1 / 24 + r * (1 / 120 + r * (1 / 720 + r * (1 / 5040 + r / 40320)))
    series = r * (1 + r * (0.5 + r * (1 / 6 + r * series)))
    power = np.int64((np.int64(halvings) + 1023) << 52).view(np.float64)
    less_one = power * series + (power - 1)  # exp(2 |x|) - 1
    y = np.float32(np.copysign(less_one / (less_one + 2), x))
    return y if x == x else x


@njit(**OPTIONS)  # type: ignore[untyped-decorator]
def _activate(values: _Array, activation: int) -> None:
    if activation == _RELU:
        for i in range(len(values)):
            values[i] = _ZERO if values[i] < _ZERO else values[i]
    elif activation == _TANH:
        for i in range(len(values)):
            values[i] = _tanh(values[i])


@njit(**OPTIONS)  # type: ignore[untyped-decorator]
def _slopes(values: _Array, activation: int, gradients: _Array) -> None:
    """Make ``gradients`` those before an activation that gave ``values``."""
    if activation == _RELU:
        for i in range(len(values)):
            gradients[i] = _ZERO if values[i] <= _ZERO else gradients[i]
    elif activation == _TANH:
        for i in range(len(values)):
            gradients[i] *= _ONE - values[i] * values[i]


@njit(**OPTIONS)  # type: ignore[untyped-decorator]
def _pool_mean(values: _Array, windows: int, width: int, pooled: _Array) -> None:
    """Write the means of the corners of ``windows``, in rows of ``width``, to ``pooled``."""
    for window in range(windows):
        at = (window // width * 4 * width + window % width * 2) * LANES
        for lane in range(at, at + LANES):
            below = lane + 2 * width * LANES
            sums = values[lane] + values[lane + LANES] + values[below] + values[below + LANES]
            pooled[window * LANES + lane - at] = sums * _QUARTER


@njit(inline="always", **OPTIONS)  # type: ignore[untyped-decorator]
def _convolved(
    pixels: _Array, at: int, steps: tuple[int, int], taps: _Array, block: int, kernel: tuple[int, int, int],
    seen: tuple[int, int, int, int], tile: Any,
) -> Any:  # fmt: skip
    """Return ``tile`` plus what a block of 6 kernels makes of ``pixels`` at the four places that begin ``at``.

    Args:
        pixels: Channels of rows of lanes.
        at: Where the windows of the kernel begin; of what is not ``seen`` nothing is read.
        steps: From a channel to the next, and from a row to the next.
        taps: See `tiled`.
        block: Of kernels.
        kernel: Channels, height and width.
        seen: Which rows of the kernel, and which columns: first and behind the last of each.
        tile: Sums.
    """
    channels, down, across = kernel
    top, bottom, left, right = seen
    for c in range(channels):
        for ky in range(top, bottom):
            tap = (((block * channels + c) * down + ky) * across + left) * ROWS
            pixel = at + c * steps[0] + ky * steps[1] + left * LANES
            for _ in range(left, right):
                tile = multiplied(taps, tap, pixels, pixel, steps[1], tile)
                tap += ROWS
                pixel += LANES
    return tile


@njit(
    types.void(
        types.Array(types.float32, 4, "C"),
        types.Array(types.float32, 4, "C"),
        types.Array(types.float32, 1, "C"),
        _PAIR,
        types.intp,
        types.boolean,
        types.Array(types.float32, 4, "C"),
        types.Array(types.float32, 2, "C"),
        types.Array(types.float32, 2, "C"),
        types.Array(types.uint8, 2, "C"),
    ),
    **OPTIONS,
)
def forward(
    x: _Array, weight: _Array, bias: _Array, pad: tuple[int, int], activation: int, largest: bool,
    out: _Array, kept: _Array, values: _Array, which: _Array,
) -> None:  # fmt: skip
    """Write to ``out``, ``(N, O, h, w)``, what convolution, activation and pooling make of ``x``, ``(N, C, H, W)``.

    Args:
        x: The images.
        weight: ``(O, C, Kh, Kw)``.
        bias: ``(O,)``.
        pad: Zeros above and below, left and right.
        activation: A number of `ACTIVATIONS`.
        largest: Whether the largest is pooled, else the mean.
        out: What is written to.
        kept: For `backward`: the images in lanes with the zeros around them, ``(G, C·(H + 2·pad)·(W + 2·pad)·16)``.
        values: For `backward`: what was behind the activation, ``(G, P·h·w·16)``; four times as much for means.
        which: For `backward`, where the largest is pooled: which corner that was, ``(G, P·h·w·16)``; else empty.
    """
    maps, channels, down, across = weight.shape
    height, width = out.shape[2], out.shape[3]
    tall, wide = x.shape[2] + 2 * pad[0], x.shape[3] + 2 * pad[1]
    row, plane = wide * LANES, tall * wide * LANES
    taps = tiled(weight)
    shape, whole = (channels, down, across), (0, down, 0, across)
    biases = np.zeros(padded(maps), np.float32)
    biases[:maps] = bias
    lanes = aligned(channels * x.shape[2] * x.shape[3] * LANES)
    pooled = aligned(padded(maps) * height * width * LANES)
    for group in range(len(kept)):
        laid = kept[group]
        if pad[0] or pad[1]:
            gather(x, group * LANES, lanes)
            lay_out(lanes, x.shape, pad, laid)
        else:
            gather(x, group * LANES, laid)
        for block in range(padded(maps) // ROWS):
            for i in range(height):
                for j in range(width):
                    at = 2 * (i * row + j * LANES)
                    tile = _convolved(
                        laid, at, (plane, row), taps, block, shape, whole, filled(biases, block * ROWS)
                    )
                    if largest:
                        place = ((block * ROWS * height + i) * width + j) * LANES
                        store_largest(tile, values[group], which[group], place, height * width * LANES)
                    else:
                        place = ((block * ROWS * height + i) * 2 * 2 * width + 2 * j) * LANES
                        store_tile(tile, values[group], place, 4 * height * width * LANES, 2 * width * LANES)
        _activate(values[group], activation)
        if largest:
            scatter(values[group], group * LANES, out)
        else:
            _pool_mean(values[group], padded(maps) * height * width, width, pooled)
            scatter(pooled, group * LANES, out)


@njit(**OPTIONS)  # type: ignore[untyped-decorator]
def _to_corners(given: _Array, which: _Array, shape: tuple[int, int, int], corners: _Array) -> None:
    """Write gradients ``(P, h, w)`` to the corners that were the largest, of ``(P, 2h + 2, 2w + 2)``."""
    maps, height, width = shape
    row = (2 * width + 2) * LANES
    for p in range(maps):
        for i in range(height):
            for j in range(width):
                at = ((p * height + i) * width + j) * LANES
                to = (p * (2 * height + 2) + 2 * i + 1) * row + (2 * j + 1) * LANES
                lanes = load(given, at)
                store(where_byte(which, at, 0, lanes), corners, to)
                store(where_byte(which, at, 1, lanes), corners, to + LANES)
                store(where_byte(which, at, 2, lanes), corners, to + row)
                store(where_byte(which, at, 3, lanes), corners, to + row + LANES)


@njit(**OPTIONS)  # type: ignore[untyped-decorator]
def _to_all_corners(
    given: _Array, values: _Array, activation: int, shape: tuple[int, int, int], corners: _Array
) -> None:
    """Write a quarter of gradients ``(P, h, w)`` to each corner, before an activation that gave ``values``."""
    maps, height, width = shape
    row = (2 * width + 2) * LANES
    for p in range(maps):
        for y in range(2 * height):
            to = (p * (2 * height + 2) + y + 1) * row + LANES
            for x in range(2 * width):
                at = ((p * height + y // 2) * width + x // 2) * LANES
                for lane in range(LANES):
                    corners[to + x * LANES + lane] = given[at + lane] * _QUARTER
            start = (p * 2 * height + y) * 2 * width * LANES
            end = 2 * width * LANES
            _slopes(values[start : start + end], activation, corners[to : to + end])


@njit(**OPTIONS)  # type: ignore[untyped-decorator]
def _add_weight_gradients(
    corners: _Array, shape: tuple[int, int, int], laid: _Array, offsets: _Array, row: int, sums: _Array
) -> None:
    """Add those of 16 images to ``sums``, ``(P / 6, taps / 4)`` tiles of lanes; taps are at ``offsets`` of a pixel."""
    maps, height, width = shape
    across = (2 * width + 2) * LANES
    plane = (2 * height + 2) * across
    band = max(1, _IN_CACHE // (ROWS * across))
    size = ROWS * COLUMNS * LANES
    for top in range(0, 2 * height, band):
        for block in range(maps // ROWS):
            for number in range(len(offsets) // COLUMNS):
                a, b = offsets[COLUMNS * number], offsets[COLUMNS * number + 1]
                c, d = offsets[COLUMNS * number + 2], offsets[COLUMNS * number + 3]
                at = (block * (len(offsets) // COLUMNS) + number) * size
                tile = restored(sums, at)
                for y in range(top, min(top + band, 2 * height)):
                    g = block * ROWS * plane + (y + 1) * across + LANES
                    p = y * row
                    for _ in range(2 * width):
                        tile = multiplied_lanes(corners, g, plane, laid, p + a, p + b, p + c, p + d, tile)
                        g += LANES
                        p += LANES
                store_tile(tile, sums, at, COLUMNS * LANES, 2 * LANES)


@njit(**OPTIONS)  # type: ignore[untyped-decorator]
def _spread(
    corners: _Array, shape: tuple[int, int, int], taps: _Array, kernel: tuple[int, int, int],
    pad: tuple[int, int], size: tuple[int, int, int], spread: _Array,
) -> None:  # fmt: skip
    """Write the gradient of images to ``spread``; ``size`` is ``(C, H, W)``, in tiles and even, kernels are turned."""
    _, height, width = shape
    _, down, across = kernel
    channels, tall, wide = size
    row = (2 * width + 2) * LANES
    plane = (2 * height + 2) * row
    nothing = np.zeros(ROWS, np.float32)
    for block in range(channels // ROWS):
        for y in range(0, tall, 2):
            top = y + pad[0] - down + 1
            first_y, last_y = max(0, -top - 1), min(down, 2 * height - top)
            for x in range(0, wide, 2):
                left = x + pad[1] - across + 1
                first_x, last_x = max(0, -left - 1), min(across, 2 * width - left)
                at = (top + 1) * row + (left + 1) * LANES
                seen = first_y, last_y, first_x, last_x
                tile = _convolved(corners, at, (plane, row), taps, block, kernel, seen, filled(nothing, 0))
                at = ((block * ROWS * tall + y) * wide + x) * LANES
                store_tile(tile, spread, at, tall * wide * LANES, wide * LANES)


@njit(
    types.void(
        types.Array(types.float32, 4, "C"),
        types.Array(types.float32, 4, "C"),
        _PAIR,
        types.intp,
        types.boolean,
        types.Array(types.float32, 2, "C"),
        types.Array(types.float32, 2, "C"),
        types.Array(types.uint8, 2, "C"),
        _PAIR,
        types.Array(types.float32, 4, "C"),
        types.Array(types.float32, 1, "C"),
        types.Array(types.float32, 4, "C"),
    ),
    **OPTIONS,
)
def backward(
    gradient: _Array, weight: _Array, pad: tuple[int, int], activation: int, largest: bool,
    kept: _Array, values: _Array, which: _Array, size: tuple[int, int],
    of_weight: _Array, of_bias: _Array, of_x: _Array,
) -> None:  # fmt: skip
    """Write to the last three their gradients for ``gradient``, that of the output; the rest is as `forward` left it.

    That of ``x`` is left out where ``of_x`` has no images; ``size`` is that of ``x``, ``(H, W)``.
    """
    maps, channels, down, across = weight.shape
    shape = (padded(maps), gradient.shape[2], gradient.shape[3])
    wide = size[1] + 2 * pad[1]
    row, plane = wide * LANES, (size[0] + 2 * pad[0]) * wide * LANES
    taps = channels * down * across
    offsets = np.zeros(-(-taps // COLUMNS) * COLUMNS, np.int64)
    for tap in range(taps):
        offsets[tap] = tap // (down * across) * plane + tap // across % down * row + tap % across * LANES
    sums = aligned(shape[0] * len(offsets) * LANES)
    biases = np.zeros(maps * LANES, np.float32)
    given = aligned(shape[0] * shape[1] * shape[2] * LANES)
    corners = aligned(shape[0] * (2 * shape[1] + 2) * (2 * shape[2] + 2) * LANES)
    each = len(corners) // shape[0]
    turned_taps = tiled(turned(weight))
    even = (padded(channels), size[0] + size[0] % 2, size[1] + size[1] % 2)
    spread = aligned(even[0] * even[1] * even[2] * LANES)
    cropped = aligned(channels * size[0] * size[1] * LANES)
    for group in range(len(kept)):
        gather(gradient, group * LANES, given)
        if largest:
            _slopes(values[group], activation, given)
            _to_corners(given, which[group], shape, corners)
        else:
            _to_all_corners(given, values[group], activation, shape, corners)
        for o in range(maps):
            for i in range(o * each, (o + 1) * each, LANES):
                for lane in range(LANES):
                    biases[o * LANES + lane] += corners[i + lane]
        _add_weight_gradients(corners, shape, kept[group], offsets, row, sums)
        if len(of_x):
            _spread(corners, shape, turned_taps, (maps, down, across), pad, even, spread)
            if even[1] == size[0] and even[2] == size[1]:
                scatter(spread, group * LANES, of_x)
            else:
                crop(spread, of_x.shape, cropped)
                scatter(cropped, group * LANES, of_x)
    flat, columns = of_weight.reshape(-1), len(offsets) // COLUMNS
    for o in range(maps):
        of_bias[o] = total(biases, o * LANES)
        for tap in range(taps):
            tile = o // ROWS * columns + tap // COLUMNS
            at = (tile * ROWS + o % ROWS) * COLUMNS + tap % COLUMNS
            flat[o * taps + tap] = total(sums, at * LANES)
