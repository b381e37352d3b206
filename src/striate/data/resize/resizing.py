"""`resized`: an image in another size, antialiased where it shrinks.

Rows first, then columns, each rounded to 8 bits: by Pillow in two steps, as what it does in one depends on its version.
Compiled code gives the same numbers in half the time, but takes as long to load as a thousand images take to resize. So
`prepare` loads it beside the work, and each image is resized by what is there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["ByteArray", "prepare", "resized"]

ByteArray = NDArray[np.uint8]
_BILINEAR = Image.Resampling.BILINEAR
_TRIED = ((7, 5, 4, 3), (40, 31, 33, 47), (90, 128, 41, 60), (64, 200, 64, 3))

_lock = threading.Lock()
_loading: threading.Thread | None = None
_compiled: Callable[[ByteArray, ByteArray], None] | None = None


def resized(image: Image.Image | ByteArray, height: int, width: int) -> ByteArray:
    """Return ``image``, of mode L or RGB or uint8 ``(H, W, C)``, stretched to uint8 ``(C, height, width)``."""
    compiled = _compiled
    sides = image.shape[:2] if isinstance(image, np.ndarray) else (image.height, image.width)
    if compiled is None and sides != (height, width):
        image = _by_pillow(image, height, width)
    pixels = np.asarray(image)
    pixels = pixels if pixels.ndim == 3 else pixels[..., None]
    if compiled is None or sides == (height, width):
        return np.ascontiguousarray(pixels.transpose(2, 0, 1))
    out = np.empty((pixels.shape[2], height, width), np.uint8)
    compiled(np.ascontiguousarray(pixels), out)
    return out


def prepare() -> threading.Thread:
    """Begin to load the compiled code, once, on a thread of its own, and return that.

    It stays away where it cannot be had, or does not give the numbers of the Pillow that is installed.
    """
    global _loading
    with _lock:
        if _loading is None:
            _loading = threading.Thread(target=_load, name="striate-resize", daemon=True)
            _loading.start()
        return _loading


def _load() -> None:
    global _compiled
    try:
        from striate.data.resize.compiled import resize

        if all(_agrees(resize, *sizes) for sizes in _TRIED):
            _compiled = resize
    except Exception:  # without Numba, or where it cannot compile, all is as before, more slowly
        return


def _agrees(resize: Callable[[ByteArray, ByteArray], None], *sizes: int) -> bool:
    """Tell whether ``resize`` gives what Pillow does, of noise in grey and in color."""
    before, after = sizes[:2], sizes[2:]
    for channels in (1, 3):
        noise = np.random.default_rng(0).integers(0, 256, (*before, channels), np.uint8)
        out = np.empty((channels, *after), np.uint8)
        resize(noise, out)
        if not np.array_equal(out, resized(noise, *after)):  # by Pillow, as yet
            return False
    return True


def _by_pillow(image: Image.Image | ByteArray, height: int, width: int) -> Image.Image:
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
    return image.resize((image.width, height), _BILINEAR).resize((width, height), _BILINEAR)
