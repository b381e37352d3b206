"""Images out of files and bytes: decoded, turned as EXIF says, in 8 bits. Every image that is read comes this way."""

from __future__ import annotations

import io
import stat
import threading
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from striate.data.pixels import ByteArray, eight_bit
from striate.errors import DataError

__all__ = ["Record", "is_regular", "open_image"]

_ORIENTATION = 0x0112
_UPRIGHT = 1
_ON_ITS_SIDE = range(5, 9)  # orientations that swap height and width
_limit_lock = threading.Lock()


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One image as its source holds it.

    Attributes:
        name: What messages and reports call it: a file's path, or ``"digits train[3]"``.
        data: The file, the bytes of one, or pixels as uint8 ``(C, H, W)``.
        box: ``(left, top, width, height)`` of the part that is the image; None means all of it.
    """

    name: str
    data: Path | bytes | ByteArray
    box: tuple[int, int, int, int] | None = None

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
                f"{self.name}: its box, {width}×{height} at ({left}, {top}), does not lie within the image of "
                f"{image.width}×{image.height}."
            )
        return image.crop((left, top, left + width, top + height))


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
        max_pixels: An image of more pixels is refused; None means Pillow's limit, twice ``Image.MAX_IMAGE_PIXELS``.

    Raises:
        DataError: if the file is missing, unreadable, truncated, too large, not an image, or of grey values
            that `Preprocess.pixels` does not take.
    """
    name = name or (str(data) if isinstance(data, Path) else "an image")
    try:
        if isinstance(data, Path) and not (data.is_dir() or is_regular(data)):
            raise DataError("not a regular file.")
        file = data if isinstance(data, Path) else io.BytesIO(data)
        with _image_file(file, max_pixels) as image:
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
        most = "" if max_pixels is None else f" More than {max_pixels:,} were not to be read."
        raise DataError(f"{name}: too many pixels to be a photograph; refused.{most}") from None
    except FileNotFoundError:
        what = "a link to nothing" if isinstance(data, Path) and data.is_symlink() else "no such file"
        raise DataError(f"{name}: {what}.") from None
    except OSError as error:
        raise DataError(f"{name}: {error.strerror or error}.") from None
    except Exception as error:  # a broken file may make a decoder of Pillow raise anything
        raise DataError(f"{name}: damaged ({error}).") from None


def _image_file(file: Path | io.BytesIO, max_pixels: int | None) -> ImageFile.ImageFile:
    """Open an image without decoding it, of more pixels than Pillow allows if ``max_pixels`` does."""
    try:
        image = Image.open(file)
    except Image.DecompressionBombError:
        if max_pixels is None:
            raise
        with _limit_lock:  # Pillow's limit holds for the whole process
            limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, max_pixels
            try:
                image = Image.open(file)
            finally:
                Image.MAX_IMAGE_PIXELS = limit
    if max_pixels is not None and image.width * image.height > max_pixels:
        image.close()
        raise Image.DecompressionBombError
    return image


def is_regular(path: Path) -> bool:
    """Tell a file, links followed, from a named pipe or a device, which to open may wait for ever."""
    return stat.S_ISREG(path.stat().st_mode)
