"""Normalization that PyTorch lacks: over the channels of a position, and local ones."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from striate.nn.layers.padded import AVG_POOL
from striate.nn.layers.precision import widened, without_autocast
from striate.nn.layers.windows import CONV

__all__ = ["ChannelNorm", "LocalContrastNorm", "ResponseNorm"]


class ChannelNorm(nn.LayerNorm):
    """Layer normalization over the channels of each position of ``(N, C, *size)``."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class ResponseNorm(nn.Module):
    """Local response normalization: ``x / (k + alpha * (mean of x² around it)) ** beta``.

    ``region`` is "across", ``size`` neighboring channels of the position, or "within", as many positions on each axis
    of the map; what lies outside counts as zero. The squares are never made in 16 bits: float16 ends at 255².
    """

    def __init__(self, size: int, alpha: float, beta: float, k: float, region: str) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k
        self._divisor = {"across": self._across, "within": self._within}[region]

    def forward(self, x: Tensor) -> Tensor:
        with without_autocast(x):
            wide = widened(x)
            return (wide * self._divisor(wide * wide) ** -self.beta).to(x.dtype)

    def _across(self, squares: Tensor) -> Tensor:
        # As a 1×1 convolution, which takes a third of the time of pooling and keeps the order of the axes.
        channels, axes = squares.shape[1], squares.dim() - 2
        every = squares.new_ones(channels, channels)
        band = every.triu(-(self.size // 2)).tril((self.size - 1) // 2) * (self.alpha / self.size)
        kernel = band.view(channels, channels, *(1,) * axes)
        return CONV[axes - 1](squares, kernel, squares.new_full((channels,), self.k))

    def _within(self, squares: Tensor) -> Tensor:
        axes = squares.dim() - 2
        padded = F.pad(squares, ((self.size - 1) // 2, self.size // 2) * axes)
        return self.k + self.alpha * AVG_POOL[axes - 1](padded, self.size, 1)


class LocalContrastNorm(nn.Module):
    """Subtractive, then divisive normalization by a Gaussian window (Jarrett et al. 2009)."""

    def __init__(self, kernel_size: int, sigma: float, eps: float) -> None:
        super().__init__()
        self.kernel_size, self.sigma, self.eps = kernel_size, sigma, eps

    def forward(self, x: Tensor) -> Tensor:
        # In half precision the mean would be off by more than the contrast of a dim image, which is then scaled up.
        with without_autocast(x):
            return self._normalized(widened(x)).to(x.dtype)

    def _normalized(self, x: Tensor) -> Tensor:
        at = torch.arange(self.kernel_size, device=x.device, dtype=x.dtype) - (self.kernel_size - 1) / 2
        window = torch.exp(-0.5 * (at / self.sigma) ** 2)
        inside = self._blurred(torch.ones_like(x[:1, :1]), window)
        centered = x - self._blurred(x.mean(1, keepdim=True), window) / inside
        variance = self._blurred((centered * centered).mean(1, keepdim=True), window) / inside
        # The root of zero has no gradient; a variance this small is divided by eps anyway.
        deviation = variance.clamp(min=self.eps**2).sqrt()
        floor = deviation.flatten(2).mean(2).view(-1, *(1,) * (x.dim() - 1))
        return centered / torch.maximum(deviation, floor)

    def _blurred(self, maps: Tensor, window: Tensor) -> Tensor:
        """Return ``(N, 1, *size)`` convolved with the window along each axis."""
        reach = self.kernel_size // 2
        if maps.dim() == 3:
            return F.conv1d(maps, window.view(1, 1, -1), padding=reach)
        down = F.conv2d(maps, window.view(1, 1, -1, 1), padding=(reach, 0))
        return F.conv2d(down, window.view(1, 1, 1, -1), padding=(0, reach))
