"""What sampling is said to do, in float64 and without a thought of speed."""

import numpy as np


def places(matrix, size, bent=None):
    """Return where output pixels come from, x and y ``(h, w)``; the middle of the first source pixel is (0.5, 0.5)."""
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    if bent is not None:
        x, y = x + bent[0], y + bent[1]
    x, y, below = np.einsum("ij,jhw->ihw", matrix, np.stack([x, y, np.ones_like(x)]))
    return x / below, y / below


def reaches(matrix, size, bent=None):
    """Return how far an output pixel in the middle extends in the source, x and y, by differences; at least 1."""
    x, y, step = size[1] / 2, size[0] / 2, 1e-5

    def at(x, y):
        x, y, below = matrix @ (x, y, 1)
        return np.array([x, y]) / below

    across = (at(x + step, y) - at(x - step, y)) / (2 * step)
    down = (at(x, y + step) - at(x, y - step)) / (2 * step)
    wide = np.sqrt(across**2 + down**2)
    turned = matrix[0, 1] or matrix[1, 0] or matrix[2, 0] or matrix[2, 1] or (bent is not None and bent.any())
    return np.where(wide > (1.25 if turned else 1), wide, 1)


def folded(place, length, padding):
    """Return a number of a pixel moved into the image, of which 0 and ``length - 1`` are the outermost."""
    if padding == "reflect" and length > 1:
        place = place % (2 * length - 2)
        place = np.where(place > length - 1, 2 * length - 2 - place, place)
    return np.clip(place, 0, length - 1)


def weights(place, length, reach):
    """Return how much each of ``length`` pixels counts at each place, ``(…, length)``, of sum 1."""
    away = np.abs(np.arange(length) - place[..., None])
    taps = np.maximum(1 - away / reach, 0)
    return taps / taps.sum(-1, keepdims=True)


def naive_warp(image, matrix, size, padding, fill, bent=None):
    """Return ``image`` ``(C, H, W)`` warped, float64 ``(C, h, w)``, and which pixels are at the border ``(h, w)``."""
    height, width = image.shape[1:]
    x, y = places(matrix, size, bent)
    edge = np.minimum.reduce([abs(x), abs(y), abs(x - width), abs(y - height)]) < 1e-3
    outside = (x < 0) | (x >= width) | (y < 0) | (y >= height)
    reach_x, reach_y = reaches(matrix, size, bent)
    over = weights(folded(x - 0.5, width, padding), width, reach_x)
    under = weights(folded(y - 0.5, height, padding), height, reach_y)
    out = np.einsum("hwy,cyx,hwx->chw", under, image.astype(float), over, optimize=True)
    if padding == "zeros":
        out = np.where(outside, np.reshape(fill, (-1, 1, 1)), out)
    return out, edge if padding == "zeros" else np.zeros_like(edge)
