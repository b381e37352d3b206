"""Images out of files and bytes: decoded, turned as EXIF says, in 8 bits. Every image that is read comes this way."""

from __future__ import annotations

import io
import stat
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from striate.data.pixels import ByteArray, eight_bit
from striate.errors import DataError

__all__ = ["Record", "is_regular", "open_image"]


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

    def open(self) -> Image.Image:
        """Return the image, decoded.

        Raises:
            DataError: as `open_image`, or if the box does not lie within the image.
        """
        if isinstance(self.data, Path | bytes):
            image = open_image(self.data, self.name)
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


def open_image(data: Path | bytes, name: str = "") -> Image.Image:
    """Return a decoded image, turned as its EXIF orientation says; grey of more than 8 bits scaled to 8.

    Args:
        data: The file, or its bytes.
        name: What messages call it; empty for the path.

    Raises:
        DataError: if the file is missing, unreadable, truncated, too large, not an image, or of grey values
            that `Preprocess.pixels` does not take.
    """
    name = name or (str(data) if isinstance(data, Path) else "an image")
    try:
        if isinstance(data, Path) and not (data.is_dir() or is_regular(data)):
            raise DataError("not a regular file.")
        with Image.open(data if isinstance(data, Path) else io.BytesIO(data)) as image:
            image.load()
            return eight_bit(ImageOps.exif_transpose(image))
    except DataError as error:
        raise DataError(f"{name}: {error}") from None
    except UnidentifiedImageError:
        raise DataError(f"{name}: not an image.") from None
    except Image.DecompressionBombError:
        raise DataError(f"{name}: too many pixels to be a photograph; refused.") from None
    except FileNotFoundError:
        what = "a link to nothing" if isinstance(data, Path) and data.is_symlink() else "no such file"
        raise DataError(f"{name}: {what}.") from None
    except OSError as error:
        raise DataError(f"{name}: {error.strerror or error}.") from None
    except Exception as error:  # a broken file may make a decoder of Pillow raise anything
        raise DataError(f"{name}: damaged ({error}).") from None


def is_regular(path: Path) -> bool:
    """Tell a file, links followed, from a named pipe or a device, which to open may wait for ever."""
    return stat.S_ISREG(path.stat().st_mode)
