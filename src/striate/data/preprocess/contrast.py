"""Contrast normalization of each image by itself: of the whole, and around each pixel.

N images, C channels, H W height width. Nothing is fitted. Computed in float32 or float64, whatever comes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from striate.data.preprocess.steps import Step
from striate.errors import DataError, bad_argument

__all__ = ["GlobalContrast", "LocalContrast"]


@dataclass(frozen=True, eq=False)
class GlobalContrast(Step):
    """``s (X - X̄) / max(ε, √(λ + mean (X - X̄)²))`` over all pixels and channels of an image.

    See Goodfellow et al., Deep Learning (2016), section 12.2.1. An image without contrast becomes zeros.

    Attributes:
        scale: s, above 0: the standard deviation that an image gets.
        bias: λ, 0 or more: keeps what little contrast is there, noise and compression, from being scaled up.
        eps: ε, above 0: the least divisor.

    Raises:
        DataError: if a value is out of its range.
    """

    name: ClassVar[str] = "global_contrast"

    scale: float = 1.0
    bias: float = 0.0
    eps: float = 1e-8

    def __post_init__(self) -> None:
        for what in ("scale", "eps"):
            if not 0 < getattr(self, what) < math.inf:
                raise DataError(bad_argument(what, getattr(self, what), "a finite number above 0"))
        if not 0 <= self.bias < math.inf:
            raise DataError(bad_argument("bias", self.bias, "a finite number of at least 0"))

    def apply(self, images: Tensor) -> Tensor:
        centered = _centered(images)
        variance = (centered * centered).mean((1, 2, 3), keepdim=True)
        return self.scale * centered / (self.bias + variance).sqrt().clamp(min=self.eps)

    def inverse(self, images: Tensor) -> None:
        """Return None: the mean and the contrast of an image are not kept."""

    def check(self, shape: tuple[int, int, int]) -> None:
        """Take any shape."""


@dataclass(frozen=True, eq=False)
class LocalContrast(Step):
    """From each value the Gaussian-weighted mean around it in all channels is subtracted, and it is divided.

    The divisor is the weighted standard deviation there, or the mean of that over the image, or ``eps``, whichever is
    largest (Jarrett et al. 2009). At the border the weights of what lies inside are scaled to sum to one. An image
    without contrast becomes zeros.

    This is what the layer `striate.spec.LocalContrastNorm` does to maps within a network, where gradients and half
    precision have to pass; here it is done once to pixels. Neither room may import the other; a test holds them equal.

    Attributes:
        kernel_size: Pixels of the window on each axis, an odd number.
        sigma: Of the Gaussian, in pixels; None means ``kernel_size / 4``.
        eps: Least divisor, above 0, on the scale of the images.

    Raises:
        DataError: if a value is out of its range.
    """

    name: ClassVar[str] = "local_contrast"

    kernel_size: int = 9
    sigma: float | None = None
    eps: float = 1e-4

    def __post_init__(self) -> None:
        size = self.kernel_size
        if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size < 1000 or size % 2 == 0:
            raise DataError(bad_argument("kernel_size", size, "an odd number from 1 to 999"))
        if self.sigma is not None and not 0 < self.sigma < math.inf:
            raise DataError(bad_argument("sigma", self.sigma, "a finite number above 0, or None"))
        if not 0 < self.eps < math.inf:
            raise DataError(bad_argument("eps", self.eps, "a finite number above 0"))

    def apply(self, images: Tensor) -> Tensor:
        # A constant changes nothing of the result but its rounding.
        images = _centered(images)
        inside = self._blurred(torch.ones_like(images[:1, :1]))
        centered = images - self._blurred(images.mean(1, keepdim=True)) / inside
        variance = self._blurred((centered * centered).mean(1, keepdim=True)) / inside
        deviation = variance.sqrt()
        floor = deviation.mean((1, 2, 3), keepdim=True).clamp(min=self.eps)
        return centered / torch.maximum(deviation, floor)

    def inverse(self, images: Tensor) -> None:
        """Return None: the means and contrasts of neighborhoods are not kept."""

    def check(self, shape: tuple[int, int, int]) -> None:
        """Take any shape."""

    def _blurred(self, maps: Tensor) -> Tensor:
        """Return ``(N, 1, H, W)``, of each pixel the weighted sum of those below the window; outside are zeros.

        Added up shift by shift: a convolution on a GPU may round its inputs to 10 bits.
        """
        sigma = self.kernel_size / 4 if self.sigma is None else self.sigma
        reach = self.kernel_size // 2
        height, width = maps.shape[2:]
        padded = F.pad(maps, (reach, reach, reach, reach))
        rows = torch.zeros_like(padded[:, :, :height])
        sums = torch.zeros_like(maps)
        weights = [math.exp(-0.5 * ((at - reach) / sigma) ** 2) for at in range(self.kernel_size)]
        for at, weight in enumerate(weights):
            rows += weight * padded[:, :, at : at + height]
        for at, weight in enumerate(weights):
            sums += weight * rows[..., at : at + width]
        return sums


def _centered(images: Tensor) -> Tensor:
    """Return each image less its mean; all zeros if it is constant."""
    centered = images - images.mean((1, 2, 3), keepdim=True)
    # The mean of a constant is rounded, and the rest would be scaled up to be all there is.
    return centered - centered.mean((1, 2, 3), keepdim=True)
