"""Resizing with a triangle for a filter, as Pillow does it: by Pillow, or by compiled code once that is there."""

from striate.data.resize.framing import STRETCH, Resize, framed
from striate.data.resize.resizing import ByteArray, prepare, resized

__all__ = ["STRETCH", "ByteArray", "Resize", "framed", "prepare", "resized"]
