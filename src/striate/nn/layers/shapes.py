"""Small modules: changes of shape, and units that PyTorch lacks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from striate.nn.layers.precision import widened, without_autocast

__all__ = ["RBF", "PadChannels", "Reshape", "ScaledTanh", "SliceChannels"]


class Reshape(nn.Module):
    """``(N, …) -> (N, *shape)``."""

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__()
        self.shape = tuple(shape)

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(len(x), *self.shape)


class PadChannels(nn.Module):
    """Maps of zeros added behind the channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1] > self.channels:
            raise ValueError(
                f"input of shape {tuple(x.shape)} has {x.shape[1]} channels, and PadChannels pads to "
                f"{self.channels}: give at most {self.channels}, or build it with out_channels={x.shape[1]} or more."
            )
        return F.pad(x, (0, 0) * (x.dim() - 2) + (0, self.channels - x.shape[1]))


class SliceChannels(nn.Module):
    """The channels from ``start`` up to, not including, ``stop``; a view."""

    def __init__(self, start: int, stop: int) -> None:
        super().__init__()
        self.start = start
        self.stop = stop

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1] < self.stop:
            raise ValueError(
                f"input of shape {tuple(x.shape)} has {x.shape[1]} channels, and SliceChannels takes those up to "
                f"{self.stop}: give at least {self.stop}, or build it with stop={x.shape[1]} or less."
            )
        return x[:, self.start : self.stop]


class ScaledTanh(nn.Module):
    """``amplitude * tanh(slope * x)``."""

    def __init__(self, amplitude: float, slope: float) -> None:
        super().__init__()
        self.amplitude = amplitude
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        return self.amplitude * torch.tanh(self.slope * x)


class RBF(nn.Module):
    """Minus the squared distance of ``(N, in)`` to each of the fixed codes ``(out, in)``."""

    codes: Tensor

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.register_buffer("codes", torch.empty(out_features, in_features))

    def forward(self, x: Tensor) -> Tensor:
        with without_autocast(x):
            # Not by |x|² + |c|² − 2x·c: of these the distance is a small difference, and they are rounded.
            apart = widened(x).unsqueeze(1) - widened(self.codes)
            return -apart.square().sum(2).to(torch.promote_types(x.dtype, self.codes.dtype))
