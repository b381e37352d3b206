"""Images out of files and bytes: decoded, turned as EXIF says, in 8 bits. Every image that is read comes this way."""

from __future__ import annotations

import io
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from striate.data.pixels import ByteArray, eight_bit
from striate.data.wording import printable, quoted
from striate.errors import ConfigError, DataError, bad_argument

__all__ = ["Record", "image_file", "is_regular", "open_image", "pixel_limit"]

_ORIENTATION = 0x0112
_UPRIGHT = 1
_ON_ITS_SIDE = range(5, 9)  # orientations that swap height and width
_POSTSCRIPT = "EPS"  # Pillow has Ghostscript run it: a program, not an image
_PILLOWS_LIMIT = 2 * 89_478_485  # where Pillow itself has been told none
_limit_lock = threading.Lock()


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One image as its source holds it.

    Attributes:
        name: What messages and reports call it: a file's path, or ``"digits train[3]"``.
        data: The file, the bytes of one, or pixels as uint8 ``(C, H, W)``.
        box: ``(left, top, width, height)`` of the part that is the image; None means all of it.
        digest: The SHA-256 of the file as its source has counted it in its fingerprint; None where it has not.
    """

    name: str
    data: Path | bytes | ByteArray
    box: tuple[int, int, int, int] | None = None
    digest: bytes | None = None

    def open(self, least: tuple[int, int] | None = None, max_pixels: int | None = None) -> Image.Image:
        """Return the image, decoded; ``least`` and ``max_pixels`` as for `open_image`.

        Raises:
            DataError: as `open_image`, or if the box does not lie within the image.
        """
        if isinstance(self.data, Path | bytes):
            least = least if self.box is None else None
            image = open_image(self.data, self.name, least=least, max_pixels=max_pixels)
        else:
            image = Image.fromarray(self.data[0] if len(self.data) == 1 else self.data.transpose(1, 2, 0))
        if self.box is None:
            return image
        left, top, width, height = self.box
        if not (0 <= left < left + width <= image.width and 0 <= top < top + height <= image.height):
            raise DataError(
                f"{printable(self.name)}: its box, {width}×{height} at ({left}, {top}), does not lie within the image "
                f"of {image.width}×{image.height}."
            )
        corners = (left, top, left + width, top + height)
        try:
            return image.crop(corners)
        except (
            Image.DecompressionBombError
        ):  # of a part as large as Pillow refuses, in an image that is allowed
            with _pillow_allowing(width * height):
                return image.crop(corners)


def open_image(
    data: Path | bytes,
    name: str = "",
    *,
    least: tuple[int, int] | None = None,
    max_pixels: int | None = None,
) -> Image.Image:
    """Return a decoded image, turned as its EXIF orientation says; grey of more than 8 bits scaled to 8.

    Args:
        data: The file, or its bytes.
        name: What messages call it; empty for the path.
        least: ``(height, width)``. A JPEG file may come out at 1/2, 1/4 or 1/8 of its size, as long as it keeps these;
            that is faster, and its pixels are means of squares, by the cosine transform. None means its own size.
        max_pixels: An image of more pixels is refused before it is decoded; None means as `pixel_limit` says.

    Raises:
        DataError: if the file is missing, unreadable, truncated, too large, not an image, or of grey values
            that `Preprocess.pixels` does not take.
        ConfigError: as `pixel_limit`.
    """
    name = printable(name or (str(data) if isinstance(data, Path) else "an image"))
    limit = pixel_limit() if max_pixels is None else max_pixels
    try:
        if isinstance(data, Path) and not (data.is_dir() or is_regular(data)):
            raise DataError("not a regular file.")
        file = data if isinstance(data, Path) else io.BytesIO(data)
        with image_file(file, limit) as image:
            if image.format != "JPEG":
                image.load()
                return eight_bit(ImageOps.exif_transpose(image))
            orientation = image.getexif().get(_ORIENTATION, _UPRIGHT)
            if least is not None:
                image.draft(None, least if orientation in _ON_ITS_SIDE else least[::-1])
            image.load()
            # What is upright would be copied, which takes 5 % of the time of a photograph.
            return image if orientation == _UPRIGHT else ImageOps.exif_transpose(image)
    except DataError as error:
        raise DataError(f"{name}: {error}") from None
    except UnidentifiedImageError:
        raise DataError(f"{name}: not an image.") from None
    except Image.DecompressionBombError:
        way = "STRIATE_MAX_PIXELS=N" if max_pixels is None else "--max-pixels N (max_pixels=N)"
        raise DataError(f"{name}: more than {limit:,} pixels; refused. {way} allows N.") from None
    except FileNotFoundError:
        what = "a link to nothing" if isinstance(data, Path) and data.is_symlink() else "no such file"
        raise DataError(f"{name}: {what}.") from None
    except OSError as error:
        raise DataError(f"{name}: {quoted(error.strerror or error)}.") from None
    except Exception as error:  # a broken file may make a decoder of Pillow raise anything
        raise DataError(f"{name}: damaged ({quoted(error)}).") from None


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
        with _pillow_allowing(max_pixels):
            image = Image.open(file)
    if image.width * image.height > max_pixels:
        image.close()
        raise Image.DecompressionBombError
    if image.format == _POSTSCRIPT:
        image.close()
        raise DataError("PostScript, a program and no image; convert it to PNG.")
    return image


@contextmanager
def _pillow_allowing(pixels: int) -> Iterator[None]:
    """Have Pillow, which has just refused an image, allow as many pixels; if it does already, refuse again."""
    with _limit_lock:  # Pillow's limit holds for the whole process
        limit = Image.MAX_IMAGE_PIXELS
        if limit is None or pixels <= 2 * limit:
            raise Image.DecompressionBombError
        Image.MAX_IMAGE_PIXELS = pixels
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def is_regular(path: Path) -> bool:
    """Tell a file, links followed, from a named pipe or a device, which to open may wait for ever."""
    return stat.S_ISREG(path.stat().st_mode)
