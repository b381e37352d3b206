"""Preprocessing: from any image to the uint8 array a network's input wants, and from there to floats.

What is transparent is seen on white. Grey values of more than 8 bits are scaled, as `eight_bit` says.

The settings are a frozen value, fitted on the training split alone and stored in the run, so that
prediction does exactly what training did.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from striate.data.source import ByteArray
from striate.errors import DataError

__all__ = ["Preprocess", "fit_preprocess"]

_MODES = {1: "L", 3: "RGB"}


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
    count = images.shape[0] * images.shape[2] * images.shape[3]
    # Sums of bytes and of their squares are exact in int64, chunk by chunk.
    total = torch.zeros(images.shape[1], dtype=torch.int64)
    squares = torch.zeros_like(total)
    for chunk in torch.split(images, 4096):
        values = chunk.to(torch.int64)
        total += values.sum((0, 2, 3))
        squares += (values * values).sum((0, 2, 3))
    mean = total.double() / count
    std = (squares.double() / count - mean**2).clamp(min=0).sqrt()
    channels, height, width = images.shape[1:]
    return Preprocess(
        (channels, height, width),
        tuple((mean / 255).tolist()),
        tuple((std.clamp(min=1.0) / 255).tolist()),  # a constant channel is not blown up
    )


def to_pixels(image: Image.Image, shape: tuple[int, int, int]) -> ByteArray:
    """Return ``image`` as uint8 of ``shape`` ``(C, H, W)``, converted to grey or RGB and stretched.

    Raises:
        DataError: if the shape has neither one nor three channels, or for values that `eight_bit` refuses.
    """
    channels, height, width = shape
    check_channels(channels)
    converted = _opaque(eight_bit(image)).convert(_MODES[channels])
    if converted.size != (width, height):
        converted = converted.resize((width, height), Image.Resampling.BILINEAR)
    pixels = np.asarray(converted, np.uint8)
    return pixels[None] if channels == 1 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def check_channels(channels: int) -> None:
    """Raise `DataError` unless images can have as many channels."""
    if channels not in _MODES:
        raise DataError(f"the network reads {channels} channels; images give 1 (grey) or 3 (RGB).")


def eight_bit(image: Image.Image) -> Image.Image:
    """Return ``image``, in 8 bits if it is of 16-bit or 32-bit grey values, which Pillow would clip.

    16-bit values lose their low byte. 32-bit whole numbers (mode I) are 8-bit values if all lie in 0..255,
    16-bit ones if all lie in 0..65535. Fractions (mode F) are scaled by 255 if all lie in 0..1 and rounded if
    all lie in 0..255.

    Raises:
        DataError: if values of mode I or F lie elsewhere, or are not numbers.
    """
    if image.mode == "F":
        return Image.fromarray(_bytes_of_fractions(np.asarray(image)))
    if not image.mode.startswith("I"):
        return image
    values = np.asarray(image).astype(np.int64)
    bits = 16 if image.mode != "I" or values.max() > 255 else 8
    if not 0 <= values.min() <= values.max() <= 65535:
        raise DataError(
            f"grey values from {values.min()} to {values.max()}; "
            "whole numbers must lie in 0 to 255 or in 0 to 65535."
        )
    clear = values == image.info.get("transparency")
    return Image.fromarray(np.where(clear, 255, values >> (bits - 8)).astype(np.uint8))


def _bytes_of_fractions(values: NDArray[np.float32]) -> ByteArray:
    if not (values.min() >= 0 and values.max() <= 255):  # false for what is not a number, too
        raise DataError(
            f"grey values from {values.min():g} to {values.max():g}; "
            "fractions must lie in 0 to 1 or in 0 to 255."
        )
    return np.rint(values * (255 if values.max() <= 1 else 1)).astype(np.uint8)


def _opaque(image: Image.Image) -> Image.Image:
    """Lay what is transparent on white; replace a palette by its colors, which Pillow warns or refuses to."""
    if not image.has_transparency_data and image.mode not in ("P", "LAB"):
        return image
    image = image.convert("LA") if image.mode == "La" else image
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
