"""Images small enough to lie in a page, as data URIs. Knows nothing of findings."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence

from PIL import Image

from striate.data.pixels import to_pixels
from striate.errors import DataError

__all__ = ["contact_sheet", "thumbnail"]

_SIDE = 96
_TILE, _GAP = 72, 4
_QUALITY = 82


def thumbnail(picture: Callable[[int], Image.Image], row: int) -> str | None:
    """Return an image at most 96 pixels wide and high as a data URI; None if it cannot be shown."""
    image = _readable(picture, row)
    return None if image is None else _uri(_fitted(image, _SIDE))


def contact_sheet(
    picture: Callable[[int], Image.Image], rows: Sequence[int], columns: int = 12
) -> str | None:
    """Return images side by side, as one data URI; None if none of them can be shown."""
    images = [image for row in rows if (image := _readable(picture, row)) is not None]
    if not images:
        return None
    across = min(columns, len(images))
    down = -(-len(images) // across)
    # Transparent gaps take the color of the page, be it light or dark.
    step = _TILE + _GAP
    sheet = Image.new("RGBA", (across * step - _GAP, down * step - _GAP), (0, 0, 0, 0))
    for i, image in enumerate(images):
        tile = _square(image).convert("RGBA")
        sheet.paste(tile, (i % across * step, i // across * step))
    return _uri(sheet)


def _readable(picture: Callable[[int], Image.Image], row: int) -> Image.Image | None:
    try:
        image = picture(row)
        channels = 1 if image.mode in ("1", "L") else 3
        pixels = to_pixels(image, (channels, image.height, image.width))
    except (DataError, OSError, ValueError):  # the file may have changed since it was looked at
        return None
    return Image.fromarray(pixels[0] if channels == 1 else pixels.transpose(1, 2, 0))


def _fitted(image: Image.Image, side: int) -> Image.Image:
    """Shrink a large image; enlarge a small one by whole factors, so that its pixels are seen."""
    longest = max(image.size)
    if longest <= side:
        factor = max(1, side // longest)
        return image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
    scale = side / longest
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _square(image: Image.Image) -> Image.Image:
    """Return the middle square, as large as a tile."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    how = Image.Resampling.LANCZOS if side > _TILE else Image.Resampling.NEAREST
    return image.resize((_TILE, _TILE), how, box=(left, top, left + side, top + side))


def _uri(image: Image.Image) -> str:
    """Return an image as a data URI, in the format that takes the least of those that keep it well."""
    written = io.BytesIO()
    if image.mode == "L":
        image.save(written, "PNG", optimize=True)
        kind = "png"
    else:
        image.save(written, "WEBP", quality=_QUALITY)
        kind = "webp"
    return f"data:image/{kind};base64,{base64.b64encode(written.getvalue()).decode()}"
