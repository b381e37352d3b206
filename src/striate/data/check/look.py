"""The one look at each image: decoded once, it leaves a few hundred bytes to judge it by.

N images, C channels (3; grey ones have it three times).
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from striate.data.decode import Record
from striate.data.pixel_limit import image_file, pixel_limit
from striate.data.pixels import ByteArray, to_pixels
from striate.data.wording import quoted
from striate.errors import DataError, printable

__all__ = ["COARSE", "SIDE", "Look", "Unread", "look_at"]

SIDE: Final = 16
COARSE: Final = 4
_COLORLESS = 8  # of 255 between a pixel's channels: what JPEG adds to a grey photograph
_UPRIGHT = (None, 0, 1)


@dataclass(frozen=True, slots=True)
class Unread:
    """An image that cannot be decoded: what kind of failure it is, and what the decoder said."""

    kind: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What is kept of an image.

    Attributes:
        size: ``(width, height)``.
        mode: Pillow's mode as it is stored, such as ``RGB`` or ``I;16``.
        format: The file format, such as ``JPEG``; empty for pixels.
        oddities: ``animated``, ``rotated``, ``misnamed``, ``transparent``, ``cmyk``, ``deep`` where they apply.
        colorless: Whether all channels are the same, within what JPEG adds.
        digest: Of size and pixels, so that a copy in another lossless format is the same.
        histogram: Pixels of each value, ``(C, 256)``.
        grey: The image shrunk to 16×16 in grey, ``(16, 16)``.
        color: The image shrunk to 4×4, ``(4, 4, C)``.
    """

    size: tuple[int, int]
    mode: str
    format: str
    oddities: tuple[str, ...]
    colorless: bool
    digest: bytes
    histogram: NDArray[np.int64]
    grey: ByteArray
    color: ByteArray


def look_at(record: Record) -> Look | Unread:
    """Decode an image and return what is to be remembered of it, or why it cannot be decoded."""
    if record.box is not None and min(record.box[2:]) <= 0:
        return Unread("zero-area", f"a box of {record.box[2]}×{record.box[3]} pixels")
    if isinstance(record.data, np.ndarray) and not record.data.size:
        return Unread("zero-area", f"an array of shape {record.data.shape}")
    try:
        image = record.open()
        format, mode, oddities = _outside(record, image)
        seen = image
        if image.mode not in ("L", "RGB") or image.has_transparency_data:
            channels = 1 if image.mode in ("1", "LA", "La") else 3
            pixels = to_pixels(image, (channels, image.height, image.width))
            seen = Image.fromarray(pixels[0] if channels == 1 else pixels.transpose(1, 2, 0))
    except DataError as error:
        return _unread(record, str(error))
    if not seen.width * seen.height:
        return Unread("zero-area", f"an image of {seen.width}×{seen.height} pixels")
    small = seen.resize((SIDE, SIDE), Image.Resampling.BOX, reducing_gap=3.0)
    pixels = np.asarray(small.convert("RGB"))
    spread = int(np.ptp(pixels, axis=2).max()) if seen.mode == "RGB" else 0
    histogram = np.array(seen.histogram(), np.int64).reshape(-1, 256)
    return Look(
        size=seen.size,
        mode=mode,
        format=format,
        oddities=oddities,
        colorless=spread <= _COLORLESS,
        digest=hashlib.sha256(f"{seen.mode}{seen.size}".encode() + seen.tobytes()).digest()[:16],
        histogram=np.broadcast_to(histogram, (3, 256)),
        grey=np.asarray(small.convert("L")),
        color=pixels.reshape(COARSE, SIDE // COARSE, COARSE, SIDE // COARSE, 3).mean((1, 3)).astype(np.uint8),
    )


def _outside(record: Record, image: Image.Image) -> tuple[str, str, tuple[str, ...]]:
    """Return format, mode and oddities as the file itself tells them."""
    odd = ["transparent"] if image.has_transparency_data else []
    if isinstance(record.data, np.ndarray):
        return "", image.mode, tuple(odd)
    try:
        held = record.data if isinstance(record.data, Path) else io.BytesIO(record.data)
        with image_file(held, pixel_limit()) as file:
            format, mode = file.format or "", file.mode
            if format != "MPO" and getattr(
                file, "is_animated", False
            ):  # a camera's MPO is a JPEG with a preview
                odd.append("animated")
            if file.getexif().get(ExifTags.Base.Orientation) not in _UPRIGHT:
                odd.append("rotated")
    except (
        Exception
    ) as error:  # as in `open_image`: a broken file may make a decoder of Pillow raise anything
        raise DataError(f"{record.name}: damaged ({quoted(error)}).") from None
    if mode == "CMYK":
        odd.append("cmyk")
    if mode.startswith("I") or mode == "F":
        odd.append("deep")
    if isinstance(record.data, Path):
        meant = Image.registered_extensions().get(record.data.suffix.lower())
        if meant and {meant, format} != {"JPEG", "MPO"} and meant != format:
            odd.append("misnamed")
    return format, mode, tuple(odd)


def _unread(record: Record, message: str) -> Unread:
    """Sort a failure by what `open_image` said; the decoders' own words differ from format to format."""
    reason = message.removeprefix(f"{printable(record.name)}: ").rstrip(".")
    try:
        return _sorted(record, reason)
    except OSError:  # the file is of no possible name, or has changed since
        return Unread("unreadable", reason)


def _sorted(record: Record, reason: str) -> Unread:
    if isinstance(record.data, Path):
        if not record.data.exists():
            return Unread("missing", reason)
        if record.data.is_file() and not record.data.stat().st_size:
            return Unread("empty-file", "the file is empty")
    elif isinstance(record.data, bytes) and not record.data:
        return Unread("empty-file", "no bytes")
    if reason.startswith("not an image"):
        return (
            Unread("zero-area", "a header of no area")
            if _no_area(_head(record))
            else Unread("not-an-image", reason)
        )
    cut = ("truncated", "broken data stream", "broken PNG", "unexpected end", "EOF")
    return Unread("truncated" if any(word in reason for word in cut) else "unreadable", reason)


def _head(record: Record) -> bytes:
    if isinstance(record.data, Path):
        with record.data.open("rb") as file:
            return file.read(_HEAD)
    return bytes(record.data[:_HEAD])


_HEAD = 32


def _no_area(head: bytes) -> bool:
    """Tell a file whose header gives a width or height of 0, which Pillow takes for none that it knows."""
    if head.startswith(b"\x89PNG"):
        width, height = head[16:20], head[20:24]
    elif head.startswith(b"GIF8"):
        width, height = head[6:8], head[8:10]
    elif head.startswith(b"BM"):
        width, height = head[18:22], head[22:26]
    elif head[:1] == b"P" and head[1:2].isdigit():
        return b"0" in head.split()[1:3]
    else:
        return False
    return bool(width and height) and not (any(width) and any(height))
