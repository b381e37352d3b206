"""Preprocessing: from any image to the uint8 array a network's input wants, and from there to floats.

The settings are a frozen value, fitted on the training split alone and stored in the run, so that
prediction does exactly what training did.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from striate.data.pixels import ByteArray, to_pixels

__all__ = ["Moments", "Preprocess", "fit_preprocess"]


@dataclass(frozen=True)
class Preprocess:
    """How an image becomes a network's input.

    Attributes:
        shape: ``(C, H, W)``; one channel means grey, three RGB. Where images shrink, antialiasing is on.
        mean: Per channel, of pixels scaled to 0..1; subtracted.
        std: Per channel; divided by.
        resize: ``(height, width)`` that images are stretched to before the middle H×W is cut out; None means
            that they are stretched to H×W itself.
    """

    shape: tuple[int, int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    resize: tuple[int, int] | None = None

    def pixels(self, image: Image.Image) -> ByteArray:
        """Return ``image`` as uint8 ``(C, H, W)``: transparency on white, 16 bits scaled to 8.

        Raises:
            DataError: if it is of 32-bit whole numbers beyond 0..255 and 0..65535, or of fractions beyond
                0..1 and 0..255.
        """
        if self.resize is None:
            return to_pixels(image, self.shape)
        channels, height, width = self.shape
        pixels = to_pixels(image, (channels, *self.resize))
        top, left = (self.resize[0] - height) // 2, (self.resize[1] - width) // 2
        return pixels[:, top : top + height, left : left + width]

    def normalize(self, images: Tensor) -> Tensor:
        """Map uint8 ``(N, C, H, W)`` to float32 on the same device: ``(x / 255 - mean) / std``."""
        scale = images.new_tensor([1 / (255 * s) for s in self.std], dtype=torch.float32)
        shift = scale.new_tensor([-m / s for m, s in zip(self.mean, self.std, strict=True)])
        return torch.addcmul(shift[:, None, None], images, scale[:, None, None])


class Moments:
    """What the pixels of images add up to, and their squares: exact, whatever pieces they come in.

    Args:
        shape: ``(C, H, W)`` of every image.

    Attributes:
        images: How many.
        total: The sum for each channel, int64 ``(C,)``.
        squares: Likewise of the squares.
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self.shape = shape
        self.images = 0
        self.total = torch.zeros(shape[0], dtype=torch.int64)
        self.squares = torch.zeros_like(self.total)

    def add(self, images: Tensor) -> None:
        """Add images, uint8 ``(N, C, H, W)``."""
        self.images += len(images)
        for chunk in torch.split(images, 4096):
            values = chunk.to(torch.int64)
            self.total += values.sum((0, 2, 3))
            self.squares += (values * values).sum((0, 2, 3))

    def preprocess(self) -> Preprocess:
        """Return the preprocessing whose mean and std are those of the images."""
        count = self.images * self.shape[1] * self.shape[2]
        mean = self.total.double() / count
        std = (self.squares.double() / count - mean**2).clamp(min=0).sqrt()
        return Preprocess(
            self.shape,
            tuple((mean / 255).tolist()),
            tuple((std.clamp(min=1.0) / 255).tolist()),  # a constant channel is not blown up
        )


def fit_preprocess(images: Tensor) -> Preprocess:
    """Return the preprocessing whose mean and std are those of ``images``, uint8 ``(N, C, H, W)``."""
    channels, height, width = images.shape[1:]
    moments = Moments((channels, height, width))
    moments.add(images)
    return moments.preprocess()
