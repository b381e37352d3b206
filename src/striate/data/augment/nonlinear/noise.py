"""Noise drawn for each pixel, as a function of the image's key.

Legend: n images, C channels, H W height and width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from striate.data.augment.draws import Keys, pixel_normals, pixel_uniforms

__all__ = ["gaussian_noise", "salt_and_pepper", "speckle_noise"]


def gaussian_noise(images: Tensor, stds: Tensor, keys: Keys) -> Tensor:
    """Return ``images`` plus normal noise, of its own in each channel, held within 0..255, ``(n, C, H, W)``.

    Args:
        images: Float32 ``(n, C, H, W)`` of 0..255.
        stds: Float32 ``(n,)``, in units of pixels' values; 0 leaves an image unchanged.
        keys: Of the images, ``(n,)``.
    """
    noise = pixel_normals(keys, images.shape[1:], images.device)
    return noise.mul_(stds.view(-1, 1, 1, 1)).add_(images).clamp_(0, 255)


def speckle_noise(images: Tensor, stds: Tensor, keys: Keys) -> Tensor:
    """Return ``images`` · (1 + normal noise), held within 0..255, ``(n, C, H, W)``: noise that grows with brightness.

    Args:
        images: Float32 ``(n, C, H, W)`` of 0..255.
        stds: Float32 ``(n,)``, as shares of a pixel's value; 0 leaves an image unchanged.
        keys: Of the images, ``(n,)``.
    """
    noise = pixel_normals(keys, images.shape[1:], images.device)
    return noise.mul_(stds.view(-1, 1, 1, 1)).mul_(images).add_(images).clamp_(0, 255)


def salt_and_pepper(images: Tensor, shares: Tensor, keys: Keys) -> Tensor:
    """Return ``images`` with some pixels, in all channels, black or white, equally likely, ``(n, C, H, W)``.

    Args:
        images: Float32 ``(n, C, H, W)`` of 0..255.
        shares: Float32 ``(n,)``: the probability of a pixel to be replaced.
        keys: Of the images, ``(n,)``.
    """
    draws = pixel_uniforms(keys, (1, *images.shape[2:]), images.device)
    shares = shares.view(-1, 1, 1, 1)
    grains = (draws < shares / 2).float().mul_(255)
    return torch.where(draws < shares, grains, images)
