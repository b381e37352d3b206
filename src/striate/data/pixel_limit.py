"""How many pixels an image may have before it is refused, undecoded: a small file may hold more than memory does."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, ImageFile

from striate.errors import ConfigError, DataError, bad_argument

__all__ = ["allowing", "image_file", "pixel_limit"]

_POSTSCRIPT = "EPS"  # Pillow has Ghostscript run it: a program, not an image
_PILLOWS_LIMIT = 2 * 89_478_485  # where Pillow itself has been told none
_lock = threading.Lock()


def pixel_limit() -> int:
    """Return how many pixels an image may have: ``$STRIATE_MAX_PIXELS``, by default Pillow's limit, 178,956,970.

    Raises:
        ConfigError: if that is no whole number of 1 or more.
    """
    said = os.environ.get("STRIATE_MAX_PIXELS", "").strip()
    if not said:
        return _PILLOWS_LIMIT if Image.MAX_IMAGE_PIXELS is None else 2 * Image.MAX_IMAGE_PIXELS
    if not (said.isascii() and said.isdigit() and 0 < len(said) < 19 and int(said)):
        raise ConfigError(bad_argument("STRIATE_MAX_PIXELS", said, "a whole number of 1 or more"))
    return int(said)


def image_file(file: Path | io.BytesIO, max_pixels: int) -> ImageFile.ImageFile:
    """Open an image without decoding it.

    Raises:
        Image.DecompressionBombError: if it has more pixels than ``max_pixels``.
        DataError: without its name, if it is PostScript.
        Exception: whatever Pillow raises for a file that is none or damaged.
    """
    try:
        image = Image.open(file)
    except Image.DecompressionBombError:
        with allowing(max_pixels):
            image = Image.open(file)
    if image.width * image.height > max_pixels:
        image.close()
        raise Image.DecompressionBombError
    if image.format == _POSTSCRIPT:
        image.close()
        raise DataError("PostScript, a program and no image; convert it to PNG.")
    return image


@contextmanager
def allowing(pixels: int) -> Iterator[None]:
    """Have Pillow, which has just refused an image, allow as many pixels; if it does already, refuse again."""
    with _lock:  # Pillow's limit holds for the whole process
        limit = Image.MAX_IMAGE_PIXELS
        if limit is None or pixels <= 2 * limit:
            raise Image.DecompressionBombError
        Image.MAX_IMAGE_PIXELS = pixels
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit
