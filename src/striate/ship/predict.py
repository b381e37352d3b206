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
from striate.errors import ConfigError, DataError, bad_argument, printable
from striate.train import forward_in_batches, resolve_device

__all__ = ["Asked", "Classifier", "Guess", "Prediction", "answers", "parts", "predict"]

_BATCH = 64
_NAMED = 10


@dataclass(frozen=True)
class Guess:
    """One class that an image may be.

    Attributes:
        class_name: Its name.
        index: Its number, the network's output.
        probability: The softmax of the network's outputs; where an image may have several labels, their sigmoid.
    """

    class_name: str
    index: int
    probability: float


@dataclass(frozen=True, repr=False)
class Prediction:
    """What one image may be, the most probable class first.

    Attributes:
        labels: Where an image may have several, those that it has, the most probable first; else None.
    """

    image: str
    top: tuple[Guess, ...]
    labels: tuple[str, ...] | None = None

    def to_data(self) -> dict[str, Any]:
        """Return the prediction as it stands in the JSON of ``striate predict``."""
        top = [{"class": g.class_name, "index": g.index, "probability": g.probability} for g in self.top]
        labels = {} if self.labels is None else {"labels": list(self.labels)}
        return {"image": self.image, **labels, "top": top}

    def __str__(self) -> str:
        # Not by commas, which ImageNet's names have themselves: "pizza, pizza pie".
        guesses = "; ".join(f"{g.class_name} {g.probability:.1%}" for g in self.top)
        if self.labels is not None:
            guesses = f"{'; '.join(self.labels) or 'no label'} ({guesses})"
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
        several_labels: Whether an image may have several of them.
    """

    name: str
    module: nn.Module
    preprocess: Preprocess
    class_names: tuple[str, ...]
    several_labels: bool = False

    def predict(
        self,
        images: Iterable[str | Path | Image.Image],
        top: int = 5,
        *,
        device: str = "auto",
        views: str = "center",
        threshold: float | None = None,
    ) -> list[Prediction]:
        """Return the classes of image files, or of open images; see `predict`."""
        return predict(self, images, top, device=device, views=views, threshold=threshold)

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
    threshold: float | None = None,
) -> list[Prediction]:
    """Return the classes of ``images``, in order.

    Args:
        classifier: What to ask.
        images: Files, or images already open.
        top: How many classes to give for each image; fewer if fewer are known.
        device: Where to compute; the module is moved there.
        views: What of each image is seen: ``center``, or several views whose answers are averaged, ``flip``,
            ``five-crop``, ``ten-crop``, ``scales``.
        threshold: Where an image may have several labels, it has those of a probability above this; None means 0.5.

    Raises:
        ConfigError: if there are no such views, or if ``threshold`` is no probability or not needed.
        DataError: naming the images that cannot be read, up to ten.
    """
    asked = Asked(classifier.class_names, top, threshold, several_labels=classifier.several_labels)
    return [asked.prediction(name, row) for name, row in answers(classifier, images, device, views)]


class Asked:
    """What is wanted of probabilities.

    Args:
        class_names: What they are of.
        top: How many classes.
        threshold: As in `predict`.
        several_labels: Whether an image may have several labels.

    Raises:
        ConfigError, DataError: as `predict`.
    """

    def __init__(
        self, class_names: Sequence[str], top: int, threshold: float | None, *, several_labels: bool
    ) -> None:
        if isinstance(top, bool) or not isinstance(top, int) or top < 1:
            raise DataError(bad_argument("top", top, "a whole number of at least 1"))
        if threshold is not None and not several_labels:
            raise ConfigError(bad_argument("threshold", threshold, "left out, as an image has one label"))
        if threshold is not None and not 0 <= threshold <= 1:
            raise ConfigError(bad_argument("threshold", threshold, "a probability, 0 to 1"))
        self._names = class_names
        self._top = top
        self._threshold = None if not several_labels else 0.5 if threshold is None else threshold

    def prediction(self, image: str, probabilities: Tensor) -> Prediction:
        """Return what ``probabilities`` ``(classes,)`` say of an image."""
        falling = probabilities.argsort(descending=True, stable=True).tolist()
        top = tuple(Guess(self._names[i], i, probabilities[i].item()) for i in falling[: self._top])
        if self._threshold is None:
            return Prediction(image, top)
        labels = tuple(self._names[i] for i in falling if probabilities[i] > self._threshold)
        return Prediction(image, top, labels)


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
        several = classifier.several_labels
        loaded = torch.from_numpy(np.stack(arrays))
        logits = forward_in_batches(module, loaded, preprocess, where, views, several_labels=several).double()
        yield from zip(map(_called, part), logits.sigmoid() if several else logits.softmax(1), strict=True)
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
