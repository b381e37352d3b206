"""Random numbers that are a function of where they are wanted: of seed, step, image and place in the recipe.

An image's key is a hash of (seed, step, index); its draws are the outputs of SplitMix64 started at that key (Steele,
Lea and Flood 2014). There is no state, so neither the split of a batch nor the order of work changes a number.
Legend: N images.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from striate.data.moving import moved

__all__ = [
    "Floats",
    "Keys",
    "Streams",
    "image_keys",
    "pixel_normals",
    "pixel_uniforms",
    "streams",
    "uniforms",
]

Keys = NDArray[np.uint64]
Streams = Callable[[], Keys]
Floats = NDArray[np.float64]

_GAMMA = 0x9E3779B97F4A7C15  # 2^64 / golden ratio
_FIRST, _SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def image_keys(seed: int, step: int | NDArray[Any], indices: NDArray[Any]) -> Keys:
    """Return a key for each of the images ``indices`` ``(N,)`` at ``step``, or at that of each, ``(N,)``."""
    key = np.zeros(1, np.uint64)
    for part in (seed, step, indices):
        key = _mixed((key ^ np.asarray(part).astype(np.uint64)) + np.uint64(_GAMMA))
    return key


def streams(keys: Keys, slot: int) -> Keys:
    """Return keys ``(N,)`` of other streams, one for each ``slot``: for more numbers than an image has draws."""
    return _mixed(~keys + np.uint64((slot + 1) * _GAMMA % 2**64))  # not of ``keys``, which give the draws


def uniforms(keys: Keys, count: int) -> Floats:
    """Return the first ``count`` draws of each image, of [0, 1), ``(N, count)``."""
    counters = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(_GAMMA)
    draws: Floats = (_mixed(keys[:, None] + counters) >> np.uint64(11)).astype(np.float64)
    draws *= 2.0**-53
    return draws


def pixel_uniforms(keys: Keys, shape: tuple[int, ...], device: torch.device) -> Tensor:
    """Return one draw of [0, 1) for each element of an image of ``shape``, float32 ``(N, *shape)``, on ``device``.

    They are multiples of 2^-24, two of each output of SplitMix64.
    """
    size = math.prod(shape)
    words = _outputs(keys, -(-size // 2), device).view(torch.int32)
    draws = words.bitwise_right_shift_(8).bitwise_and_((1 << 24) - 1).float().mul_(2.0**-24)
    return draws[:, :size].reshape(len(keys), *shape)


def pixel_normals(keys: Keys, shape: tuple[int, ...], device: torch.device) -> Tensor:
    """Return one draw of the standard normal distribution for each element, float32 ``(N, *shape)``, on ``device``."""
    size = math.prod(shape)
    pairs = pixel_uniforms(keys, (2, -(-size // 2)), device)
    radii, turns = torch.log1p(pairs[:, 0].neg_()).mul_(-2).sqrt_(), pairs[:, 1].mul_(2 * torch.pi)
    both = torch.cat([torch.cos(turns).mul_(radii), torch.sin(turns).mul_(radii)], 1)
    return both[:, :size].reshape(len(keys), *shape)


def _outputs(keys: Keys, count: int, device: torch.device) -> Tensor:
    """Return the first ``count`` outputs of SplitMix64 from each key, int64 ``(N, count)``."""
    counters = torch.arange(1, count + 1, device=device) * _signed(_GAMMA)
    x = moved(torch.from_numpy(keys.view(np.int64)), device)[:, None] + counters
    shifted = torch.empty_like(x)
    for bits, factor in ((30, _FIRST), (27, _SECOND), (31, 1)):
        torch.bitwise_right_shift(x, bits, out=shifted)  # and then without the sign that came in
        x.bitwise_xor_(shifted.bitwise_and_((1 << (64 - bits)) - 1)).mul_(_signed(factor))
    return x


def _mixed(x: Keys) -> Keys:
    x = (x ^ x >> np.uint64(30)) * np.uint64(_FIRST)
    x = (x ^ x >> np.uint64(27)) * np.uint64(_SECOND)
    return x ^ x >> np.uint64(31)


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value
