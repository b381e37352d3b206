"""`framed`: an image of any proportions in the height and width that are wanted.

It is stretched to them, or shrunk into them and padded, or its middle part of the same proportions is taken. All of it
goes through `resized`, so that pixels are the same whatever resizes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from striate.data.resize.resizing import ByteArray, resized
from striate.errors import DataError, bad_argument, did_you_mean

__all__ = ["STRETCH", "Resize", "framed"]

_POLICIES = ("stretch", "fit", "cover")


@dataclass(frozen=True)
class Resize:
    """How an image gets the size that is wanted. One that has it is taken as it is.

    Attributes:
        policy: ``stretch``: height and width each on their own. ``fit``: as large as fits in with its proportions kept,
            in the middle of a frame that is padded. ``cover``: of the image the largest middle part of the wanted
            proportions, in whole pixels, stretched.
        fill: What ``fit`` pads with in every channel, 0 (black) to 255.

    Raises:
        DataError: if a value is none of these.
    """

    policy: str = "stretch"
    fill: int = 0

    def __post_init__(self) -> None:
        if self.policy not in _POLICIES:
            hint = did_you_mean(str(self.policy), _POLICIES).strip()
            raise DataError(bad_argument("policy", self.policy, ", ".join(_POLICIES), hint))
        if isinstance(self.fill, bool) or not isinstance(self.fill, int) or not 0 <= self.fill <= 255:
            raise DataError(bad_argument("fill", self.fill, "a whole number from 0 to 255"))


STRETCH = Resize()


def framed(image: Image.Image | ByteArray, height: int, width: int, how: Resize) -> ByteArray:
    """Return ``image``, of mode L or RGB or uint8 ``(H, W, C)``, as uint8 ``(C, height, width)``."""
    if how.policy == "stretch":
        return resized(image, height, width)
    rows, columns = image.shape[:2] if isinstance(image, np.ndarray) else (image.height, image.width)
    if how.policy == "cover":
        part = _largest(height, width, rows, columns)
        return resized(_middle(image, rows, columns, *part), height, width)
    inner = _largest(rows, columns, height, width)
    pixels = resized(image, *inner)
    frame = np.full((len(pixels), height, width), how.fill, np.uint8)
    top, left = (height - inner[0]) // 2, (width - inner[1]) // 2
    frame[:, top : top + inner[0], left : left + inner[1]] = pixels
    return frame


def _largest(height: int, width: int, rows: int, columns: int) -> tuple[int, int]:
    """Return the largest size of the proportions ``height`` to ``width``, rounded, within ``rows`` by ``columns``."""
    if height * columns > width * rows:  # it is the rows that bound it
        return rows, max(1, (2 * width * rows + height) // (2 * height))
    return max(1, (2 * height * columns + width) // (2 * width)), columns


def _middle(
    image: Image.Image | ByteArray, rows: int, columns: int, height: int, width: int
) -> Image.Image | ByteArray:
    top, left = (rows - height) // 2, (columns - width) // 2
    if isinstance(image, np.ndarray):
        return image[top : top + height, left : left + width]
    return image.crop((left, top, left + width, top + height))
