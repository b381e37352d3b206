"""`Volume`: one box of the picture, with what is written at it and what its middle unit sees."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from striate.analyze.axes import Axis, TransposedAxis
from striate.analyze.plot.runs import Run, runs
from striate.analyze.plot.steps import Route, Shape, Step, only_flattens, route
from striate.analyze.table import shape_text

if TYPE_CHECKING:
    from striate.analyze.analysis import Analysis, Row

__all__ = ["Volume", "volumes"]


@dataclass(frozen=True, slots=True)
class Volume:
    """One box of the picture: what a layer, or a run of them, gives.

    Attributes:
        name: The path of the layer or of what holds the layers; of several, the first and the last.
        shape: The shape as the table has it.
        size: How long the maps are on each axis; empty for a vector.
        channels: How many maps there are, or values at each step of a sequence.
        contents: What is in it, a phrase each: ``("36 blocks", "108 conv", "1 conv on shortcuts")``.
        field: On each axis of the input, the positions that the middle unit sees, padding included.
        color: Its number, from 0 for the input.
    """

    name: str
    shape: Shape
    size: Shape
    channels: int
    contents: tuple[str, ...]
    field: tuple[range, ...]
    color: int

    @property
    def label(self) -> str:
        """Name and contents as one text: ``stage3: 36 blocks, 108 conv``."""
        return ": ".join(filter(None, (self.name, ", ".join(self.contents))))


def volumes(analysis: Analysis) -> tuple[Volume, ...]:
    """Return what a picture of the network shows, the input first: at most `MOST` volumes.

    Examples:
        >>> import striate as st
        >>> for volume in volumes(st.analyze(st.zoo.resnet152()))[3:6]:
        ...     print(volume.label)
        stage1: 3 blocks, 9 conv, 1 conv on shortcuts
        stage2: 8 blocks, 24 conv, 1 conv on shortcuts
        stage3: 36 blocks, 108 conv, 1 conv on shortcuts
    """
    through = route(analysis)
    found = runs(through.steps, through.size)
    return (_given(analysis, through), *(_volume(run, color) for color, run in enumerate(found, 1)))


def _given(analysis: Analysis, through: Route) -> Volume:
    kinds = dict.fromkeys(_noun(row.kind) for row in through.ahead)
    return Volume(
        name="input",
        shape=analysis.input,
        size=through.size,
        channels=through.channels,
        contents=(*kinds, *(f"head {head}" for head in through.heads)),
        field=tuple(range(n // 2, n // 2 + 1) for n in through.size),
        color=0,
    )


def _volume(run: Run, color: int) -> Volume:
    steps = [step for group in run for step in group.steps]
    end = steps[-1]
    last = end.rows[-1]
    return Volume(
        name=_name([group.path for group in run]),
        shape=last.output_shape,
        size=end.size,
        channels=end.channels,
        contents=tuple(_contents(run, steps)),
        field=_field(last, end.size),
        color=color,
    )


def _name(paths: Sequence[str]) -> str:
    first, last = paths[0], paths[-1]
    if first == last:
        return first
    stem, last_stem = (re.sub(r"\d+[a-z]?$", "", path) for path in (first, last))
    return f"{first}–{last.removeprefix(stem) if stem == last_stem else last}"


def _field(row: Row, size: Shape) -> tuple[range, ...]:
    units = size if len(size) == len(row.receptive_field) else (1,) * len(row.receptive_field)
    starts = [f.offset + n // 2 * f.stride for f, n in zip(row.receptive_field, units, strict=True)]
    return tuple(
        range(math.ceil(start), math.floor(start + f.size - 1) + 1)
        for start, f in zip(starts, row.receptive_field, strict=True)
    )


def _contents(run: Run, steps: Sequence[Step]) -> Iterator[str]:
    blocks = sum(step.sort == "block" for step in steps)
    if len(run) > 1:  # a container of plain layers is a block among others, but by itself just its layers
        blocks += sum(group.contained and all(s.sort != "block" for s in group.steps) for group in run)
    if blocks:
        yield f"{blocks} block{'s' * (blocks > 1)}"
        rows = [row for step in steps for row in step.rows if row.neurons]
        aside = [row for row in rows if "shortcut" in row.path.split(".")]
        on_the_way = Counter(_noun(row.kind) for row in rows) - Counter(_noun(row.kind) for row in aside)
        yield from (f"{count} {noun}" for noun, count in on_the_way.items())
        yield from (f"{n} {noun} on shortcuts" for noun, n in Counter(_noun(r.kind) for r in aside).items())
        yield from (_window(step.told) for step in steps if step.sort == "pool")
    else:
        yield from _plain_contents(steps)
    yield from (f"head {head}" for step in steps for head in step.heads)


def _plain_contents(steps: Sequence[Step]) -> Iterator[str]:
    told = Counter(_window(step.told) for step in steps)
    if len(told) > 3:
        told = Counter(_noun(step.told.kind) for step in steps)
    others = [row for step in steps for row in step.rows if row is not step.told]
    lead = dict.fromkeys(_noun(row.kind) for row in others if only_flattens(row))
    yield from lead
    yield from (f"{count} {what}" if count > 1 else what for what, count in told.items())
    yield from (noun for noun in dict.fromkeys(_noun(row.kind) for row in others) if noun not in lead)


def _noun(kind: str) -> str:
    """Return the kind in plain words where it is made of words: ``MaxPool`` as ``max pool``, ``ReLU`` as it is."""
    words = re.findall("[A-Z][a-z]+", kind)
    return " ".join(words).lower() if "".join(words) == kind else kind


def _window(row: Row) -> str:
    """Return a layer with its window and stride: ``conv 7×7 /2``, for a signal ``conv k=64 /16``."""
    axes = [axis for axis in row.arithmetic.axes if isinstance(axis, Axis | TransposedAxis)]
    if not axes:
        return _noun(row.kind)
    kernel = tuple(axis.kernel for axis in axes)
    strides = tuple(axis.stride for axis in axes)
    by = "" if set(strides) == {1} else f" /{strides[0] if len(set(strides)) == 1 else shape_text(strides)}"
    return f"{_noun(row.kind)} {f'k={kernel[0]}' if len(kernel) == 1 else shape_text(kernel)}{by}"
