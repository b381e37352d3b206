"""`Sheet`: images of a source beside what an augmentation makes of them. Looks at no source and draws no number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from striate.data.augment import Recipe
from striate.data.pixels import ByteArray
from striate.errors import DataError, DescriptionError
from striate.spec.files import write

__all__ = ["FORMATS", "Draw", "Sheet", "Shown"]

FORMATS = (".png", ".html", ".htm")
"""How the names of the files end that a sheet can be written to."""

SCHEMA = 1


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """What an augmentation made of an image.

    Attributes:
        step: Of the training run.
        phrases: What was done, an effect each; empty if nothing was.
        target: The share of each class, by name; only of an image that was mixed with another.
        pixels: uint8 ``(C, H, W)``.
    """

    step: int
    phrases: tuple[str, ...]
    target: Mapping[str, float]
    pixels: ByteArray = field(repr=False)

    @property
    def words(self) -> str:
        """What was done: ``"mirrored, rotated +7.3°"``, or ``"unchanged"``."""
        return ", ".join(self.phrases) or "unchanged"

    @property
    def target_words(self) -> str:
        """The target, the greatest share first: ``"72% daisy, 28% roses"``; empty if it is not mixed."""
        shares = sorted(self.target.items(), key=lambda item: -item[1])
        return ", ".join(f"{share:.0%} {name}" for name, share in shares if share >= 0.005)


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """One image of a source.

    Attributes:
        index: Its number in the split.
        name: What the source calls it.
        label: Its class; of several, all of them.
        size: Height and width as it is stored.
        pixels: uint8 ``(C, H, W)``, as augmentation gets it, or as it is stored but at most 512 wide and high.
        draws: What an augmentation made of it.
    """

    index: int
    name: str
    label: str
    size: tuple[int, int]
    pixels: ByteArray = field(repr=False)
    draws: tuple[Draw, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """What `show` found.

    Attributes:
        source: The name of what is shown.
        split: Which part of it.
        images: The images, with what was made of them.
        recipe: The augmentation; None for images as they are stored.
        augment: What the recipe was asked for by.
        seed: Of the draws.
    """

    source: str
    split: str
    images: tuple[Shown, ...]
    recipe: Recipe | None = None
    augment: str = ""
    seed: int = 0

    def save(self, path: Path | str) -> None:
        """Write the sheet to a ``.png`` or ``.html`` file, whole or not at all.

        Raises:
            DataError: if the name ends otherwise, or it cannot be written.
        """
        path = Path(path)
        if path.suffix.lower() not in FORMATS:
            raise DataError(f"{path}: must end in .png or .html.")
        try:
            write(path, self.to_png() if path.suffix.lower() == ".png" else self.to_html())
        except DescriptionError as error:
            raise DataError(str(error)) from None

    def to_png(self) -> bytes:
        """Return the sheet as a picture."""
        from striate.data.show.picture import png

        return png(self)

    def to_html(self) -> str:
        """Return a page of its own; it needs no other file and no network."""
        from striate.data.show.page import page

        return page(self)

    def to_data(self) -> dict[str, Any]:
        """Return everything but the pixels, as plain values for JSON."""
        head = {"schema": SCHEMA, "source": self.source, "split": self.split}
        if self.recipe is not None:
            head |= {"augment": self.augment, "seed": self.seed, "recipe": self.recipe.to_data()}
        return head | {"images": [self._image_data(shown) for shown in self.images]}

    def _image_data(self, shown: Shown) -> dict[str, Any]:
        data: dict[str, Any] = {
            "index": shown.index,
            "name": shown.name,
            "label": shown.label,
            "size": list(shown.size),
        }
        if self.recipe is not None:
            data["draws"] = [
                {"step": draw.step, "words": draw.words}
                | ({"target": dict(draw.target)} if draw.target else {})
                for draw in shown.draws
            ]
        return data

    def text(self) -> str:
        """Return the sheet for a terminal: the recipe, and what was done in words."""
        from striate.data.show.text import text

        return text(self)

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        from striate.data.show.page import body

        return body(self)
