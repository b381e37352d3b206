"""A `Propagation` as a picture: activations above, gradients below, over the layers. Loads matplotlib."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from striate.analyze import PICTURE_FORMATS
from striate.analyze.drawing.page import COLORS, FAINT, plain_style
from striate.errors import ConfigError
from striate.spec.files import write
from striate.train.check.propagation import Place, Point, Propagation

__all__ = ["plot"]

_STYLES: dict[Place, dict[str, Any]] = {
    "weights": {"linestyle": "-", "marker": "o", "markersize": 4},
    "norm": {"linestyle": ":", "marker": "s", "markersize": 4, "markerfacecolor": "white"},
    "sum": {"linestyle": "--", "marker": "^", "markersize": 6, "markerfacecolor": "white"},
}
_CALLED: dict[Place, str] = {
    "weights": "output of a layer with weights",
    "norm": "behind a norm",
    "sum": "behind an addition",
}
_NAMED = 24  # layers that are named below the picture; more are counted


def plot(propagation: Propagation, path: Path) -> None:
    """Write the picture.

    Raises:
        ConfigError: if the name ends otherwise than with ``.svg`` or ``.png``.
        DescriptionError: if it cannot be written; what stood there before is kept.
    """
    suffix = path.suffix.lower()
    if suffix not in PICTURE_FORMATS:
        raise ConfigError(f"{path}: must end with {' or '.join(PICTURE_FORMATS)}, which say how it is drawn.")
    write(path, _drawn(propagation, suffix.removeprefix(".")))


def _drawn(propagation: Propagation, form: str) -> bytes:
    written = io.BytesIO()
    with plain_style():
        figure = Figure(figsize=(9, 6.4), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True)
        figure.suptitle(f"{propagation.network} on {propagation.data}", size=11, parse_math=False)
        _panel(upper, propagation, lambda point: point.activation)
        _panel(lower, propagation, lambda point: point.gradient_power)
        upper.set_ylabel("variance of activations →")
        lower.set_ylabel("← squared length of gradients")
        _legends(figure, upper, lower, propagation)
        _name_layers(lower, propagation)
        about = {"Date": None, "Creator": None} if form == "svg" else {"Software": None}
        figure.savefig(written, format=form, metadata=about, dpi=144)
    return written.getvalue()


def _panel(axes: Any, propagation: Propagation, value: Callable[[Point], float | None]) -> None:
    for color, trace in zip(_colors(propagation), propagation.traces, strict=True):
        for place, style in _STYLES.items():
            depth, xs, ys = 0, [], []
            for point in trace.points:
                depth += point.place == "weights"
                if point.place == place:
                    xs.append(depth)
                    ys.append(_drawable(value(point)))
            axes.plot(xs, ys, color=color, linewidth=1.4 if place == "weights" else 1, **style)
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    room = max(1.0, 10 / math.sqrt(high / low))  # two decades at least, so that little change looks little
    axes.set_ylim(low / room, high * room)
    axes.grid(axis="y", color=FAINT, alpha=0.2)


def _drawable(value: float | None) -> float:
    """Return what a logarithmic axis can show; a gap otherwise."""
    return value if value and math.isfinite(value) else math.nan


def _legends(figure: Any, upper: Any, lower: Any, propagation: Propagation) -> None:
    """Say beside each panel what became of each initialization, and on top what the marks are."""
    colors, traces = _colors(propagation), propagation.traces
    for axes, passages in (
        (upper, [trace.activations for trace in traces]),
        (lower, [trace.gradients for trace in traces]),
    ):
        lines = [
            Line2D([], [], color=color, linewidth=2, label=f"{trace.init}\n{passage.outcome}")
            for color, trace, passage in zip(colors, traces, passages, strict=True)
        ]
        axes.legend(handles=lines, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize=8)
    places = [place for place in _STYLES if any(p.place == place for p in traces[0].points)]
    if len(places) > 1:
        marks = [Line2D([], [], color=FAINT, label=_CALLED[place], **_STYLES[place]) for place in places]
        figure.legend(handles=marks, loc="outside lower left", ncols=3, frameon=False, fontsize=8)


def _name_layers(axes: Any, propagation: Propagation) -> None:
    paths = [point.path for point in propagation.traces[0].points if point.place == "weights"]
    if len(paths) <= _NAMED:
        axes.set_xticks(range(1, len(paths) + 1), paths, rotation=90, size=8, parse_math=False)
    else:
        axes.set_xlabel("layers with weights, from the input")


def _colors(propagation: Propagation) -> list[str]:
    return [COLORS[1 + i % (len(COLORS) - 1)] for i in range(len(propagation.traces))]
