"""Functions of a pixel's value, and of how often each value occurs in its channel.

Legend: n images, C channels, H W height and width.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["autocontrast", "equalize", "gamma", "posterize", "solarize"]


def gamma(images: Tensor, exponents: Tensor) -> Tensor:
    """Return 255 · (``images`` / 255) ^ exponent, ``(n, C, H, W)``: darker above 1, brighter below, unchanged at 1.

    Args:
        images: Float32 ``(n, C, H, W)`` of 0..255.
        exponents: Float32 ``(n,)``, positive.
    """
    exponents = exponents.view(-1, 1, 1, 1)
    images = images.contiguous()  # where there are gaps, powers differ in their last bit
    out = (images / 255).pow_(exponents).mul_(255)
    return torch.where(exponents == 1, images, out, out=out)


def posterize(images: Tensor, bits: Tensor) -> Tensor:
    """Return ``images``, rounded, without all but the highest of their 8 bits, ``(n, C, H, W)``.

    Args:
        images: Float32 ``(n, C, H, W)`` of 0..255.
        bits: How many to keep, ``(n,)`` of 1 to 8; 8 leaves an image unchanged, and unrounded.
    """
    steps = (256 >> bits.int()).view(-1, 1, 1, 1)
    out = images.round().div_(steps).floor_().mul_(steps)
    return torch.where(steps == 1, images, out, out=out)


def solarize(images: Tensor, thresholds: Tensor) -> Tensor:
    """Return ``images`` with 255 - x for each x that is not below its image's threshold, ``(n, C, H, W)``.

    Args:
        images: Float32 ``(n, C, H, W)`` of 0..255.
        thresholds: Float32 ``(n,)``; above 255 an image is unchanged.
    """
    out = 255 - images
    return torch.where(images >= thresholds.view(-1, 1, 1, 1), out, images, out=out)


def equalize(images: Tensor) -> Tensor:
    """Return ``images``, rounded, with each channel's values spread so that all occur about equally often.

    It is the whole-number arithmetic of Pillow's ``ImageOps.equalize``. A channel of one value is only rounded.
    The device is waited for, once.

    Args:
        images: Float32 ``(n, C, H, W)`` of 0..255.
    """
    channels = images.shape[0] * images.shape[1]
    first_bins = torch.arange(0, 256 * channels, 256, dtype=torch.int32, device=images.device)
    bins = images.round().int().add_(first_bins.view(*images.shape[:2], 1, 1)).flatten()
    counts = torch.bincount(bins, minlength=256 * channels).view(channels, 256)
    up_to = counts.cumsum(1)
    values = torch.arange(256, device=images.device).expand(channels, 256)
    last = torch.where(counts > 0, values, 0).amax(1, keepdim=True)
    steps = (up_to[:, -1:] - counts.gather(1, last)) // 255
    spread = ((steps // 2 + up_to - counts) // steps.clamp(min=1)).clamp_(max=255)
    return torch.where(steps > 0, spread, values).float().view(-1).index_select(0, bins).view(images.shape)


def autocontrast(images: Tensor) -> Tensor:
    """Return ``images`` with each channel stretched to reach from 0 to 255, ``(n, C, H, W)``.

    A channel of one value is unchanged.

    Args:
        images: Float32 ``(n, C, H, W)`` of 0..255.
    """
    low, high = images.amin((2, 3), keepdim=True), images.amax((2, 3), keepdim=True)
    out = (images - low).mul_(255 / (high - low)).clamp_(max=255)
    return torch.where(high > low, out, images, out=out)
