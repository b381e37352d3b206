"""A sheet as one PNG picture, for slides: every draw, its very pixels enlarged by a whole factor, above its words."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import matplotlib
from matplotlib.ft2font import FT2Font
from PIL import Image, ImageDraw, ImageFont

from striate.analyze import shape_text
from striate.data.pixels import ByteArray
from striate.data.show.sheet import Draw, Sheet, Shown
from striate.data.show.text import title
from striate.errors import printable

__all__ = ["image_of", "png"]

TILE = 150  # pixels that small images are enlarged to, at most, and what words have for their lines
MARGIN, GAP, BELOW = 36, 18, 8  # pixels around the sheet, between tiles, between a tile and its words
ACROSS = 6  # draws side by side
LINE = 18  # pixels from one line of words to the next
HEAD = 76
_SIZE, _TITLE = 13, 24
_INK, _QUIET, _BLUE, _RULE, _PAPER = "#1d1f23", "#686d76", "#2f5d8c", "#e4e1db", "#ffffff"


class _Line(NamedTuple):
    text: str
    color: str = _INK
    bold: bool = False


class _Cell(NamedTuple):
    """An image with its words."""

    image: Image.Image
    lines: list[_Line]


def png(sheet: Sheet) -> bytes:
    """Return the sheet as the bytes of a PNG file."""
    written = io.BytesIO()
    _picture(sheet).save(written, "PNG", optimize=True)
    return written.getvalue()


def image_of(pixels: ByteArray) -> Image.Image:
    """Return uint8 ``(C, H, W)`` as an image."""
    return Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))


def _picture(sheet: Sheet) -> Image.Image:
    if sheet.recipe is None:
        cells = [_stored(shown) for shown in sheet.images]
        blocks = [_grid(cells, _columns(sheet))]
    else:
        blocks = [_block(shown) for shown in sheet.images]
    width = max(block.width for block in blocks) + 2 * MARGIN
    height = HEAD + sum(block.height + GAP for block in blocks) + MARGIN
    picture = Image.new("RGB", (width, height), _PAPER)
    pen = ImageDraw.Draw(picture)
    first, *more = _wrapped(title(sheet), width - 2 * MARGIN, _TITLE, bold=True)
    pen.text((MARGIN, MARGIN - BELOW), f"{first} …" if more else first, _INK, _font(_TITLE, bold=True))
    y = HEAD
    for number, block in enumerate(blocks):
        if number:
            pen.line((MARGIN, y - GAP, width - MARGIN, y - GAP), _RULE)
        picture.paste(block, (MARGIN, y))
        y += block.height + GAP
    return picture


def _block(shown: Shown) -> Image.Image:
    """Return an image on the left, and its draws in rows on the right."""
    scale = max(1, TILE // max(*shown.pixels.shape[1:], *shown.draws[0].pixels.shape[1:]))
    own = _Cell(_enlarged(shown.pixels, scale), _lines_of(shown))
    left = _grid([own], 1)
    right = _grid(
        [_Cell(_enlarged(draw.pixels, scale), _lines_of_draw(draw)) for draw in shown.draws], ACROSS
    )
    block = Image.new("RGB", (left.width + 2 * GAP + right.width, max(left.height, right.height)), _PAPER)
    block.paste(left, (0, 0))
    block.paste(right, (left.width + 2 * GAP, 0))
    return block


def _grid(cells: Sequence[_Cell], across: int) -> Image.Image:
    """Return cells in rows."""
    column = max(TILE, *(cell.image.width for cell in cells))
    rows = [cells[start : start + across] for start in range(0, len(cells), across)]
    wrapped = {id(cell): list(_broken(cell.lines, column)) for cell in cells}
    tops = [0]
    for row in rows:
        tiles = max(cell.image.height for cell in row)
        words = max(len(wrapped[id(cell)]) for cell in row)
        tops.append(tops[-1] + tiles + BELOW + LINE * words + GAP)
    grid = Image.new("RGB", (min(across, len(cells)) * (column + GAP) - GAP, tops[-1]), _PAPER)
    pen = ImageDraw.Draw(grid)
    for top, row in zip(tops, rows, strict=False):
        tiles = max(cell.image.height for cell in row)
        for k, cell in enumerate(row):
            x = k * (column + GAP)
            grid.paste(cell.image, (x, top + tiles - cell.image.height))
            for number, line in enumerate(wrapped[id(cell)]):
                place = x, top + tiles + BELOW + LINE * number
                pen.text(place, line.text, line.color, _font(_SIZE, line.bold))
    return grid


def _columns(sheet: Sheet) -> int:
    """Return how many stored images lie side by side: one of each class, if there are 4 to 10."""
    classes = len({shown.label for shown in sheet.images})
    return classes if 4 <= classes <= 10 else 8


def _stored(shown: Shown) -> _Cell:
    longest = max(shown.pixels.shape[1:])
    tile = _enlarged(shown.pixels, max(1, TILE // longest))
    tile.thumbnail((TILE, TILE), Image.Resampling.LANCZOS)
    return _Cell(
        tile, [_Line(shown.label, bold=True), _Line(f"#{shown.index}  {shape_text(shown.size)}", _QUIET)]
    )


def _lines_of(shown: Shown) -> list[_Line]:
    return [_Line(shown.label, bold=True), _Line(f"#{shown.index}, original", _QUIET)]


def _lines_of_draw(draw: Draw) -> list[_Line]:
    lines = [_Line(phrase) for phrase in draw.phrases] or [_Line("unchanged", _QUIET)]
    return lines + ([_Line(draw.target_words, _BLUE)] if draw.target else [])


def _enlarged(pixels: ByteArray, scale: int) -> Image.Image:
    image = image_of(pixels)
    return image.resize((scale * image.width, scale * image.height), Image.Resampling.NEAREST)


def _broken(lines: Iterable[_Line], width: int) -> Iterator[_Line]:
    for line in lines:
        for part in _wrapped(line.text, width, _SIZE, line.bold):
            yield line._replace(text=part)


def _wrapped(text: str, width: int, size: int, bold: bool = False) -> Iterator[str]:
    """Break a text into lines of at most ``width`` pixels, at spaces, or where a word alone is wider."""
    font = _font(size, bold)
    line = ""
    for word in _legible(text).split():
        joined = f"{line} {word}" if line else word
        if font.getlength(joined) <= width:
            line = joined
            continue
        if line:
            yield line
        line = word
        while font.getlength(line) > width:
            fits = next(n for n in range(len(line) - 1, 0, -1) if n == 1 or font.getlength(line[:n]) <= width)
            yield line[:fits]
            line = line[fits:]
    yield line


def _legible(text: str) -> str:
    """Return a text with the characters that the font lacks spelled out."""
    known = _characters()
    return "".join(
        c if ord(c) in known else c.encode("unicode_escape").decode("ascii") for c in printable(text)
    )


@cache
def _font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(_file(bold)), size)


@cache
def _characters() -> frozenset[int]:
    return frozenset(FT2Font(str(_file())).get_charmap()) & frozenset(
        FT2Font(str(_file(bold=True))).get_charmap()
    )


def _file(bold: bool = False) -> Path:
    """Return DejaVu Sans, which comes with matplotlib; Pillow's own font has neither × nor °."""
    return Path(matplotlib.get_data_path(), "fonts", "ttf", f"DejaVuSans{'-Bold' if bold else ''}.ttf")
