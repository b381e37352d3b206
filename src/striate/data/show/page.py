"""A sheet as a page of its own. All images lie within, as data URIs with their very pixels."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator

import numpy as np
from PIL import Image

from striate.analyze import shape_text
from striate.data.check.page_parts import document, element, escaped
from striate.data.pixels import ByteArray
from striate.data.show.picture import image_of
from striate.data.show.sheet import Draw, Sheet, Shown
from striate.data.show.text import short, title

__all__ = ["body", "page"]

_TILE = 144  # pixels that small images are enlarged to, by a whole factor
_FIT = 200  # pixels that stored images are shrunk to
_STYLE = """
.striate-check > * { max-width: 1240px; }
.striate-check .image { display: grid; grid-template-columns: max-content 1fr; gap: 28px; margin: 0 auto;
  padding: 26px 0; border-top: 1px solid var(--rule); }
.striate-check .draws { display: grid; gap: 22px 16px;
  grid-template-columns: repeat(auto-fill, minmax(var(--tile), 1fr)); }
.striate-check .image img { max-width: 100%; height: auto; background: none; }
.striate-check .small img { image-rendering: pixelated; }
.striate-check .original { position: sticky; top: 16px; align-self: start; width: var(--tile); }
.striate-check .original b { display: block; font-size: 15px; color: var(--ink); }
.striate-check figcaption ul { margin: 0; padding: 0; list-style: none; }
.striate-check .draws figcaption { color: var(--ink); font-size: 12.5px; line-height: 1.42; margin-top: 7px; }
.striate-check figcaption .target { color: var(--note); }
.striate-check .recipe { background: var(--card); border: 1px solid var(--rule); border-radius: 10px;
  padding: 14px 20px; margin: 22px auto 30px; overflow-x: auto;
  font: 13px/1.6 ui-monospace, "DejaVu Sans Mono", monospace; }
.striate-check .stored { display: flex; flex-wrap: wrap; gap: 24px 16px; align-items: flex-end; margin-top: 26px; }
.striate-check .stored b { color: var(--ink); }
@media (max-width: 640px) {
  .striate-check .image { grid-template-columns: 1fr; }
  .striate-check .original { position: static; }
}
"""


def page(sheet: Sheet) -> str:
    """Return a whole HTML file; everything that it shows lies within."""
    return document(title(sheet), body(sheet))


def body(sheet: Sheet) -> str:
    """Return the sheet as one element, for a page or a notebook."""
    over = "Images as they are stored" if sheet.recipe is None else "Augmentation"
    return element(over, title(sheet), [f"<style>{_STYLE}</style>", *_parts(sheet)])


def _parts(sheet: Sheet) -> Iterator[str]:
    if sheet.recipe is None:
        yield f'<div class="stored">{"".join(map(_stored, sheet.images))}</div>'
        return
    size = shape_text(sheet.images[0].draws[0].pixels.shape[1:])
    yield f'<p class="quiet">{size} pixels</p>'
    yield f'<pre class="recipe">{_escaped_lines(sheet.recipe.to_yaml())}</pre>'
    for shown in sheet.images:
        yield _augmented(shown)
    yield "<footer>Made by <b>striate data show</b>.</footer>"


def _escaped_lines(text: str) -> str:
    """Escape a text of several lines."""
    return "\n".join(map(escaped, text.rstrip("\n").split("\n")))


def _stored(shown: Shown) -> str:
    height, width = shown.pixels.shape[1:]
    scale = max(1, _TILE // max(height, width)) if max(height, width) <= _FIT else _FIT / max(height, width)
    image = _image(_reduced(shown.pixels, scale), max(1.0, scale), shown.label, shown.name)
    small = " class=small" if scale > 1 else ""
    return (
        f"<figure{small}>{image}<figcaption><b>{escaped(shown.label)}</b> #{shown.index}<br>{shape_text(shown.size)}"
        "</figcaption></figure>"
    )


def _augmented(shown: Shown) -> str:
    side = max(shown.pixels.shape[1:])
    scale = max(1, _TILE // side)
    draws = "".join(_draw(draw, scale) for draw in shown.draws)
    small = " small" if scale > 1 else ""
    tile = scale * max(shown.pixels.shape[2], shown.draws[0].pixels.shape[2])
    return (
        f'<section class="image{small}" style="--tile: {max(tile, _TILE)}px"><figure class="original">'
        f"{_image(shown.pixels, scale, shown.label, shown.name)}<figcaption><b>{escaped(shown.label)}</b>"
        f"#{shown.index} {escaped(short(shown.name))}</figcaption></figure>"
        f'<div class="draws">{draws}</div></section>'
    )


def _draw(draw: Draw, scale: int) -> str:
    items = "".join(f"<li>{escaped(phrase)}</li>" for phrase in draw.phrases or ("unchanged",))
    target = f'<li class="target">{escaped(draw.target_words)}</li>' if draw.target else ""
    image = _image(draw.pixels, scale, draw.words, f"step {draw.step}")
    return f"<figure>{image}<figcaption><ul>{items}{target}</ul></figcaption></figure>"


def _reduced(pixels: ByteArray, scale: float) -> ByteArray:
    if scale >= 1:
        return pixels
    image = image_of(pixels)
    size = (max(1, round(scale * image.width)), max(1, round(scale * image.height)))
    small = np.asarray(image.resize(size, Image.Resampling.LANCZOS))
    return small[None] if small.ndim == 2 else small.transpose(2, 0, 1)


def _image(pixels: ByteArray, scale: float, words: str, tip: str) -> str:
    written = io.BytesIO()
    image_of(pixels).save(written, "WEBP", lossless=True)
    uri = f"data:image/webp;base64,{base64.b64encode(written.getvalue()).decode()}"
    height, width = (round(scale * side) for side in pixels.shape[1:])
    return (
        f'<img src="{uri}" width="{width}" height="{height}" alt="{escaped(words)}" title="{escaped(tip)}">'
    )
