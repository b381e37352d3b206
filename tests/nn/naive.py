"""Convolutions and pooling as loops in float64, from their definitions: slow, and independent of torch.

Padding is worked out here as well, by search where a formula could repeat a mistake.
Legend: C channels, O output channels; sizes, kernels, strides and dilations are tuples, one entry per axis.
"""

import itertools
import math

import numpy as np


def windows(size, kernel, stride, dilation, before, after, *, ceil_mode=False):
    """Return the first position of every window; negative ones begin in the padding."""
    extent = dilation * (kernel - 1) + 1
    starts = []
    for start in range(-before, size + after, stride):
        if start + extent <= size + after:
            starts.append(start)
            continue
        reached_the_end = starts and starts[-1] + extent == size + after
        if ceil_mode and not reached_the_end and start < size:
            starts.append(start)
        break
    return starts


def pads(padding, size, kernel, stride, dilation):
    """Return (before, after) on each axis for any way of giving the padding."""
    axes = list(zip(size, kernel, stride, dilation, strict=True))
    reach = [d * (k - 1) for _, k, _, d in axes]
    match padding:
        case "valid":
            return [(0, 0) for _ in axes]
        case "same":
            return [_same(*axis) for axis in axes]
        case "full":
            return [(r, r) for r in reach]
        case "causal":
            return [(r, 0) for r in reach]
        case int():
            return [(padding, padding) for _ in axes]
    return [pad if isinstance(pad, tuple) else (pad, pad) for pad in padding]


def _same(size, kernel, stride, dilation):
    """Search for the least padding that gives ``ceil(size / stride)`` windows, the odd one at the end."""
    for total in itertools.count():
        split = (total // 2, total - total // 2)
        if len(windows(size, kernel, stride, dilation, *split)) == math.ceil(size / stride):
            return split
    raise AssertionError("unreachable")


def convolve(x, weight, bias, stride, padding, dilation, groups):
    """Return the cross-correlation of ``x`` (C, *size) with ``weight`` (O, C/groups, *kernel)."""
    size, kernel = x.shape[1:], weight.shape[2:]
    both = pads(padding, size, kernel, stride, dilation)
    starts = [
        windows(n, k, s, d, *p) for n, k, s, d, p in zip(size, kernel, stride, dilation, both, strict=True)
    ]
    filters, per_group = weight.shape[:2]
    answer = np.zeros((filters, *map(len, starts)))
    for f, *at in np.ndindex(answer.shape):
        group = f // (filters // groups)
        total = 0.0 if bias is None else bias[f]
        for c, *tap in np.ndindex(weight.shape[1:]):
            spot = [starts[a][i] + t * dilation[a] for a, (i, t) in enumerate(zip(at, tap, strict=True))]
            if all(0 <= p < n for p, n in zip(spot, size, strict=True)):
                total += weight[(f, c, *tap)] * x[(group * per_group + c, *spot)]
        answer[(f, *at)] = total
    return answer


def scatter(x, weight, bias, stride, cut, added, dilation, groups):
    """Return the transposed convolution of ``x`` (C, *size) with ``weight`` (C, O/groups, *kernel).

    Every input is laid out over the outputs that it reaches; ``cut`` outputs go at both ends, and ``added`` come
    at the end.
    """
    size, kernel = x.shape[1:], weight.shape[2:]
    whole = [(n - 1) * s + d * (k - 1) + 1 for n, k, s, d in zip(size, kernel, stride, dilation, strict=True)]
    per_group = weight.shape[1]
    answer = np.zeros((per_group * groups, *(n + a for n, a in zip(whole, added, strict=True))))
    for c, *at in np.ndindex(x.shape):
        group = c // (x.shape[0] // groups)
        for f, *tap in np.ndindex(weight.shape[1:]):
            spot = [i * s + t * d for i, s, t, d in zip(at, stride, tap, dilation, strict=True)]
            answer[(group * per_group + f, *spot)] += x[(c, *at)] * weight[(c, f, *tap)]
    for f in range(len(answer)):
        answer[f] += 0.0 if bias is None else bias[f]
    return answer[(slice(None), *(slice(c, n - c) for n, c in zip(answer.shape[1:], cut, strict=True)))]


def unshared(x, kernel_at, bias_at, window):
    """Return the outputs of windows that have each their own kernel.

    Args:
        x: The input, (C, *size).
        kernel_at: Function of the position that gives its kernel (O, C, *kernel).
        bias_at: Function of the position that gives its biases (O,).
        window: Kernel, stride, padding, dilation.
    """
    kernel, stride, padding, dilation = window
    size = x.shape[1:]
    both = pads(padding, size, kernel, stride, dilation)
    axes = zip(size, kernel, stride, dilation, both, strict=True)
    starts = [windows(n, k, s, d, *p) for n, k, s, d, p in axes]
    filters = len(bias_at((0,) * len(size)))
    answer = np.zeros((filters, *map(len, starts)))
    for at in np.ndindex(*map(len, starts)):
        answer[(slice(None), *at)] = bias_at(at)
        for tap in np.ndindex(*kernel):
            spot = [starts[a][i] + t * dilation[a] for a, (i, t) in enumerate(zip(at, tap, strict=True))]
            if all(0 <= p < n for p, n in zip(spot, size, strict=True)):
                for f, c in np.ndindex(filters, x.shape[0]):
                    answer[(f, *at)] += kernel_at(at)[(f, c, *tap)] * x[(c, *spot)]
    return answer


def pool(x, kernel, stride, padding, *, ceil_mode, reduce, count_include_pad=False):
    """Return ``reduce(values)`` of every window of ``x`` (C, *size).

    A window of the last, partial kind ends where the padding ends. With ``count_include_pad`` the padding
    within the window is among the values, as zeros.
    """
    size, ones = x.shape[1:], (1,) * len(kernel)
    both = pads(padding, size, kernel, stride, ones)
    starts = [
        windows(n, k, s, 1, *p, ceil_mode=ceil_mode)
        for n, k, s, p in zip(size, kernel, stride, both, strict=True)
    ]
    answer = np.zeros((x.shape[0], *map(len, starts)))
    for c, *at in np.ndindex(answer.shape):
        spans = [
            range(starts[a][i], min(starts[a][i] + kernel[a], size[a] + both[a][1])) for a, i in enumerate(at)
        ]
        values = []
        for spot in itertools.product(*spans):
            if all(0 <= p < n for p, n in zip(spot, size, strict=True)):
                values.append(x[(c, *spot)])
            elif count_include_pad:
                values.append(0.0)
        answer[(c, *at)] = reduce(values)
    return answer
