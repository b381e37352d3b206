"""Putting the files of a set into class folders where its authors keep the classes in a list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from striate.data.fetch.catalog import Arrangement
from striate.errors import DataError

__all__ = ["ARRANGEMENTS"]


def _pets(root: Path) -> None:
    """Move ``images/Abyssinian_100.jpg`` to ``train/Abyssinian/``, or ``test/``, as the authors' two lists say."""
    for split, listing in (("train", "trainval.txt"), ("test", "test.txt")):
        lines = (root / "annotations" / listing).read_text(encoding="ascii").splitlines()
        for line in lines:
            name = line.partition(" ")[0]
            breed, underscore, _ = name.rpartition("_")
            if not underscore or "/" in name:
                raise DataError(f"annotations/{listing}: {line!r} does not begin with an image of a breed.")
            folder = root / split / breed
            folder.mkdir(parents=True, exist_ok=True)
            (root / "images" / f"{name}.jpg").rename(folder / f"{name}.jpg")


ARRANGEMENTS: Mapping[Arrangement, Callable[[Path], None]] = MappingProxyType({"pets": _pets})
"""What puts the unpacked files in a folder into place."""
