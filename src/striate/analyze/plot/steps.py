"""Steps: a layer or a block on the way from input to output, with what belongs to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Literal

from striate.spec import KINDS

if TYPE_CHECKING:
    from striate.analyze.analysis import Analysis, Row

__all__ = ["Route", "Shape", "Sort", "Step", "only_flattens", "route"]

Shape = tuple[int, ...]
Sort = Literal["layer", "pool", "block"]


@dataclass(slots=True)
class Step:
    """A layer or a block with all its rows.

    Attributes:
        told: The row that it is called after.
        rows: All rows that belong to it, in the order they run.
        size: How long the maps are that it gives, on each axis.
        channels: How many they are.
        heads: Paths of the auxiliary heads that branch off behind it.
    """

    told: Row
    sort: Sort
    rows: list[Row]
    size: Shape
    channels: int
    heads: list[str] = field(default_factory=list)

    @property
    def path(self) -> str:
        """The path of the layer, for a block that of its sum or join."""
        return self.told.path


@dataclass(slots=True)
class Route:
    """The route from input to output: how the input is laid out, what belongs to it, and the steps behind it."""

    size: Shape
    channels: int
    ahead: list[Row] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)


def route(analysis: Analysis) -> Route:
    """Return the route through a network, a step per layer or block."""
    blocks = {row.path for row in analysis.layers if row.kind in ("Residual", "Concat")}
    steps_first = _begins_with_steps(analysis.layers)
    tokens = bool(analysis.layers) and analysis.layers[0].arithmetic.tokens
    done = Route(analysis.input, 1) if tokens else Route(*_laid_out(analysis.input, steps_first))
    steps = done.steps
    waiting: list[Row] = []  # what belongs to the next step
    for path, grouped in groupby(analysis.layers, lambda row: _outermost(row.path, blocks, analysis.heads)):
        rows = list(grouped)
        if path in analysis.heads:
            (steps[-1] if steps else done).heads.append(path)
            continue
        steps_first = _steps_first(rows, steps_first)
        told = rows[-1]
        if path not in blocks and _follows(told):
            (waiting or (steps[-1].rows if steps else done.ahead)).extend(rows)
        elif only_flattens(told) and told is not analysis.layers[-1]:
            waiting += rows
        else:
            sort = "block" if path in blocks else _sort(told)
            steps.append(Step(told, sort, waiting + rows, *_laid_out(told.output_shape, steps_first)))
            waiting = []
    if waiting:  # it ends with a Flatten and an activation
        layout = _laid_out(waiting[-1].output_shape, steps_first)
        steps.append(Step(waiting[0], "layer", waiting, *layout))
    return done


def _outermost(path: str, blocks: set[str], heads: tuple[str, ...]) -> str:
    """Return the path of the outermost block or head around ``path``, or the path itself."""
    parts = path.split(".")
    prefixes = (".".join(parts[:n]) for n in range(1, len(parts)))
    return next((prefix for prefix in prefixes if prefix in blocks or prefix in heads), path)


def _follows(row: Row) -> bool:
    family = KINDS[row.kind].__module__.rpartition(".")[2]
    kept = row.output_shape == row.input_shape and not row.neurons
    return kept and (row.kind == "Identity" or family in ("activation", "normalization", "regularization"))


def only_flattens(row: Row) -> bool:
    """Tell whether a layer makes a vector of maps and nothing else."""
    return row.kind in ("Flatten", "Reshape") and len(row.output_shape) == 1


def _sort(row: Row) -> Sort:
    a = row.arithmetic
    return "pool" if (a.axes or a.seen) and not row.neurons and row.kind != "Reshape" else "layer"


# Sequences (T, C) have their channels last, signals (C, L) first; only the layers tell which a shape is.
_STEPWISE = ("OneHot", "Embedding", "RNN", "LSTM", "GRU", "LastStep", "LinearChainCRF")


def _steps_first(rows: Iterable[Row], before: bool) -> bool:
    for row in rows:
        if row.kind == "Transpose":
            before = not before
        elif len(row.output_shape) != 2 or row.arithmetic.axes:
            before = False
        elif row.kind in _STEPWISE or row.kind == "Linear":
            before = True
    return before


def _begins_with_steps(rows: Sequence[Row]) -> bool:
    turned = False
    for row in rows:
        if len(row.input_shape) != 2 or row.arithmetic.axes:
            return turned and len(row.input_shape) == 2
        if row.kind in _STEPWISE or row.kind == "Linear":
            return not turned
        turned ^= row.kind == "Transpose"
    return False


def _laid_out(shape: Shape, steps_first: bool) -> tuple[Shape, int]:
    """Return the size of the maps and how many there are."""
    return (shape[:1], shape[1]) if steps_first and len(shape) == 2 else (shape[1:], shape[0])
