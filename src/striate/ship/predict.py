"""`predict`: classes and probabilities of images, preprocessed exactly as the module was trained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor, nn

from striate.data import Preprocess, open_image
from striate.data.augment import check_views, with_room
from striate.errors import DataError, bad_argument, printable
from striate.train import forward_in_batches, resolve_device

__all__ = ["Classifier", "Guess", "Prediction", "answers", "check_top", "guesses", "parts", "predict"]

_BATCH = 64
_NAMED = 10


@dataclass(frozen=True)
class Guess:
    """One class that an image may be.

    Attributes:
        class_name: Its name.
        index: Its number, the network's output.
        probability: The softmax of the network's outputs.
    """

    class_name: str
    index: int
    probability: float


@dataclass(frozen=True, repr=False)
class Prediction:
    """What one image may be, the most probable class first."""

    image: str
    top: tuple[Guess, ...]

    def to_data(self) -> dict[str, Any]:
        """Return the prediction as it stands in the JSON of ``striate predict``."""
        top = [{"class": g.class_name, "index": g.index, "probability": g.probability} for g in self.top]
        return {"image": self.image, "top": top}

    def __str__(self) -> str:
        # Not by commas, which ImageNet's names have themselves: "pizza, pizza pie".
        guesses = "; ".join(f"{g.class_name} {g.probability:.1%}" for g in self.top)
        return f"{printable(self.image)}: {guesses}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(g.class_name)}</td><td>{g.probability:.1%}</td></tr>" for g in self.top
        )
        return f"<table><caption>{escape(self.image)}</caption>{rows}</table>"


@dataclass(frozen=True, repr=False)
class Classifier:
    """What predicts: a module with its weights, the preprocessing it expects, the names of its outputs.

    Attributes:
        name: What it is called.
        module: Takes ``(N, *preprocess.shape)`` and gives logits ``(N, classes)``; in evaluation mode.
        class_names: The classes, in the order of the outputs.
    """

    name: str
    module: nn.Module
    preprocess: Preprocess
    class_names: tuple[str, ...]

    def predict(
        self,
        images: Iterable[str | Path | Image.Image],
        top: int = 5,
        *,
        device: str = "auto",
        views: str = "center",
    ) -> list[Prediction]:
        """Return the classes of image files, or of open images; see `predict`."""
        return predict(self, images, top, device=device, views=views)

    def __repr__(self) -> str:
        channels, height, width = self.preprocess.shape
        return f"Classifier({self.name!r}: {channels}×{height}×{width}, {len(self.class_names)} classes)"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>"


def predict(
    classifier: Classifier,
    images: Iterable[str | Path | Image.Image],
    top: int = 5,
    *,
    device: str = "auto",
    views: str = "center",
) -> list[Prediction]:
    """Return the classes of ``images``, in order.

    Args:
        classifier: What to ask.
        images: Files, or images already open.
        top: How many classes to give for each image; fewer if fewer are known.
        device: Where to compute; the module is moved there.
        views: What of each image is seen: ``center``, or several views whose answers are averaged, ``flip``,
            ``five-crop``, ``ten-crop``, ``scales``.

    Raises:
        ConfigError: if there are no such views.
        DataError: naming the images that cannot be read, up to ten.
    """
    check_top(top)
    names = classifier.class_names
    return [
        Prediction(name, guesses(row, names, top)) for name, row in answers(classifier, images, device, views)
    ]


def check_top(top: int) -> None:
    """Raise `DataError` unless ``top`` is a number of classes."""
    if isinstance(top, bool) or not isinstance(top, int) or top < 1:
        raise DataError(bad_argument("top", top, "a whole number of at least 1"))


def answers(
    classifier: Classifier, images: Iterable[str | Path | Image.Image], device: str, views: str
) -> Iterator[tuple[str, Tensor]]:
    """Yield the name of each image and its probabilities, float64 ``(classes,)``; see `predict`."""
    where = resolve_device(device)
    check_views(views)
    module = classifier.module.to(where)
    preprocess = with_room(classifier.preprocess, views)
    problems: list[str] = []
    for part in parts(images):
        arrays = []
        for image in part:
            try:
                arrays.append(preprocess.loaded(_opened(image)))
            except DataError as error:
                problems.append(str(error).rstrip("."))
        if problems:  # go on only to name all that cannot be read
            continue
        logits = forward_in_batches(module, torch.from_numpy(np.stack(arrays)), preprocess, where, views)
        yield from zip(map(_called, part), logits.double().softmax(1), strict=True)
    if problems:
        count = f"{len(problems)} images cannot be read: " if len(problems) > 1 else ""
        more = f"; and {len(problems) - _NAMED} more" if len(problems) > _NAMED else ""
        raise DataError(f"{count}{'; '.join(problems[:_NAMED])}{more}.")


def parts(images: Iterable[str | Path | Image.Image]) -> Iterator[Sequence[str | Path | Image.Image]]:
    """Yield ``images``, or the one image, as many at a time as are asked about together."""
    if not isinstance(images, Iterable) or isinstance(images, str | Path | Image.Image):
        images = [images]  # one image, or what `_opened` will explain
    iterator = iter(images)
    while part := list(islice(iterator, _BATCH)):
        yield part


def _opened(image: str | Path | Image.Image) -> Image.Image:
    if isinstance(image, str | Path):
        if Path(image).is_dir():
            name = printable(str(image))
            raise DataError(f"{name}: is a folder; name the files in it, such as {name}/*.jpg.")
        return open_image(Path(image))
    if not isinstance(image, Image.Image):
        raise DataError(f"images: a {type(image).__name__} is neither the name of a file nor a PIL image.")
    try:
        return ImageOps.exif_transpose(image)  # as open_image turns a file
    except OSError as error:  # opened, and found to be cut short only now
        raise DataError(f"{_called(image)}: {error.strerror or error}.") from None


def _called(image: str | Path | Image.Image) -> str:
    return getattr(image, "filename", "") or "image" if isinstance(image, Image.Image) else str(image)


def guesses(probabilities: Tensor, names: Sequence[str], top: int) -> tuple[Guess, ...]:
    """Return the ``top`` classes of ``probabilities`` ``(classes,)``, the most probable first."""
    values, indices = probabilities.topk(min(top, len(names)))
    pairs = zip(values.tolist(), indices.tolist(), strict=True)
    return tuple(Guess(names[i], i, value) for value, i in pairs)
