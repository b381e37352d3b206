"""Some images of the training split, brought to the network's size; and how long that takes."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np

from striate.data import ArraySource, Source, batch_indices
from striate.data.pixels import ByteArray, check_channels
from striate.data.source import IntArray, Targets
from striate.errors import DataError

__all__ = ["Sample", "blank", "draw"]

_WHOLE = (
    2**25
)  # bytes of pixels; of sets up to it all images are taken, and the first batch is that of training
_MOST = 2**28  # bytes of pixels
_FEW = 64  # images
_SECONDS = 3.0  # of decoding, after which those taken will do

Shape = tuple[int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Images that stand for a data set.

    Attributes:
        source: They are both its train and its val.
        whole: Whether they are all images of train.
        seconds: What one of them takes one core to decode; None where they are stored as they are needed.
    """

    source: ArraySource
    whole: bool
    seconds: float | None


def draw(source: Source, shape: Shape, batch_size: int, seed: int) -> Sample:
    """Take images of ``train`` in the order in which training would.

    Raises:
        DataError: if there is no such split, or none of the images can be read.
    """
    check_channels(shape[0])
    source.check_split("train")
    targets = source.targets["train"]
    if not len(targets):
        raise DataError(f"{source.name}: the split 'train' holds no images. Add images.")
    each = math.prod(shape)
    wanted = len(targets)
    if wanted * each > _WHOLE:
        wanted = min(wanted, max(batch_size, _FEW), max(2, _MOST // each))
    order = batch_indices(len(targets), wanted, seed, 0)
    if source.shape == shape:
        images, kept, seconds = _stored(source, order, shape), order, None
    else:
        images, kept, seconds = _decoded(source, order, shape)
    whole = len(kept) == len(targets)
    if whole:  # in the order in which training numbers them
        images, kept = images[np.argsort(kept)], np.sort(kept)
    return Sample(_twice(source.name, source.class_names, images, targets[kept]), whole, seconds)


def _stored(source: Source, order: IntArray, shape: Shape) -> ByteArray:
    """Return images that are stored as they are needed; the others are not loaded."""
    images = source.array("train") if "train" in source.in_place else None
    if images is not None:
        return images[order]
    return np.stack([source.record("train", index).pixels(shape) for index in order.tolist()])


def _decoded(source: Source, order: IntArray, shape: Shape) -> tuple[ByteArray, IntArray, float]:
    """Return the images that can be read, their indices, and the seconds for one."""
    images, kept = [], []
    start = time.perf_counter()
    for index in order.tolist():
        try:
            images.append(source.record("train", index).pixels(shape))
            kept.append(index)
        except DataError as error:
            reason = error
        if time.perf_counter() - start > _SECONDS and len(images) > 1:
            break
    if not images:
        raise DataError(f"{source.name}: none of {len(order)} images in 'train' can be read: {reason}")
    return np.stack(images), np.array(kept), (time.perf_counter() - start) / len(images)


def blank(name: str, class_names: tuple[str, ...], shape: Shape | None) -> ArraySource:
    """Return one black image, to hear what training says of the network alone."""
    count = min(len(class_names), 1)
    images = np.zeros((count, *(shape or (1, 1, 1))), np.uint8)
    return _twice(name, class_names, images, np.zeros(count, np.int64))


def _twice(name: str, class_names: tuple[str, ...], images: ByteArray, targets: Targets) -> ArraySource:
    splits = ("train", "val")
    return ArraySource(name, dict.fromkeys(splits, images), dict.fromkeys(splits, targets), class_names)
