"""Images against the network's input: colors that are lost, sizes that are enlarged, shrunk or stretched.

w h width and height of images, as they are in files.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from striate.analyze import shape_text
from striate.data.augment import recipe
from striate.data.augment.effects import RandomCrop
from striate.data.check.words import percent
from striate.train.check.subject import Findings, Subject, finding

__all__ = ["channels", "crop_without_room", "enlarged", "shrunk", "stretched"]

_SOME = 0.1  # of the images, from which on it is worth telling
_LARGER = 1.5  # times the pixels
_MUCH_LARGER = 4  # times the side
_MUCH_SMALLER = 8  # times the side
_A_THIRD = 1.34  # of proportions, with what rounding adds
_TWICE = 2


def channels(subject: Subject) -> Findings:
    """Colors that are lost, or grey three times."""
    statistics = subject.data.statistics
    if subject.shape is None or not statistics.channels:
        return
    _, height, width = subject.shape
    colored = len(statistics.channels) == 3
    if subject.shape[0] == 1 and colored:
        yield finding(
            "warning",
            "color-lost",
            "the images are colored, and the network sees them in grey",
            f"Where color tells the classes apart, give the network an input of (3, {height}, {width}).",
        )
    elif subject.shape[0] == 3 and not colored:
        yield finding(
            "note",
            "grey-as-color",
            "the images are grey, and the network sees each three times",
            f"The same is learned with a third of the first layer's weights and memory from an input of "
            f"(1, {height}, {width}). Weights from elsewhere need the three.",
        )


def enlarged(subject: Subject) -> Findings:
    """Images that are smaller than the input."""
    if subject.shape is None:
        return
    height, width = subject.shape[1:]
    share = _share(subject, lambda w, h: height * width > _LARGER * h * w)
    if share > _SOME:
        w, h = subject.data.statistics.sizes[0][0]
        pixels = height * width / (h * w)
        yield finding(
            "warning" if math.sqrt(pixels) > _MUCH_LARGER else "note",
            "enlarged",
            f"{_images(subject, share)} are enlarged, {_usual(subject)}",
            f"The pixels between are made up: they cost {pixels:.0f} times the arithmetic and tell nothing new. A "
            f"network for inputs of about {h}×{w} would do.",
        )


def shrunk(subject: Subject) -> Findings:
    """Images that are far larger than the input."""
    if subject.shape is None:
        return
    height, width = subject.shape[1:]
    share = _share(subject, lambda w, h: h * w > _MUCH_SMALLER**2 * height * width)
    if share > _SOME:
        yield finding(
            "note",
            "shrunk",
            f"{_images(subject, share)} are shrunk more than {_MUCH_SMALLER} times, {_usual(subject)}",
            f"What is finer than {_MUCH_SMALLER} pixels is gone. If the classes differ in detail, use a larger input "
            "or cut the images to what matters; if not, pack them once: striate data pack.",
        )


def stretched(subject: Subject) -> Findings:
    """Images of other proportions than the input."""
    if subject.shape is None or subject.config.images.resize != "stretch":
        return
    height, width = subject.shape[1:]

    def by(w: int, h: int) -> float:
        return max(w * height / (h * width), h * width / (w * height))

    share = _share(subject, lambda w, h: by(w, h) > _A_THIRD)
    if share > _SOME:
        w, h = subject.data.statistics.sizes[0][0]
        much = _share(subject, lambda w, h: by(w, h) > _TWICE) > _SOME
        yield finding(
            "warning" if much else "note",
            "stretched",
            f"{_images(subject, share)} change their proportions by more than a third, {_usual(subject)}",
            "Things look narrower or wider than they are. Give the network an input of the images' proportions, such "
            f"as {shape_text((height, max(1, round(height * w / h))))}, or keep them: --resize cover cuts the edges, "
            "--resize fit pads.",
        )


def crop_without_room(subject: Subject) -> Findings:
    """Whether images are to be cropped that have no more than the network's size."""
    if (
        subject.config.images.stored_size is None
        and RandomCrop(margin=0) in recipe(subject.config.images.augment).effects
    ):
        yield finding(
            "warning",
            "crop-without-room",
            "the augmentation crops images that have no more than the network's size, and so does not move them",
            "Keep them larger, by an eighth for instance: --stored-size 256 for an input of 224.",
        )


def _share(subject: Subject, of: Callable[[int, int], bool]) -> float:
    """Return the share of images of whose width and height ``of`` is true; of the most frequent sizes."""
    sizes = subject.data.statistics.sizes
    return sum(count for (w, h), count in sizes if of(w, h)) / max(_counted(subject), 1)


def _counted(subject: Subject) -> int:
    return sum(count for _, count in subject.data.statistics.sizes)


def _images(subject: Subject, share: float) -> str:
    """Return which images are meant: the statistics hold the ten most frequent sizes."""
    every = _counted(subject) == subject.data.statistics.readable
    return f"{percent(share)} of the images{'' if every else ' of the ten most frequent sizes'}"


def _usual(subject: Subject) -> str:
    assert subject.shape is not None
    (w, h), _ = subject.data.statistics.sizes[0]
    return f"most frequent size {w}×{h} to {subject.shape[2]}×{subject.shape[1]}"
