"""What pixels tell: images of one value, clipped, negative or of the wrong channels, and splits unlike each other.

Nothing is compared with a fixed ideal where data may differ honestly: an image is odd if most others are not like it.
"""

from __future__ import annotations

import numpy as np

from striate.data.check.report import Finding
from striate.data.check.seeing import BoolArray, Seen, patterns
from striate.data.check.words import Yield, about, images, percent

__all__ = ["channels", "clipped", "constant", "negative", "shifted", "value_range"]

_MANY = 0.05
_RARE = 0.2


def constant(seen: Seen) -> Yield:
    """Images that show nothing: one value all over."""
    rows = np.flatnonzero(seen.constant)
    if len(rows):
        words = [f"value {seen.mean[row].mean():.0f}" for row in rows]
        yield about(
            seen,
            "error" if len(rows) > _MANY * len(seen) else "warning",
            "constant",
            f"{images(rows)} of one value",
            "Nothing is to be seen on them, and yet they have a class. A failed scan or a placeholder; remove them.",
            rows.tolist(),
            words,
        )


_CLIPPED = 0.5
_USUALLY_CLIPPED = 0.25


def clipped(seen: Seen) -> Yield:
    """Images mostly black or white, in data where that is rare; drawings and digits on black are left alone."""
    usable = seen.read & ~seen.constant
    if not usable.any():
        return
    for side, (kind, word) in enumerate((("underexposed", "0"), ("overexposed", "255"))):
        share = seen.clipped[:, side]
        if np.quantile(share[usable], 0.9) > _USUALLY_CLIPPED:
            continue
        rows = np.flatnonzero(usable & (share > _CLIPPED))
        rows = rows[np.argsort(-share[rows])]
        if len(rows):
            words = [percent(share[row]) for row in rows]
            yield about(
                seen,
                "warning",
                kind,
                f"{images(rows)} with most values at {word}",
                f"More than {_CLIPPED:.0%} of the values of each channel are {word}, of which others have "
                "few: detail is lost. "
                "Look at them; a wrong scale or exposure is likely.",
                rows.tolist(),
                words,
            )


def channels(seen: Seen) -> Yield:
    """Grey images among color, color among grey, and splits whose red and blue are swapped."""
    grey = seen.read & seen.colorless & ~seen.constant
    color = seen.read & ~seen.colorless
    total = int(grey.sum() + color.sum())
    if not total:
        return
    if 0 < grey.sum() < total:
        few, kind, what = (grey, "grey-among-color", "grey") if grey.sum() <= color.sum() else (
            color, "color-among-grey", "colored"
        )  # fmt: skip
        rows = np.flatnonzero(few)
        share = len(rows) / total
        others = "colored" if what == "grey" else "grey"
        yield about(
            seen,
            "warning" if share <= _RARE else "note",
            kind,
            f"{images(rows)} {what} among {others} ones",
            f"{percent(share)} of the images. A network may take the lack of color for a sign of the class. Remove "
            "them, or make all images grey.",
            rows.tolist(),
        )
    if color.sum() > total / 2:
        yield from _swapped(seen, color)


_ENOUGH = 30  # images of a split, for its mean to say something


def _swapped(seen: Seen, color: BoolArray) -> Yield:
    base = _train_split(seen)
    reference = seen.mean[color & (seen.split == base)]
    if len(reference) < _ENOUGH:
        return
    center, spread = reference.mean(0), reference.std(0).mean()
    for number, split in enumerate(seen.splits):
        means = seen.mean[color & (seen.split == number)]
        if number == base or len(means) < _ENOUGH:
            continue
        straight = np.linalg.norm(means.mean(0) - center)
        turned = np.linalg.norm(means.mean(0)[::-1] - center)
        if straight > 0.5 * spread and turned < 0.4 * straight:
            yield Finding(
                verdict="error",
                kind="channels-swapped",
                title=f"red and blue seem swapped in {split!r}",
                text=f"Its channel means are those of {seen.splits[base]!r} the other way around. OpenCV "
                "writes BGR for "
                "RGB; convert one of them.",
            )


_NEGATIVE = -0.6
_TYPICAL = 0.3


def negative(seen: Seen) -> Yield:
    """Images that look like the negative of the others, in data where images are much alike."""
    usable = np.flatnonzero(seen.read & ~seen.constant)
    if len(usable) < _ENOUGH:
        return
    shown = patterns(seen.grey[usable])
    middle = np.median(shown, axis=0)
    likeness = shown @ (middle / (np.linalg.norm(middle) + 1e-9))
    if np.median(likeness) < _TYPICAL:
        return
    rows = usable[likeness < _NEGATIVE]
    if len(rows):
        yield about(
            seen,
            "warning",
            "negative",
            f"{images(rows)} like the negative of the others",
            "Dark is bright and bright is dark. Invert them.",
            rows.tolist(),
        )


_DIM = 32


def value_range(seen: Seen) -> Yield:
    """Splits that use only the lowest values: scaled twice, or counted from 0 to 15."""
    for number, split in enumerate(seen.splits):
        rows = seen.read & (seen.split == number)
        if not rows.any():
            continue
        highest = int(seen.limits[rows, 1].max())
        if highest < _DIM:
            yield Finding(
                verdict="error",
                kind="value-range",
                title=f"no value above {highest} in {split!r}",
                text="Values run from 0 to 255. These were scaled before they were made whole numbers, or "
                "count fewer "
                "levels: multiply them, before rounding.",
            )


_SHIFT = 0.5


def shifted(seen: Seen) -> Yield:
    """Splits brighter, darker or of other contrast than train."""
    base = _train_split(seen)
    reference = seen.read & (seen.split == base)
    if reference.sum() < _ENOUGH:
        return
    measures = {"brightness": seen.mean.mean(1), "contrast": seen.std}
    for number, split in enumerate(seen.splits):
        rows = seen.read & (seen.split == number)
        if number == base or rows.sum() < _ENOUGH:
            continue
        for what, values in measures.items():
            before, after = values[reference].mean(), values[rows].mean()
            spread = values[reference].std() + 1.0
            if abs(after - before) > (_SHIFT + 2 / np.sqrt(rows.sum())) * spread:
                yield Finding(
                    verdict="warning",
                    kind="split-shift",
                    title=f"{split!r} differs from {seen.splits[base]!r} in {what}",
                    text=f"On average {after:.0f} in place of {before:.0f}, of 255. The splits were made or "
                    "converted in "
                    "different ways, and what is measured is not what was trained. Treat all images alike.",
                )
                break


def _train_split(seen: Seen) -> int:
    return seen.splits.index("train") if "train" in seen.splits else 0
