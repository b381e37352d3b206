"""A convolution, an activation and 2×2 pooling as one pass over each image, forward and backward, in compiled code.

The convolution of a small image never leaves the cache. Its sums stand in lanes, 16 output channels side by side, and
what is multiplied with them is one number of the image. Only float32; strides and dilation of 1.

Legend: N images, C channels, O output channels, K taps of the kernel across, H W of the image, h w of the output. A
window is one output position; its corners are the four positions of the convolution that are pooled. An image is laid
out as rows of pixels with their channels side by side, zeros around it, so that what a kernel's row sees is one run of
K·C numbers. Sums are laid out by window, corner, channel, with S = `span` numbers to each; lanes that reach beyond the
channels spill over what is written next.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import config, njit, types
from numpy.typing import NDArray

from striate.nn.fused.lanes import LANES, add, chosen, load, multiplied, store, store_bytes, where_byte

__all__ = ["ACTIVATIONS", "SPARE", "backward", "forward", "span"]

if config.DISABLE_JIT:  # type: ignore[attr-defined]
    raise ImportError("without compiling, this is far slower than torch")

ACTIVATIONS = ("none", "relu", "tanh")
SPARE = LANES  # numbers behind the last, which lanes are written to
_RELU, _TANH = 1, 2
_CORNERS = 4
_AT_ONCE = 6  # weights whose gradients are summed in registers
_ZERO, _ONE, _QUARTER = np.float32(0), np.float32(1), np.float32(0.25)
_OPTIONS: Any = {"nogil": True, "cache": True, "error_model": "numpy"}
_PAIR: Any = types.UniTuple(types.intp, 2)  # type: ignore[no-untyped-call]
_Array = NDArray[Any]


@njit(**_OPTIONS)  # type: ignore[untyped-decorator]
def span(maps: int) -> int:
    """Return S, how many numbers stand from one corner to the next: O, but above 16 as many as fill all lanes."""
    return maps if maps <= LANES else -(-maps // LANES) * LANES


@njit(**_OPTIONS)  # type: ignore[untyped-decorator]
def _aligned(count: int) -> _Array:
    """Return ``count`` zeros that begin where a line of the cache does: reading lanes across two takes longer."""
    numbers = np.zeros(count + LANES, np.float32)
    skipped = -(numbers.ctypes.data // numbers.itemsize) % LANES
    return numbers[skipped : skipped + count]


@njit(**_OPTIONS)  # type: ignore[untyped-decorator]
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


@njit(**_OPTIONS)  # type: ignore[untyped-decorator]
def _activate(values: _Array, activation: int) -> None:
    if activation == _RELU:
        for i in range(len(values)):
            values[i] = _ZERO if values[i] < _ZERO else values[i]
    elif activation == _TANH:
        for i in range(len(values)):
            values[i] = _tanh(values[i])


@njit(**_OPTIONS)  # type: ignore[untyped-decorator]
def _slope(value: Any, activation: int, gradient: Any) -> Any:
    """Return ``gradient`` before an activation that gave ``value``."""
    if activation == _RELU:
        return _ZERO if value <= _ZERO else gradient
    if activation == _TANH:
        return gradient * (_ONE - value * value)
    return gradient


@njit(**_OPTIONS)  # type: ignore[untyped-decorator]
def _inside(laid: _Array, images: _Array, pad: tuple[int, int]) -> _Array:
    """Return what an image ``(H, W, C)`` covers of ``laid``, without the zeros around it."""
    channels, height, width = images.shape[1:]
    down, across = height + 2 * pad[0], width + 2 * pad[1]
    pixels = laid[: down * across * channels].reshape((down, across, channels))
    return pixels[pad[0] : pad[0] + height, pad[1] : pad[1] + width]


@njit(**_OPTIONS)  # type: ignore[untyped-decorator]
def _windows(height: int, width: int, channels: int, row: int) -> _Array:
    """Return where in an image that is laid out the first corner of each window begins."""
    starts = np.empty(height * width, np.int64)
    for i in range(height):
        for j in range(width):
            starts[i * width + j] = 2 * (i * row + j * channels)
    return starts


@njit(**_OPTIONS)  # type: ignore[untyped-decorator]
def _convolve(
    laid: _Array,
    starts: _Array,
    row: int,
    channels: int,
    taps: _Array,
    biases: _Array,
    step: int,
    sums: _Array,
) -> None:
    """Write the convolution at the corners of every window to ``sums``; ``taps`` are ``(O / 16, Kh, K·C, 16)``."""
    blocks, down, run, _ = taps.shape
    weights = taps.reshape(-1)
    for one in range(0, len(starts), 2):
        two = min(one + 1, len(starts) - 1)  # of an odd number the last is done twice
        for block in range(blocks):
            a = b = c = d = e = f = g = h = load(biases, block * LANES)
            for ky in range(down):
                tap = (block * down + ky) * run * LANES
                left, right = starts[one] + ky * row, starts[two] + ky * row
                for r in range(run):
                    lanes = load(weights, tap + r * LANES)
                    a, b = (
                        multiplied(laid, left + r, lanes, a),
                        multiplied(laid, left + r + channels, lanes, b),
                    )
                    e, f = (
                        multiplied(laid, right + r, lanes, e),
                        multiplied(laid, right + r + channels, lanes, f),
                    )
                    low, lower = left + r + row, right + r + row
                    c, d = multiplied(laid, low, lanes, c), multiplied(laid, low + channels, lanes, d)
                    g, h = multiplied(laid, lower, lanes, g), multiplied(laid, lower + channels, lanes, h)
            _store_corners(a, b, c, d, step, one * _CORNERS * step + block * LANES, sums)
            _store_corners(e, f, g, h, step, two * _CORNERS * step + block * LANES, sums)


@njit(inline="always", **_OPTIONS)  # type: ignore[untyped-decorator]
def _store_corners(a: Any, b: Any, c: Any, d: Any, step: int, at: int, sums: _Array) -> None:
    store(sums, at, a)
    store(sums, at + step, b)
    store(sums, at + 2 * step, c)
    store(sums, at + 3 * step, d)


@njit(**_OPTIONS)  # type: ignore[untyped-decorator]
def _pool_largest(
    sums: _Array, windows: int, maps: int, counts: _Array, pooled: _Array, which: _Array
) -> None:
    """Write the largest corner of each window, and which it is: the first, or the last that is not a number."""
    step = span(maps)
    for window in range(windows):
        for first in range(0, maps, LANES):
            at = window * _CORNERS * step + first
            largest, corner = load(sums, at), load(counts, 0)
            for k in range(1, _CORNERS):
                value = load(sums, at + k * step)
                corner = chosen(value, largest, load(counts, k * LANES), corner)
                largest = chosen(value, largest, value, largest)
            store(pooled, window * step + first, largest)
            store_bytes(which, window * step + first, corner)


@njit(**_OPTIONS)  # type: ignore[untyped-decorator]
def _pool_mean(values: _Array, windows: int, maps: int, pooled: _Array) -> None:
    step = span(maps)
    for window in range(windows):
        for o in range(maps):
            at = window * _CORNERS * step + o
            total = values[at] + values[at + step] + values[at + 2 * step] + values[at + 3 * step]
            pooled[window * step + o] = total * _QUARTER


@njit(
    types.void(
        types.Array(types.float32, 4, "C"),
        types.Array(types.float32, 4, "C"),
        types.Array(types.float32, 1, "C"),
        _PAIR,
        types.intp,
        types.boolean,
        types.Array(types.float32, 4, "C"),
        types.Array(types.uint8, 2, "C"),
        types.Array(types.float32, 2, "C"),
    ),
    **_OPTIONS,
)
def forward(
    x: _Array, weight: _Array, bias: _Array, pad: tuple[int, int], activation: int, largest: bool,
    out: _Array, which: _Array, corners: _Array,
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
        which: For `backward`, where the largest is pooled: which corner that was, ``(N, h·w·S + SPARE)``; else empty.
        corners: For `backward`, where means are: what was behind the activation, ``(N, 4·h·w·S + SPARE)``; else empty.
    """
    maps, channels, down, across = weight.shape
    height, width = out.shape[2], out.shape[3]
    step = span(maps)
    run, row = across * channels, (x.shape[3] + 2 * pad[1]) * channels
    laid = np.zeros((x.shape[2] + 2 * pad[0]) * row, np.float32)
    blocks = -(-maps // LANES)
    taps = _aligned(blocks * down * run * LANES).reshape((blocks, down, run, LANES))
    for o in range(maps):
        for ky in range(down):
            for kx in range(across):
                for c in range(channels):
                    taps[o // LANES, ky, kx * channels + c, o % LANES] = weight[o, c, ky, kx]
    biases = np.zeros(blocks * LANES, np.float32)
    biases[:maps] = bias
    counts = np.repeat(np.arange(_CORNERS).astype(np.float32), LANES)
    starts = _windows(height, width, channels, row)
    pooled = np.empty(len(starts) * step + SPARE, np.float32)
    positions = pooled[:-SPARE].reshape((height, width, step))
    sums = np.empty(_CORNERS * len(starts) * step + SPARE, np.float32)
    inside = _inside(laid, x, pad)
    for n in range(len(x)):
        for c in range(channels):
            inside[:, :, c] = x[n, c]
        if largest:
            _convolve(laid, starts, row, channels, taps, biases, step, sums)
            _pool_largest(sums, len(starts), maps, counts, pooled, which[n])
            _activate(pooled[:-SPARE], activation)
        else:
            _convolve(laid, starts, row, channels, taps, biases, step, corners[n])
            _activate(corners[n, :-SPARE], activation)
            _pool_mean(corners[n], len(starts), maps, pooled)
        for o in range(maps):
            out[n, o] = positions[:, :, o]


@njit(inline="always", **_OPTIONS)  # type: ignore[untyped-decorator]
def _add_pair(sums: _Array, at: int, one: Any, two: Any) -> None:
    store(sums, at, add(load(sums, at), one))
    store(sums, at + LANES, add(load(sums, at + LANES), two))


@njit(**_OPTIONS)  # type: ignore[untyped-decorator]
def _corner_gradients(
    gradient: _Array, out: _Array, activation: int, largest: bool, which: _Array, corners: _Array,
    pooled: _Array, gradients: _Array,
) -> None:  # fmt: skip
    """Write to ``gradients`` ``(h·w·4·S + SPARE,)`` those of the convolution for that of the output ``(O, h, w)``."""
    maps, height, width = gradient.shape
    step = span(maps)
    positions = pooled[:-SPARE].reshape((height, width, step))
    for o in range(maps):
        for i in range(height):
            for j in range(width):
                given = gradient[o, i, j]
                positions[i, j, o] = _slope(out[o, i, j], activation, given) if largest else given * _QUARTER
    for window in range(height * width):
        for corner in range(_CORNERS):
            at = (window * _CORNERS + corner) * step
            for first in range(0, maps, LANES):
                lanes = load(pooled, window * step + first)
                if largest:
                    lanes = where_byte(which, window * step + first, corner, lanes)
                store(gradients, at + first, lanes)
    if not largest:
        for i in range(len(corners) - SPARE):
            gradients[i] = _slope(corners[i], activation, gradients[i])


@njit(**_OPTIONS)  # type: ignore[untyped-decorator]
def _add_weight_gradients(
    laid: _Array,
    starts: _Array,
    row: int,
    channels: int,
    run: int,
    gradients: _Array,
    step: int,
    sums: _Array,
) -> None:
    """Add those of one image to ``sums``, ``(O / 16, Kh, at least K·C, 16)``."""
    blocks, down, padded, _ = sums.shape
    flat = sums.reshape(-1)
    for block in range(blocks):
        for ky in range(down):
            for first in range(0, run, _AT_ONCE):
                at = ((block * down + ky) * padded + first) * LANES
                a, b, c = load(flat, at), load(flat, at + LANES), load(flat, at + 2 * LANES)
                at += 3 * LANES
                d, e, f = load(flat, at), load(flat, at + LANES), load(flat, at + 2 * LANES)
                for window in range(len(starts)):
                    for corner in range(_CORNERS):
                        lanes = load(gradients, (window * _CORNERS + corner) * step + block * LANES)
                        p = starts[window] + (ky + (corner >> 1)) * row + (corner & 1) * channels + first
                        a, b = multiplied(laid, p, lanes, a), multiplied(laid, p + 1, lanes, b)
                        c, d = multiplied(laid, p + 2, lanes, c), multiplied(laid, p + 3, lanes, d)
                        e, f = multiplied(laid, p + 4, lanes, e), multiplied(laid, p + 5, lanes, f)
                store(flat, at, d)
                store(flat, at + LANES, e)
                store(flat, at + 2 * LANES, f)
                at -= 3 * LANES
                store(flat, at, a)
                store(flat, at + LANES, b)
                store(flat, at + 2 * LANES, c)


@njit(**_OPTIONS)  # type: ignore[untyped-decorator]
def _spread_gradients(
    gradients: _Array, taps: _Array, starts: _Array, row: int, channels: int, step: int, spread: _Array
) -> None:
    """Write to ``spread`` the gradient of an image that is laid out; ``taps`` are ``(Kh, K·C / 16, O, 16)``."""
    down, parts, maps, _ = taps.shape
    flat = taps.reshape(-1)
    nothing = load(np.zeros(LANES, np.float32), 0)
    spread[:] = 0
    for window in range(len(starts)):
        a = window * _CORNERS * step
        b, c, d = a + step, a + 2 * step, a + 3 * step
        for ky in range(down):
            for part in range(0, parts, 2):
                a0 = b0 = c0 = d0 = a1 = b1 = c1 = d1 = nothing
                tap = (ky * parts + part) * maps * LANES
                for o in range(maps):
                    lanes = load(flat, tap + o * LANES)
                    others = load(flat, tap + (o + maps) * LANES)
                    a0, a1 = multiplied(gradients, a + o, lanes, a0), multiplied(gradients, a + o, others, a1)
                    b0, b1 = multiplied(gradients, b + o, lanes, b0), multiplied(gradients, b + o, others, b1)
                    c0, c1 = multiplied(gradients, c + o, lanes, c0), multiplied(gradients, c + o, others, c1)
                    d0, d1 = multiplied(gradients, d + o, lanes, d0), multiplied(gradients, d + o, others, d1)
                p = starts[window] + ky * row + part * LANES
                _add_pair(spread, p, a0, a1)
                _add_pair(spread, p + channels, b0, b1)
                _add_pair(spread, p + row, c0, c1)
                _add_pair(spread, p + row + channels, d0, d1)


@njit(
    types.void(
        types.Array(types.float32, 4, "C"),
        types.Array(types.float32, 4, "C"),
        types.Array(types.float32, 4, "C"),
        _PAIR,
        types.intp,
        types.boolean,
        types.Array(types.float32, 4, "C"),
        types.Array(types.uint8, 2, "C"),
        types.Array(types.float32, 2, "C"),
        types.Array(types.float32, 4, "C"),
        types.Array(types.float32, 1, "C"),
        types.Array(types.float32, 4, "C"),
    ),
    **_OPTIONS,
)
def backward(
    gradient: _Array, x: _Array, weight: _Array, pad: tuple[int, int], activation: int, largest: bool,
    out: _Array, which: _Array, corners: _Array, of_weight: _Array, of_bias: _Array, of_x: _Array,
) -> None:  # fmt: skip
    """Write to the last three their gradients for ``gradient``, that of ``out``; the rest is as `forward` left it.

    That of ``x`` is left out where ``of_x`` has no images.
    """
    maps, channels, down, across = weight.shape
    height, width = out.shape[2], out.shape[3]
    step = span(maps)
    run, row = across * channels, (x.shape[3] + 2 * pad[1]) * channels
    blocks, parts = -(-maps // LANES), -(-run // (2 * LANES)) * 2
    laid = np.zeros((x.shape[2] + 2 * pad[0]) * row + _AT_ONCE, np.float32)
    spread = np.zeros(len(laid) + 2 * LANES, np.float32)
    rounded = -(-run // _AT_ONCE) * _AT_ONCE
    sums = _aligned(blocks * down * rounded * LANES).reshape((blocks, down, rounded, LANES))
    taps = _aligned(down * parts * maps * LANES).reshape((down, parts, maps, LANES))
    for o in range(maps):
        for ky in range(down):
            for kx in range(across):
                for c in range(channels):
                    r = kx * channels + c
                    taps[ky, r // LANES, o, r % LANES] = weight[o, c, ky, kx]
    biases = np.zeros(blocks * LANES, np.float32)
    starts = _windows(height, width, channels, row)
    pooled = np.zeros(len(starts) * step + SPARE, np.float32)
    gradients = np.zeros(_CORNERS * len(starts) * step + SPARE, np.float32)
    inside, inside_of_spread = _inside(laid, x, pad), _inside(spread, x, pad)
    nothing, none = np.empty(0, np.uint8), np.empty(0, np.float32)
    for n in range(len(x)):
        _corner_gradients(
            gradient[n], out[n], activation, largest,
            which[n] if largest else nothing, none if largest else corners[n], pooled, gradients,
        )  # fmt: skip
        for first in range(0, maps, LANES):
            total = load(biases, first)
            for at in range(first, _CORNERS * len(starts) * step, _CORNERS * step):
                upper = add(load(gradients, at), load(gradients, at + step))
                lower = add(load(gradients, at + 2 * step), load(gradients, at + 3 * step))
                total = add(total, add(upper, lower))
            store(biases, first, total)
        for c in range(channels):
            inside[:, :, c] = x[n, c]
        _add_weight_gradients(laid, starts, row, channels, run, gradients, step, sums)
        if len(of_x):
            _spread_gradients(gradients, taps, starts, row, channels, step, spread)
            for c in range(channels):
                of_x[n, c] = inside_of_spread[:, :, c]
    of_bias[:] = biases[:maps]
    for o in range(maps):
        for ky in range(down):
            for kx in range(across):
                for c in range(channels):
                    of_weight[o, c, ky, kx] = sums[o // LANES, ky, kx * channels + c, o % LANES]
