"""How a summary is written to a file: as a page or as a picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from striate.errors import ConfigError, DescriptionError, RunError
from striate.spec.files import write

__all__ = ["FORMATS", "save_summary"]

FORMATS = (".html", ".png")


def save_summary(path: Path, page: Callable[[], str], picture: Callable[[], bytes]) -> None:
    """Write what ``page`` or ``picture`` makes, whole or not at all, as the end of the name says.

    Raises:
        ConfigError: if the name ends otherwise than with one of `FORMATS`.
        RunError: if it cannot be written; what stood there before is kept.
    """
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise ConfigError(f"{path}: must end with {' or '.join(FORMATS)}, which say how it is written.")
    made: str | bytes = page() if suffix == ".html" else picture()
    try:
        write(path, made)
    except DescriptionError as error:
        raise RunError(str(error)) from None
