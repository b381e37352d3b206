"""Smooth random fields, which move pixels: a lattice of normal numbers under a Gaussian.

Legend: n images, h w height and width of the output, K nodes of the lattice along an axis.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from striate.data.augment.draws import Keys, pixel_normals
from striate.data.moving import moved

__all__ = ["smooth_fields"]

_REACH = 3.5  # standard deviations, beyond which a Gaussian is left out


def smooth_fields(keys: Keys, size: tuple[int, int], sigma: float, device: torch.device) -> Tensor:
    """Return two smooth fields for each image, x and y, float32 ``(n, 2, h, w)`` on ``device``.

    Each value is normal, of mean 0 and standard deviation 1. Neighbors resemble each other as after a Gaussian of
    standard deviation ``sigma`` in pixels, which is what Simard, Steinkraus and Platt (2003) smooth noise with; the
    noise stands on a lattice that is coarse, but not so that one sees it.
    """
    down, across = (moved(_weights(length, sigma), device) for length in size)
    nodes = pixel_normals(keys, (2, down.shape[1], across.shape[1]), device)
    fields: Tensor = down @ nodes @ across.T
    return fields


def _weights(length: int, sigma: float) -> Tensor:
    """Return how much each pixel takes of each node, float32 ``(length, K)``; the squares of a pixel sum to 1."""
    spacing = max(1.0, sigma / 2)
    beyond = math.ceil(_REACH * sigma / spacing)
    nodes = spacing * torch.arange(-beyond, math.ceil(length / spacing) + beyond + 1, dtype=torch.float64)
    distances = torch.arange(length, dtype=torch.float64)[:, None] - nodes
    weights = torch.exp(-0.5 * (distances / sigma) ** 2)
    return (weights / weights.square().sum(1, keepdim=True).sqrt()).float()
