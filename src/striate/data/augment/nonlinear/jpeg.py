"""What saving as JPEG does to pixels (Wallace 1992, "The JPEG still picture compression standard"), without the file.

As libjpeg does it with colors at full resolution: to luminance and two chrominances, blocks of 8 × 8 to cosines, those
rounded to whole steps of the standard's tables, and back. Weights are whole multiples of a power of two, and pixels
are whole: sums are exact in float32, in any order, so that no kernel for matrix products makes a difference.
Legend: n images, C channels, H W height and width.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from striate.data.moving import moved

__all__ = ["jpeg"]

# libjpeg rounds halves away from zero: divided by this they are more than halves. There are many, as its cosines are in
# whole eighths; rounded to even they made the mean difference to its files twice as large.
_NEARLY_ONE = 1 - 2**-20

_LUMINANCE = """
    16 11 10 16  24  40  51  61
    12 12 14 19  26  58  60  55
    14 13 16 24  40  57  69  56
    14 17 22 29  51  87  80  62
    18 22 37 56  68 109 103  77
    24 35 55 64  81 104 113  92
    49 64 78 87 103 121 120 101
    72 92 95 98 112 100 103  99"""
_CHROMINANCE = """
    17 18 24 47 99 99 99 99
    18 21 26 66 99 99 99 99
    24 26 56 99 99 99 99 99
    47 66 99 99 99 99 99 99
    99 99 99 99 99 99 99 99
    99 99 99 99 99 99 99 99
    99 99 99 99 99 99 99 99
    99 99 99 99 99 99 99 99"""


def jpeg(images: Tensor, qualities: Tensor) -> Tensor:
    """Return ``images`` as they are after being saved at a quality and read again, whole numbers ``(n, C, H, W)``.

    Args:
        images: Float32 ``(n, C, H, W)`` of 0..255, C of 1 or 3; they are rounded first.
        qualities: Float32 ``(n,)``, whole numbers of 1 to 100, by which libjpeg scales its tables.

    Where products on a GPU are allowed in TF32, which rounds to 11 bits, pixels may differ by a few values.
    """
    _, channels, height, width = images.shape
    pixels = images.round().sub_(128)
    if channels == 3:
        pixels = _recolored(pixels, _TO_YCC)
    pixels = F.pad(pixels, (0, -width % 8, 0, -height % 8), mode="replicate")
    rows, columns = pixels.shape[2] // 8, pixels.shape[3] // 8
    blocks = pixels.reshape(-1, channels, rows, 8, columns, 8).transpose(3, 4)
    cosines, steps = moved(_COSINES, images.device), _steps(qualities, channels)
    eighths = (blocks.reshape(-1, channels, rows * columns, 64) @ (8 * cosines.T)).round_()
    waves = eighths.div_(8 * steps * _NEARLY_ONE).round_().mul_(steps)
    blocks = (waves @ cosines).round_().clamp_(-128, 127).view(blocks.shape)
    pixels = blocks.transpose(3, 4).flatten(4, 5).flatten(2, 3)[..., :height, :width]
    if channels == 3:
        pixels = _recolored(pixels, _FROM_YCC)
    return (pixels + 128).clamp_(0, 255)


def _recolored(pixels: Tensor, matrix: Tensor) -> Tensor:
    """Return ``pixels``, as distances from 128, in other colors and rounded, ``(n, 3, H, W)``."""
    return (moved(matrix, pixels.device) @ pixels.flatten(2)).round_().view(pixels.shape)


def _steps(qualities: Tensor, channels: int) -> Tensor:
    """Return what cosines are rounded to multiples of, ``(n, C, 1, 64)``."""
    qualities = qualities.view(-1, 1, 1, 1)
    percent = torch.where(qualities < 50, (5000 / qualities).floor(), 200 - 2 * qualities)
    return (moved(_TABLES[:channels], qualities.device) * percent).add_(50).div_(100).floor_().clamp_(1, 255)


def _fixed_point(values: Tensor, bits: int) -> Tensor:
    return values.mul(2**bits).round().div(2**bits).float()


def _cosines() -> Tensor:
    """Return the cosine transform of a block as a matrix: 64 waves, each of 64 pixels."""
    numbers = torch.arange(8, dtype=torch.float64)
    waves = torch.cos(math.pi * numbers[:, None] * (2 * numbers + 1) / 16) / 2
    waves[0] /= math.sqrt(2)
    return torch.kron(waves, waves)


_TABLES = torch.tensor(
    [[[float(step) for step in table.split()]] for table in (_LUMINANCE, _CHROMINANCE, _CHROMINANCE)],
    dtype=torch.float32,
)
_COSINES = _fixed_point(_cosines(), 12)
_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))  # as JFIF has it
_TO_YCC = _fixed_point(torch.tensor(_YCC, dtype=torch.float32), 14)
_RGB = ((1, 0, 1.402), (1, -0.344136, -0.714136), (1, 1.772, 0))
_FROM_YCC = _fixed_point(torch.tensor(_RGB, dtype=torch.float32), 14)
