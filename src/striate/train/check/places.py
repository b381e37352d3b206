"""Where the network looks: receptive fields against the image, pixels that are never seen, windows over padding."""

from __future__ import annotations

import math

from striate.analyze import Axis, Row, shape_text
from striate.data.check.words import percent, plural
from striate.train.check.sight import seen_pixels
from striate.train.check.subject import Findings, Subject, finding

__all__ = ["last_map", "padding_weights", "receptive_field", "too_narrow", "unseen_pixels"]

_GLOBAL = ("GlobalAvgPool", "GlobalMaxPool")


def last_map(subject: Subject) -> Row | None:
    """Return the last layer with windows over an image whose output still has places, ``(C, H, W)``."""
    if subject.shape is None:
        return None
    return next((row for row in reversed(_main(subject)) if _windowed(row)), None)


def _windowed(row: Row) -> bool:
    axes = row.arithmetic.axes
    return len(row.output_shape) == 3 and len(axes) == 2 and all(isinstance(axis, Axis) for axis in axes)


def _main(subject: Subject) -> list[Row]:
    """Return the rows that are not of auxiliary heads."""
    if subject.analysis is None:
        return []
    heads = tuple(f"{path}." for path in subject.analysis.heads)
    return [row for row in subject.analysis.layers if not (heads and row.path.startswith(heads))]


def receptive_field(subject: Subject) -> Findings:
    """What a unit of the last map sees, against the size of the image."""
    row = last_map(subject)
    if row is None or subject.analysis is None:
        return
    sides = subject.analysis.input[1:]
    sees = [math.floor(field.size) for field in row.receptive_field]
    behind = _main(subject)[_main(subject).index(row) + 1 :]
    pooled = any(r.kind in _GLOBAL or r.output_shape[1:] == (1, 1) for r in behind if len(r.input_shape) == 3)
    share = min(min(f / side, 1) for f, side in zip(sees, sides, strict=True))
    told = f"a unit of the last map, {row.path}, sees {shape_text(tuple(sees))} of {shape_text(sides)} pixels"
    if pooled and share < 0.5 and max(row.output_shape[1:]) > 1:
        yield finding(
            "warning",
            "small-field",
            told,
            "The places are averaged behind it, so that nothing ever joins parts of the image that lie farther apart "
            "than that. Add layers, a stride or a MaxPool(2) early on, or dilation.",
        )
    elif not pooled and share < 0.25:
        yield finding(
            "note",
            "small-field",
            told,
            "Only the fully connected layer behind it joins the parts, for every place anew. Another convolution "
            "with a pooling would make it smaller and let it learn from fewer images.",
        )
    factor = min(f / side for f, side in zip(sees, sides, strict=True))
    if factor > 4 and max(row.output_shape[1:]) <= 2:
        yield finding(
            "note",
            "large-field",
            f"{told}: {factor:.0f} times the image",
            "The network is made for larger images: its last layers see mostly padding. Use a variant for small "
            "images, fewer strides, or a larger input.",
        )


def unseen_pixels(subject: Subject) -> Findings:
    """Pixels on which no answer can depend."""
    if subject.network is None or subject.analysis is None or len(subject.analysis.input) != 3:
        return
    seen = seen_pixels(subject.network, subject.analysis)
    unseen = seen.size - int(seen.sum())
    if not unseen:
        return
    share = unseen / seen.size
    rows, columns = (~seen.any(1)).sum(), (~seen.any(0)).sum()
    where = f"{plural(int(rows), 'whole row')} and {plural(int(columns), 'whole column')}"
    yield finding(
        "warning" if share >= 0.1 else "note",
        "unseen-pixels",
        f"{unseen:,} of {seen.size:,} pixels ({percent(share)}) never reach the answer",
        f"Strides and windows leave them out: {where}. Make kernels at least as large as their strides, or choose "
        "padding or an input size by which the windows come out even.",
    )


def padding_weights(subject: Subject) -> Findings:
    """Weights of kernels that only ever meet padding."""
    found, idle = [], 0
    for row in _main(subject):
        axes = [axis for axis in row.arithmetic.axes if isinstance(axis, Axis)]
        if not row.weights or not axes:
            continue
        live = math.prod(_live(axis) for axis in axes) / math.prod(axis.kernel for axis in axes)
        if live < 1 and not row.kind.startswith("Locally"):
            idle += round(row.weights * (1 - live))
            found.append(
                f"{row.path} ({row.kind}): {percent(1 - live)} of {row.weights:,}, maps of "
                f"{shape_text(row.input_shape[1:])}"
            )
    if found and subject.analysis is not None:
        share = idle / max(subject.analysis.totals.weights, 1)
        yield finding(
            "warning" if share >= 0.1 else "note",
            "padding-weights",
            f"{idle:,} weights ({percent(share)}) only ever meet padding",
            "The maps are smaller than the kernels there, so that these weights are multiplied by 0 and never learn. "
            "Use a larger input, fewer strides, or smaller kernels.",
            tuple(found),
        )


def _live(axis: Axis) -> int:
    """Return how many positions of the kernel meet the input in some window."""
    starts = [o * axis.stride - axis.before for o in range(axis.output)]
    return sum(
        any(0 <= start + k * axis.dilation < axis.size for start in starts) for k in range(axis.kernel)
    )


def too_narrow(subject: Subject) -> Findings:
    """Places where fewer numbers pass than there are classes."""
    found = [
        f"{row.path} ({row.kind}): {shape_text(row.output_shape)}"
        for row in _main(subject)[:-1]
        if row.neurons and math.prod(row.output_shape) < subject.classes - 1 and not _beside(row, subject)
    ]
    if found:
        yield finding(
            "warning",
            "too-narrow",
            f"fewer numbers than classes pass {plural(len(found), 'layer')}",
            f"{subject.classes} classes behind fewer than {subject.classes - 1} units cannot each have a side of "
            "their own. Give these layers more outputs.",
            tuple(found),
        )


def _beside(row: Row, subject: Subject) -> bool:
    """Tell a layer in a branch, besides which there are other ways."""
    return "." in row.path and any(
        r.kind in ("Concat", "Residual") and row.path.startswith(f"{r.path}.") for r in _main(subject)
    )
