"""`fit_preprocess`: the preprocessing that fits a training split, found in one pass over it for each fitted step.

N images, C channels, H W height width. No more than a few pieces of the split are in memory at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Literal, Protocol

import torch
from torch import Tensor

from striate.data.moments import Moments
from striate.data.preprocess.components import check_components, fit_components
from striate.data.preprocess.contrast import GlobalContrast, LocalContrast
from striate.data.preprocess.names import parsed_steps
from striate.data.preprocess.preprocess import Preprocess
from striate.data.preprocess.steps import Quantize, Standardize, StandardizePixels, Step
from striate.data.preprocess.views import center
from striate.data.preprocess.whitening import Whiten
from striate.data.resize import STRETCH, Resize
from striate.errors import DataError

__all__ = ["check_fit", "fit_preprocess"]

_AT_ONCE = 2**22  # values of images that are looked at together: 32 MB
_LEAST_STD = 1 / 255  # so that what is constant is not blown up
_EPS = 1e-2  # of whitening

Shape = tuple[int, int, int]


class Split(Protocol):
    """What is asked of a training split; `striate.data.batches.AnyDataset` has it."""

    @property
    def shape(self) -> Shape:
        """``(C, H', W')`` of every image."""

    @property
    def moments(self) -> Moments:
        """What the pixels of all images add up to."""

    def __len__(self) -> int: ...

    def pieces(self, size: int) -> Generator[Tensor, None, None]:
        """Yield all images as they lie, uint8 ``(n, C, H', W')``, ``size`` at a time."""


def fit_preprocess(
    split: Split,
    steps: str = "standardize",
    *,
    shape: Shape | None = None,
    resize: Resize = STRETCH,
    channel_order: Literal["rgb", "bgr"] = "rgb",
) -> Preprocess:
    """Return the preprocessing that fits ``split``, which is to be the training split.

    Args:
        split: Its images may be larger than ``shape``; then their middle counts. Mean and deviation per channel are
            those of the whole images.
        steps: One, or several joined by +: ``standardize`` (mean 0 and deviation 1 per channel), ``unit`` (0..1),
            ``symmetric`` (-1..1), ``per-pixel`` (mean 0 and deviation 1 per pixel), ``gcn`` (`GlobalContrast`), ``lcn``
            (`LocalContrast`), ``pca`` and ``zca`` (`Whiten`; ``zca:256`` keeps so many components),
            ``quantize:4`` (`Quantize` to so many bits).
        shape: ``(C, H, W)`` that the network takes; None means that of the images.
        resize: How images got their size, and others shall.
        channel_order: ``rgb`` or ``bgr``; which the steps, and then the network, get.

    Raises:
        DataError: if there is no such step, or components are wanted that cannot be found.
    """
    shape = shape or split.shape
    check_fit(steps, shape, len(split))
    stored = split.shape[1:] if split.shape != shape else None
    fitted = Preprocess(shape, stored=stored, resize=resize, channel_order=channel_order)
    for name, number in parsed_steps(steps):
        fitted = replace(fitted, steps=(*fitted.steps, *_FITS[name](split, fitted, number)))
    return fitted


def check_fit(steps: str, shape: Shape, count: int) -> None:
    """Raise `DataError`, as `fit_preprocess` would, unless ``steps`` can be fitted to ``count`` images of ``shape``."""
    try:
        parsed = parsed_steps(steps)
    except ValueError as error:
        raise DataError(f"steps={steps!r}: {error}.") from None
    for name, number in parsed:
        if name in ("pca", "zca"):
            check_components(count, math.prod(shape), number)


def _standardize(split: Split, before: Preprocess, number: int | None) -> tuple[Step, ...]:
    if before.steps:
        mean, std = _mean_and_std(split, before, (0, 2, 3))
        return (Standardize(tuple(mean.flatten().tolist()), tuple(std.flatten().tolist())),)
    moments = split.moments  # exact, and of what is streamed known already
    order = slice(None, None, -1 if before.channel_order == "bgr" else 1)
    return (Standardize(moments.mean[order], moments.std[order]),)


def _per_pixel(split: Split, before: Preprocess, number: int | None) -> tuple[Step, ...]:
    mean, std = _mean_and_std(split, before, (0,))
    return (StandardizePixels(mean[0], std[0]),)


def _whiten(zca: bool, split: Split, before: Preprocess, number: int | None) -> tuple[Step, ...]:
    def rows(size: int) -> Iterator[Tensor]:
        with closing(split.pieces(size)) as pieces:
            for images in pieces:
                yield _passed(before, images).flatten(1)

    found = fit_components(rows, len(split), math.prod(before.shape), number)
    return (Whiten(zca, _EPS, found.mean, found.components, found.variances),)


_FITS: dict[str, Callable[[Split, Preprocess, int | None], tuple[Step, ...]]] = {
    "standardize": _standardize,
    "unit": lambda split, before, number: (),
    "symmetric": lambda split, before, number: (Standardize.to_range(-1, 1, before.shape[0]),),
    "per-pixel": _per_pixel,
    "gcn": lambda split, before, number: (GlobalContrast(),),
    "lcn": lambda split, before, number: (LocalContrast(),),
    "pca": partial(_whiten, False),
    "zca": partial(_whiten, True),
    "quantize": lambda split, before, number: (Quantize(number or 8),),
}


def _mean_and_std(split: Split, before: Preprocess, over: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Return mean and deviation of what ``before`` gives, over these axes, which are kept (Chan et al. 1983)."""
    count = 0
    mean = squares = torch.zeros((), dtype=torch.float64)
    with closing(split.pieces(max(1, _AT_ONCE // math.prod(split.shape)))) as pieces:
        for piece in pieces:
            images = _passed(before, piece)
            own = images.mean(over, keepdim=True)
            more = images.numel() // own.numel()
            total, apart = count + more, own - mean
            rest = (images - own).square().sum(over, keepdim=True)
            squares = squares + rest + apart.square() * (count * more / total)
            mean = mean + apart * (more / total)
            count = total
    return mean, (squares / count).sqrt().clamp(min=_LEAST_STD)


def _passed(before: Preprocess, images: Tensor) -> Tensor:
    """Return what ``before`` makes of uint8 images, in float64."""
    return before.finish(center(images, before.shape[1:]).double())
