"""Class folders with names that can be read, where the authors of a set have other names, or lists."""

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


_IMAGENETTE = {
    "n01440764": "tench",
    "n02102040": "English springer",
    "n02979186": "cassette player",
    "n03000684": "chain saw",
    "n03028079": "church",
    "n03394916": "French horn",
    "n03417042": "garbage truck",
    "n03425413": "gas pump",
    "n03445777": "golf ball",
    "n03888257": "parachute",
}
"""The class folders of Imagenette, which are numbered as in WordNet, and their names in ImageNet."""


def _imagenette(root: Path) -> None:
    """Rename ``imagenette2-160/train/n01440764/`` to ``…/tench/``, and so on, in ``train`` and ``val``."""
    for split in ("train", "val"):
        for number, name in _IMAGENETTE.items():
            folder = root / "imagenette2-160" / split / number
            if not folder.is_dir():
                raise DataError(
                    f"imagenette2-160/{split}: has no folder {number}; the archive is not Imagenette's."
                )
            folder.rename(folder.with_name(name))


ARRANGEMENTS: Mapping[Arrangement, Callable[[Path], None]] = MappingProxyType(
    {"imagenette": _imagenette, "pets": _pets}
)
"""What puts the unpacked files in a folder into place."""
