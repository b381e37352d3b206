"""A convolution, an activation and 2×2 pooling as one pass over each image, forward and backward, in compiled code.

The convolution of a small image never leaves the cache. Its sums stand in lanes, 16 output channels side by side, and what
is multiplied with them is one number of the image. Only float32; strides and dilation of 1.

Legend: N images, C channels, O output channels, K taps of the kernel across, H W of the image, h w of the output. A window
is one output position; its corners are the four positions of the convolution that are pooled. An image is laid out as
rows of pixels with their channels side by side, zeros around it, so that what a kernel's row sees is one run of K·C numbers. Sums are laid out by window, corner, channel,
with S = `span` numbers to each; lanes that reach beyond the channels spill over what is written next.
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
_AT_ONCE = (
    6  # weights whose gradients are summed in registers: 5 across times 6 channels need no more than 5 rounds
)
_ZERO, _ONE, _QUARTER = np.float32(0), np.float32(1), np.float32(0.25)
_OPTIONS: Any = {"nogil": True, "cache": True, "error_model": "numpy"}
_Array = NDArray[Any]


@njit(**_OPTIONS)  # type: ignore[untyped-decorator]
def span(maps: int) -> int:
    """Return S, how many numbers stand from one corner to the next: O, but above 16 as many as fill all lanes."""
    return maps if maps <= LANES else -(-maps // LANES) * LANES


@njit(**_OPTIONS)  # type: ignore[untyped-decorator]
def _tanh(x: Any) -> Any:
    """Return what is nearest to tanh ``x``, but for one in some hundred that is one step off; through float64."""
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
def _lay_out(image: _Array, pad: tuple[int, int], row: int, laid: _Array) -> None:
    """Write an image ``(C, H, W)`` between the zeros of ``laid``, whose rows are ``row`` numbers long."""
    channels, height, width = image.shape
    for c in range(channels):
        for y in range(height):
            at = (y + pad[0]) * row + pad[1] * channels + c
            for x in range(width):
                laid[at + x * channels] = image[c, y, x]


@njit(**_OPTIONS)  # type: ignore[untyped-decorator]
def _windows(height: int, width: int, channels: int, row: int) -> _Array:
    """Return where in an image that is laid out the first corner of each window begins."""
    starts = np.empty(height * width, np.int64)
    for i in range(height):
        for j in range(width):
            starts[i * width + j] = 2 * (i * row + j * channels)
    return starts


@njit(inline="always", **_OPTIONS)  # type: ignore[untyped-decorator]
def _store_largest(
    a: Any, b: Any, c: Any, d: Any, counts: _Array, at: int, pooled: _Array, which: _Array
) -> None:
    """Write the largest of four corners, and which it is: the first, or the last that is not a number."""
    corner = load(counts, 0)
    best = a
    corner, best = chosen(b, best, load(counts, LANES), corner), chosen(b, best, b, best)
    corner, best = chosen(c, best, load(counts, 2 * LANES), corner), chosen(c, best, c, best)
    corner, best = chosen(d, best, load(counts, 3 * LANES), corner), chosen(d, best, d, best)
    store(pooled, at, best)
    store_bytes(which, at, corner)


@njit(inline="always", **_OPTIONS)  # type: ignore[untyped-decorator]
def _store_corners(a: Any, b: Any, c: Any, d: Any, step: int, at: int, corners: _Array) -> None:
    store(corners, at, a)
    store(corners, at + step, b)
    store(corners, at + 2 * step, c)
    store(corners, at + 3 * step, d)


@njit(
    types.void(
        types.Array(types.float32, 4, "C"),
        types.Array(types.float32, 4, "C"),
        types.Array(types.float32, 1, "C"),
        types.UniTuple(types.intp, 2),
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
        which: For `backward`: the corner that was largest, ``(N, h·w·S + SPARE)``; without rows where means are pooled.
        corners: For `backward`: values behind the activation, ``(N, 4·h·w·S + SPARE)``; without rows where the largest is.
    """
    maps, channels, down, across = weight.shape
    height, width = out.shape[2], out.shape[3]
    step = span(maps)
    run, row = across * channels, (x.shape[3] + 2 * pad[1]) * channels
    laid = np.zeros((x.shape[2] + 2 * pad[0]) * row, np.float32)
    blocks = -(-maps // LANES)
    taps = np.zeros((blocks, down, run, LANES), np.float32)
    for o in range(maps):
        for ky in range(down):
            for kx in range(across):
                for c in range(channels):
                    taps[o // LANES, ky, kx * channels + c, o % LANES] = weight[o, c, ky, kx]
    weights = taps.reshape(-1)
    biases = np.zeros(blocks * LANES, np.float32)
    biases[:maps] = bias
    counts = np.repeat(np.arange(_CORNERS).astype(np.float32), LANES)
    starts = _windows(height, width, channels, row)
    pooled = np.empty(len(starts) * step + SPARE, np.float32)
    for n in range(len(x)):
        _lay_out(x[n], pad, row, laid)
        for one in range(0, len(starts), 2):
            two = min(one + 1, len(starts) - 1)  # of an odd number the last is done twice
            for block in range(blocks):
                first = block * LANES
                a = b = c_ = d = e = f = g = h = load(biases, first)
                for ky in range(down):
                    tap = (block * down + ky) * run * LANES
                    left, right = starts[one] + ky * row, starts[two] + ky * row
                    for r in range(run):
                        lanes = load(weights, tap + r * LANES)
                        a = multiplied(laid, left + r, lanes, a)
                        b = multiplied(laid, left + r + channels, lanes, b)
                        c_ = multiplied(laid, left + r + row, lanes, c_)
                        d = multiplied(laid, left + r + row + channels, lanes, d)
                        e = multiplied(laid, right + r, lanes, e)
                        f = multiplied(laid, right + r + channels, lanes, f)
                        g = multiplied(laid, right + r + row, lanes, g)
                        h = multiplied(laid, right + r + row + channels, lanes, h)
                if largest:
                    _store_largest(a, b, c_, d, counts, one * step + first, pooled, which[n])
                    _store_largest(e, f, g, h, counts, two * step + first, pooled, which[n])
                else:
                    _store_corners(a, b, c_, d, step, one * _CORNERS * step + first, corners[n])
                    _store_corners(e, f, g, h, step, two * _CORNERS * step + first, corners[n])
        if largest:
            _activate(pooled[:-SPARE], activation)
        else:
            _activate(corners[n, :-SPARE], activation)
            each = corners[n, :-SPARE].reshape((len(starts), _CORNERS, step))
            for window in range(len(starts)):
                for o in range(maps):
                    total = each[window, 0, o] + each[window, 1, o] + each[window, 2, o] + each[window, 3, o]
                    pooled[window * step + o] = total * _QUARTER
        for o in range(maps):
            for i in range(height):
                for j in range(width):
                    out[n, o, i, j] = pooled[(i * width + j) * step + o]


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
    for o in range(maps):
        for i in range(height):
            for j in range(width):
                given = gradient[o, i, j]
                given = _slope(out[o, i, j], activation, given) if largest else given * _QUARTER
                pooled[(i * width + j) * step + o] = given
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
        types.UniTuple(types.intp, 2),
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
    """Write to the last three the gradients for ``gradient``, that of ``out``; the rest is as `forward` had and left it.

    That of ``x`` is left out where ``of_x`` has no images.
    """
    maps, channels, down, across = weight.shape
    height, width = out.shape[2], out.shape[3]
    step = span(maps)
    run, row = across * channels, (x.shape[3] + 2 * pad[1]) * channels
    blocks, parts = -(-maps // LANES), -(-run // (2 * LANES)) * 2
    laid = np.zeros((x.shape[2] + 2 * pad[0]) * row + _AT_ONCE, np.float32)
    spread = np.zeros(len(laid) + 2 * LANES, np.float32)
    sums = np.zeros((blocks, down, -(-run // _AT_ONCE) * _AT_ONCE, LANES), np.float32)
    taps = np.zeros((down, parts, maps, LANES), np.float32)
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
    nothing, none = np.empty(0, np.uint8), np.empty(0, np.float32)
    for n in range(len(x)):
        _corner_gradients(
            gradient[n], out[n], activation, largest,
            which[n] if largest else nothing, none if largest else corners[n], pooled, gradients,
        )  # fmt: skip
        for first in range(0, maps, LANES):
            total = load(biases, first)
            for at in range(first, _CORNERS * len(starts) * step, step):
                total = add(total, load(gradients, at))
            store(biases, first, total)
        _lay_out(x[n], pad, row, laid)
        _add_weight_gradients(laid, starts, row, channels, run, gradients, step, sums)
        if len(of_x):
            _spread_gradients(gradients, taps, starts, row, channels, step, spread)
            for c in range(channels):
                for y in range(x.shape[2]):
                    at = (y + pad[0]) * row + pad[1] * channels + c
                    for i in range(x.shape[3]):
                        of_x[n, c, y, i] = spread[at + i * channels]
    of_bias[:] = biases[:maps]
    for o in range(maps):
        for ky in range(down):
            for kx in range(across):
                for c in range(channels):
                    of_weight[o, c, ky, kx] = sums[o // LANES, ky, kx * channels + c, o % LANES]
