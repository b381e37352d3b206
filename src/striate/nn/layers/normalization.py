"""Normalization that PyTorch lacks: over the channels of a position, and local ones."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["ChannelNorm", "LocalContrastNorm", "ResponseNormWithin"]

_AVG_POOL = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)


class ChannelNorm(nn.LayerNorm):
    """Layer normalization over the channels of each position of ``(N, C, *size)``."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class ResponseNormWithin(nn.Module):
    """Local response normalization over ``size`` positions on each axis of the same map."""

    def __init__(self, size: int, alpha: float, beta: float, k: float) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x: Tensor) -> Tensor:
        axes = x.dim() - 2
        squares = F.pad(x * x, ((self.size - 1) // 2, self.size // 2) * axes)
        mean = _AVG_POOL[axes - 1](squares, self.size, 1)
        return x / (self.k + self.alpha * mean) ** self.beta


class LocalContrastNorm(nn.Module):
    """Subtractive, then divisive normalization by a Gaussian window (Jarrett et al. 2009)."""

    def __init__(self, kernel_size: int, sigma: float, eps: float) -> None:
        super().__init__()
        self.kernel_size, self.sigma, self.eps = kernel_size, sigma, eps

    def forward(self, x: Tensor) -> Tensor:
        # In half precision the mean would be off by more than the contrast of a dim image, which is then scaled up.
        with torch.autocast(x.device.type, enabled=False):
            return self._normalized(x.to(torch.promote_types(x.dtype, torch.float32))).to(x.dtype)

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
