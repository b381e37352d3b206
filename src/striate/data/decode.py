"""Images out of files and bytes: decoded, turned as EXIF says, in 8 bits. Every image that is read comes this way."""

from __future__ import annotations

import hashlib
import io
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from striate.data.file_content import FileDigest, FileState, file_content, file_digests
from striate.data.jpeg import jpeg_pixels
from striate.data.pixel_limit import allowing, image_file, pixel_limit
from striate.data.pixels import MODES, ByteArray, eight_bit, to_pixels
from striate.data.resize import STRETCH, Resize, framed
from striate.data.wording import quoted
from striate.errors import ChangedError, DataError, printable

__all__ = ["Record", "is_regular", "open_image"]

_ORIENTATION = 0x0112
_UPRIGHT = 1
_ON_ITS_SIDE = range(5, 9)  # orientations that swap height and width
_MUCH = 256 * 2**20  # bytes of a file


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One image as its source holds it.

    Attributes:
        name: What messages and reports call it: a file's path, or ``"digits train[3]"``.
        data: The file, the bytes of one, or pixels as uint8 ``(C, H, W)``.
        box: ``(left, top, width, height)`` of the part that is the image; None means all of it.
        digest: The SHA-256 of the file that its source counted in its fingerprint, if it did; another is refused.
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
            image = open_image(self.data, self.name, self.digest, least=least, max_pixels=max_pixels)
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
        except Image.DecompressionBombError:  # a part as large as Pillow refuses, of an image that is allowed
            with allowing(width * height):
                return image.crop(corners)

    def pixels(
        self,
        shape: tuple[int, int, int],
        least: tuple[int, int] | None = None,
        max_pixels: int | None = None,
        resize: Resize = STRETCH,
    ) -> ByteArray:
        """Return what `to_pixels` makes of the image, uint8 of ``shape`` ``(C, H, W)``, of most JPEG files sooner.

        Raises:
            DataError: as `open` and `to_pixels`.
        """
        if self.box is not None or not isinstance(self.data, Path | bytes):
            return to_pixels(self.open(least, max_pixels), shape, resize)
        with _opened(self.data, self.name, self.digest, max_pixels) as (image, content):
            if image.format == "JPEG" and image.mode == MODES[shape[0]] and content is not None:
                pixels = jpeg_pixels(content, image.mode, image.size) if _aimed(image, least) else None
                if pixels is not None:
                    return framed(pixels, *shape[1:], resize)
            return to_pixels(_decoded(image, least), shape, resize)


def open_image(
    data: Path | bytes,
    name: str = "",
    digest: bytes | None = None,
    *,
    least: tuple[int, int] | None = None,
    max_pixels: int | None = None,
) -> Image.Image:
    """Return a decoded image, turned as its EXIF orientation says; grey of more than 8 bits scaled to 8.

    Args:
        data: The file, or its bytes.
        name: What messages call it; empty for the path.
        digest: Its SHA-256; None for any.
        least: ``(height, width)``. A JPEG file may come out at 1/2, 1/4 or 1/8 of its size, as long as it keeps these;
            that is faster, and its pixels are means of squares, by the cosine transform. None means its own size.
        max_pixels: An image of more pixels is refused before it is decoded; None means as `pixel_limit` says.

    Raises:
        DataError: if the file is missing, unreadable, truncated, too large, not an image, or of grey values
            that `Preprocess.pixels` does not take.
        ChangedError: if it has another digest.
        ConfigError: as `pixel_limit`.
    """
    with _opened(data, name, digest, max_pixels) as (image, _):
        return _decoded(image, least)


@contextmanager
def _opened(
    data: Path | bytes, name: str, digest: bytes | None, max_pixels: int | None
) -> Iterator[tuple[ImageFile.ImageFile, bytes | None]]:
    """Give an image that is not decoded yet, and its file unless that is large; word what goes wrong with it."""
    name = printable(name or (str(data) if isinstance(data, Path) else "an image"))
    limit = pixel_limit() if max_pixels is None else max_pixels
    try:
        file, content, state = _read(data)
        if digest is not None and not _is_same(digest, data, content, state):
            raise ChangedError(
                "has changed since the data were opened; once they are at rest, do the same again."
            )
        with image_file(file, limit) as image:
            yield image, content
    except DataError as error:
        raise type(error)(f"{name}: {error}") from None
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
    except MemoryError:
        raise
    except Exception as error:  # a broken file may make a decoder of Pillow raise anything
        raise DataError(f"{name}: damaged ({quoted(error)}).") from None


def _read(data: Path | bytes) -> tuple[Path | io.BytesIO, bytes | None, FileState | None]:
    """Return what Pillow opens, what is in it unless that is much, and the state of a file."""
    if isinstance(data, bytes):
        return io.BytesIO(data), data, None
    content, state = file_content(data, _MUCH)
    return data if content is None else io.BytesIO(content), content, state


def _is_same(digest: bytes, data: Path | bytes, content: bytes | None, state: FileState | None) -> bool:
    """Tell whether a file is the one of a digest: by its state, or else by what it holds."""
    if state is not None and isinstance(digest, FileDigest) and digest.state == state:
        return True
    if content is None and isinstance(data, Path):
        return digest == file_digests([data])[data]
    return digest == hashlib.sha256(content or b"").digest()


def _decoded(image: ImageFile.ImageFile, least: tuple[int, int] | None) -> Image.Image:
    if image.format != "JPEG":
        image.load()
        return eight_bit(ImageOps.exif_transpose(image))
    upright = _aimed(image, least)
    image.load()
    # What is upright would be copied, which takes 5 % of the time of a photograph.
    return image if upright else ImageOps.exif_transpose(image)


def _aimed(image: ImageFile.ImageFile, least: tuple[int, int] | None) -> bool:
    """Have a JPEG file decoded at a part of its size that keeps ``least``; return whether it is upright."""
    orientation = image.getexif().get(_ORIENTATION, _UPRIGHT)
    if least is not None:
        image.draft(None, least if orientation in _ON_ITS_SIDE else least[::-1])
    return bool(orientation == _UPRIGHT)


def is_regular(path: Path) -> bool:
    """Tell a file, links followed, from a named pipe or a device, which to open may wait for ever."""
    return stat.S_ISREG(path.stat().st_mode)
