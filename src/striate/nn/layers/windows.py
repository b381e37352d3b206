"""Where the windows of our own convolutions lie, and torch's convolution over them."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F

from striate.nn.layers.padded import PadRule, padded_with

__all__ = ["CONV", "Windows"]

CONV = (F.conv1d, F.conv2d, F.conv3d)
"""The convolution of so many spatial axes, less one."""


class Windows:
    """Where the windows of a convolution lie: kernel, stride and dilation per axis, and the padding rule."""

    def __init__(self, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int], pads: PadRule):
        self.kernel = tuple(kernel)
        self.stride = tuple(stride)
        self.dilation = tuple(dilation)
        self.pads = pads

    def padded(self, x: Tensor) -> Tensor:
        """Return ``x`` with its padding of zeros."""
        return padded_with(x, self.pads(x.shape[2:]), 0.0)

    def positions(self, padded: Tensor) -> list[int]:
        """Return how many windows ``padded`` has on each axis."""
        windows = zip(padded.shape[2:], self.kernel, self.stride, self.dilation, strict=True)
        return [(n - d * (k - 1) - 1) // s + 1 for n, k, s, d in windows]

    def convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None, groups: int = 1) -> Tensor:
        """Return the convolution of ``x``, padded already."""
        convolution = CONV[len(self.kernel) - 1]
        return convolution(x, weight, bias, self.stride, 0, self.dilation, groups)

    def as_image(self) -> Windows:
        """Return the same windows over ``(1, L)`` where they are over ``(L,)``."""
        if len(self.kernel) == 2:
            return self
        return Windows((1, *self.kernel), (1, *self.stride), (1, *self.dilation), self.pads)
