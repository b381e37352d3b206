"""From any image to uint8 pixels: grey or RGB, of one size.

What is transparent is seen on white. Grey values of more than 8 bits are scaled, as `eight_bit` says.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from striate.data.resize import STRETCH, ByteArray, Resize, framed
from striate.errors import DataError

__all__ = ["MODES", "ByteArray", "check_channels", "eight_bit", "to_pixels"]

MODES = {1: "L", 3: "RGB"}


def to_pixels(image: Image.Image, shape: tuple[int, int, int], resize: Resize = STRETCH) -> ByteArray:
    """Return ``image`` as uint8 of ``shape`` ``(C, H, W)``, converted to grey or RGB and resized.

    Raises:
        DataError: if the shape has neither one nor three channels, or for values that `eight_bit` refuses.
    """
    channels, height, width = shape
    check_channels(channels)
    converted = _opaque(eight_bit(image))
    if converted.mode != MODES[channels]:  # else it would be copied, at 5 % of the time of a photograph
        converted = converted.convert(MODES[channels])
    return framed(converted, height, width, resize)


def check_channels(channels: int) -> None:
    """Raise `DataError` unless images can have as many channels."""
    if channels not in MODES:
        raise DataError(
            f"images cannot have {channels} channels, only 1 (grey) or 3 (RGB); write the network's input, or the "
            "shape, as (1, H, W) or (3, H, W)."
        )


def _opaque(image: Image.Image) -> Image.Image:
    """Lay what is transparent on white; replace a palette by its colors, which Pillow warns or refuses to."""
    if not image.has_transparency_data and image.mode not in ("P", "LAB"):
        return image
    image = image.convert("LA") if image.mode == "La" else image
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))


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
