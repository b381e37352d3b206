"""Preprocessing: from any image to the uint8 array a network's input wants, and from there to floats.

The settings are a frozen value, fitted on the training split alone and stored in the run, so that
prediction does exactly what training did.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from striate.data.moments import Moments
from striate.data.pixels import ByteArray, to_pixels

__all__ = ["Preprocess", "fit_preprocess"]


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


def fit_preprocess(images: Tensor) -> Preprocess:
    """Return the preprocessing whose mean and std are those of ``images``, uint8 ``(N, C, H, W)``."""
    channels, height, width = images.shape[1:]
    moments = Moments.of(images.numpy())
    return Preprocess((channels, height, width), moments.mean, moments.std)
