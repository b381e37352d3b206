"""Blurring and sharpening: weighted sums over a pixel's neighborhood.

They are written out as sums of shifted images, which have the same order on every device and in a batch of any size.
Legend: n images, C channels, H W height and width.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["gaussian_blur", "mirrored", "sharpen"]


def gaussian_blur(images: Tensor, sigmas: Tensor) -> Tensor:
    """Return ``images`` under a Gaussian of standard deviation sigma, cut at 4 sigma, ``(n, C, H, W)``.

    Pixels beyond the border are those within, mirrored at the outermost. The device is waited for, once.

    Args:
        images: Float32 ``(n, C, H, W)`` of 0..255.
        sigmas: Float32 ``(n,)`` in pixels; 0 leaves an image unchanged.
    """
    radii = torch.ceil(4 * sigmas).int()
    out = images.clone()
    for radius in set(radii.tolist()) - {0}:
        chosen = (radii == radius).nonzero().squeeze(1)
        weights = _gaussians(sigmas[chosen], radius)
        blurred = _blurred_along(_blurred_along(images[chosen], weights, 3), weights, 2)
        out.index_copy_(0, chosen, blurred.clamp_(0, 255))
    return out


def sharpen(images: Tensor, amounts: Tensor) -> Tensor:
    """Return ``images`` + amount · (``images`` - smoothed), ``(n, C, H, W)``.

    Smoothing is Pillow's ``ImageFilter.SMOOTH``, which lets the outermost pixels alone: an amount is the factor of
    Pillow's ``ImageEnhance.Sharpness`` less 1.

    Args:
        images: Float32 ``(n, C, H, W)`` of 0..255.
        amounts: Float32 ``(n,)``: -1 smooths, 0 leaves an image unchanged, 1 doubles what smoothing takes away.
    """
    out = images.clone()
    if min(images.shape[2:]) < 3:
        return out
    inner = out[:, :, 1:-1, 1:-1]
    columns = images[:, :, :-2] + images[:, :, 1:-1]
    columns += images[:, :, 2:]
    edges = columns[..., :-2] + columns[..., 1:-1]
    edges += columns[..., 2:]
    edges.add_(inner, alpha=4).div_(-13).add_(inner)
    inner += edges.mul_(amounts.view(-1, 1, 1, 1))
    return out.clamp_(0, 255)


def mirrored(positions: Tensor, size: int) -> Tensor:
    """Return where in 0..``size`` - 1 whole ``positions`` are that are mirrored at the first and the last."""
    if size == 1:
        return torch.zeros_like(positions)
    positions = positions.abs() % (2 * (size - 1))
    return torch.minimum(positions, 2 * (size - 1) - positions)


def _gaussians(sigmas: Tensor, radius: int) -> list[Tensor]:
    """Return weights ``(n, 1, 1, 1)`` of pixels at a distance of 0 to ``radius``; over both sides they sum to 1."""
    sigmas = sigmas.view(-1, 1, 1, 1)
    weights = [torch.exp(-0.5 * (distance / sigmas) ** 2) for distance in range(radius + 1)]
    total = weights[0] + 2 * sum(weights[1:])
    return [weight / total for weight in weights]


def _blurred_along(images: Tensor, weights: list[Tensor], axis: int) -> Tensor:
    radius, size = len(weights) - 1, images.shape[axis]
    positions = torch.arange(-radius, size + radius, device=images.device)
    padded = images.index_select(axis, mirrored(positions, size))
    out = padded.narrow(axis, radius, size) * weights[0]
    both = torch.empty_like(out)
    for distance in range(1, radius + 1):
        left, right = (padded.narrow(axis, radius + offset, size) for offset in (-distance, distance))
        out += torch.add(left, right, out=both).mul_(weights[distance])
    return out
