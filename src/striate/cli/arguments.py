"""What several commands take: a network, a shape."""

from __future__ import annotations

import re

from striate.errors import StriateError

__all__ = ["NETWORK_HELP", "UsageError", "parse_image_shape", "parse_shape", "parse_sides"]


class UsageError(StriateError):
    """An option of the command line has a value that it cannot have: exit status 2."""


NETWORK_HELP = "A zoo name (lenet5), a .yaml or .json description, or module:function."


def parse_shape(text: str) -> tuple[int, ...]:
    """Read ``3x224x224``.

    Raises:
        UsageError: if it is not whole numbers joined by ``x``.
    """
    parts = re.split("[x×,]", text.strip())
    if not all(part.isascii() and part.isdigit() and len(part) <= 9 for part in parts):
        raise UsageError(f"--input {text!r}: write channels, height and width as 3x224x224.")
    return tuple(map(int, parts))


def parse_image_shape(text: str) -> tuple[int, ...]:
    """Read ``3x224x224``, the shape of an image.

    Raises:
        UsageError: if it is not three whole numbers from 1 to 65535 joined by ``x``.
    """
    shape = parse_shape(text)
    if len(shape) != 3 or not all(1 <= side < 2**16 for side in shape):
        raise UsageError(
            f"--input {text!r}: an image has channels, height and width, each from 1 to 65535; write 3x224x224."
        )
    return shape


def parse_sides(text: str) -> tuple[int, int]:
    """Read ``160`` or ``160x120``, height first.

    Raises:
        UsageError: if it is neither, or more than 65535.
    """
    found = re.fullmatch(r"(\d{1,5})(?:[x×](\d{1,5}))?", text.strip(), re.ASCII)
    sides = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not all(1 <= side < 2**16 for side in sides):
        raise UsageError(
            f"--size {text!r}: write one side, 160, or height and width, 160x120; 65535 at most."
        )
    return sides
