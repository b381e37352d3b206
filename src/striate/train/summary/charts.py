"""Curves and the reliability diagram as inline SVG. They take their colors from the page."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from striate.data.check.page_parts import escaped
from striate.train.metrics import Bin
from striate.train.summary.scales import Scale, fitting

__all__ = ["Curve", "Tell", "calibration", "curves", "percents", "round_percent", "spread_chart"]

_WIDE, _HIGH = 440, 236
_LEFT, _RIGHT, _TOP, _BOTTOM = 50, 430, 12, 202

_TINY = 1e-7

Tell = Callable[[float], str]


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A curve with the number of its color; ``dots`` marks each of its points.

    A ``thin`` one is one of many, and says its name where a pointer rests on it; ``kept`` is its point to mark.
    """

    name: str
    color: int
    xs: Sequence[float]
    ys: Sequence[float]
    dots: bool = False
    thin: bool = False
    kept: tuple[float, float] | None = None


def curves(
    title: str,
    drawn: Sequence[Curve],
    tell: Tell,
    *,
    zero: bool = False,
    log: bool = False,
    mark: tuple[float, float, str] | None = None,
) -> str:
    """Draw curves over the epochs.

    Args:
        title: What is drawn.
        drawn: The curves; values that are not finite leave a gap.
        tell: Writes a value of the upright axis.
        zero: Whether that axis begins with 0.
        log: Whether it may be of ratios.
        mark: An epoch and a value to mark, and what it is.
    """
    ys = [y for curve in drawn for y in curve.ys]
    across = Scale(0.0, max([1e-9, *(x for curve in drawn for x in curve.xs)]), _LEFT, _RIGHT)
    up = fitting(ys, _BOTTOM, _TOP, zero=zero, log=log)
    parts = [*_axes(across, up, tell, "epoch")]
    if mark is not None:
        x = across(mark[0])
        parts.append(f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{_BOTTOM}"/>')
    for curve in drawn:
        parts += _curve(curve, across, up, tell)
    if mark is not None:
        x, y = across(mark[0]), up(mark[1])
        parts.append(
            f'<circle class="best" cx="{x:.1f}" cy="{y:.1f}" r="5"><title>{escaped(mark[2])}</title></circle>'
        )
    return _svg(title, parts)


def calibration(bins: Sequence[Bin], title: str) -> str:
    """Draw of each bin of confidence the share that was right, against the diagonal, and how many there are."""
    across, up = Scale(0.0, 1.0, _LEFT, _RIGHT), Scale(0.0, 1.0, _BOTTOM, _TOP)
    most = max(each.count for each in bins)
    parts = [*_axes(across, up, round_percent, "confidence", percent=True)]
    for number, each in enumerate(bins):
        if each.confidence is None or each.accuracy is None:
            continue
        left, right = across(number / len(bins)), across((number + 1) / len(bins))
        top, sure = up(each.accuracy), up(each.confidence)
        words = (
            f"{each.count:,} images, {each.confidence:.1%} sure on average, {each.accuracy:.1%} of them right"
        )
        wide = right - left - 2
        strength = 0.25 + 0.75 * each.count / most
        parts.append(
            f'<g><title>{escaped(words)}</title><rect class="s0" x="{left + 1:.1f}" y="{top:.1f}" width="{wide:.1f}" '
            f'height="{_BOTTOM - top:.1f}" opacity="{strength:.2f}" rx="1"/>'
            f'<line class="sure" x1="{left + 1:.1f}" x2="{right - 1:.1f}" y1="{sure:.1f}" y2="{sure:.1f}"/></g>'
        )
    parts.append(f'<line class="mark" x1="{_LEFT}" y1="{_BOTTOM}" x2="{_RIGHT}" y2="{_TOP}"/>')
    return _svg(title, parts)


def spread_chart(
    title: str,
    values: Sequence[tuple[int, str, float]],
    spread: tuple[float, float],
    together: float | None,
) -> str:
    """Draw a share that each of several runs reached, and where their mean and standard deviation are.

    Args:
        title: What is drawn.
        values: Of each run its number, its name and its share.
        spread: Mean and standard deviation.
        together: What all reach together, if that is another thing than the mean.
    """
    mean, deviation = spread
    most = max(number for number, _, _ in values)
    across = Scale(0.0, most + 1.0, _LEFT, _RIGHT)
    known = [mean - deviation, mean + deviation, *(value for _, _, value in values)]
    up = fitting([*known, mean if together is None else together], _BOTTOM, _TOP, zero=False)
    most_share = max([1.0, *filter(math.isfinite, known)]) + 0.04 * (up.high - up.low)
    up = replace(up, high=min(up.high, most_share))  # no shares above 100 % where all are near it
    parts = [*_axes(across, up, round_percent, "run", whole=most)]
    if math.isfinite(mean + deviation):
        top, bottom = up(mean + deviation), up(mean - deviation)
        wide = f'x="{_LEFT}" width="{_RIGHT - _LEFT}"'
        parts.append(f'<rect class="band" {wide} y="{top:.1f}" height="{bottom - top:.1f}"/>')
        parts.append(_level(up(mean), 1, f"mean {mean:.2%}, standard deviation {deviation:.2%}"))
    if together is not None and math.isfinite(together):
        parts.append(_level(up(together), 2, f"together {together:.2%}"))
    for number, name, value in values:
        if math.isfinite(value):
            words = escaped(f"{name}: {value:.2%}")
            parts.append(
                f'<circle class="dot s0" cx="{across(number):.1f}" cy="{up(value):.1f}" r="4"><title>{words}</title>'
                "</circle>"
            )
    return _svg(title, parts)


def _level(y: float, color: int, words: str) -> str:
    drawn = f'<line class="curve c{color}" x1="{_LEFT}" x2="{_RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
    return f"<g><title>{escaped(words)}</title>{drawn}</g>"


def _svg(title: str, parts: Iterable[str]) -> str:
    name = escaped(title)
    return f'<svg class="chart" viewBox="0 0 {_WIDE} {_HIGH}" role="img" aria-label="{name}">{"".join(parts)}</svg>'


def _axes(
    across: Scale, up: Scale, tell: Tell, below: str, *, percent: bool = False, whole: int | None = None
) -> Iterator[str]:
    """Draw both axes; the lower is of shares if ``percent``, and of the numbers 1 to ``whole`` if that is given."""
    ticks = up.ticks()
    labels = percents(ticks) if tell is round_percent else [tell(value) for value in ticks]
    for value, words in zip(ticks, labels, strict=True):
        y = up(value)
        yield f'<line class="grid" x1="{_LEFT}" x2="{_RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{escaped(words)}</text>'
    for value in across.ticks(6) if whole is None else range(1, whole + 1, math.ceil(whole / 12)):
        words = round_percent(value) if percent else f"{value:g}"
        yield f'<text x="{across(value):.1f}" y="{_BOTTOM + 17}" text-anchor="middle">{words}</text>'
    yield f'<line class="axis" x1="{_LEFT}" x2="{_RIGHT}" y1="{_BOTTOM}" y2="{_BOTTOM}"/>'
    yield f'<text x="{_RIGHT}" y="{_HIGH - 2}" text-anchor="end">{below}</text>'


def _curve(curve: Curve, across: Scale, up: Scale, tell: Tell) -> Iterator[str]:
    points = list(zip(curve.xs, curve.ys, strict=True))
    for known, run in groupby(points, lambda point: math.isfinite(point[1])):
        if known:
            places = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in run)
            drawn = (
                f'<polyline class="curve c{curve.color}{" thin" if curve.thin else ""}" points="{places}"/>'
            )
            yield f"<g><title>{escaped(curve.name)}</title>{drawn}</g>" if curve.thin else drawn
    marked = points if curve.dots or len(points) == 1 else [] if curve.kept is None else [curve.kept]
    for x, y in marked:
        if math.isfinite(y):
            words = escaped(f"{curve.name}, epoch {x:.3g}: {tell(y)}")
            yield (
                f'<circle class="dot s{curve.color}" cx="{across(x):.1f}" cy="{up(y):.1f}" r="2.6">'
                f"<title>{words}</title></circle>"
            )


def round_percent(share: float) -> str:
    """Write a share in three digits."""
    return f"{100 * share:.3g}%"


def percents(shares: Sequence[float]) -> list[str]:
    """Write the shares of an axis, all with as many decimals as the one that needs most."""
    needed = (d for d in range(6) if all(abs(round(100 * s, d) - 100 * s) < _TINY for s in shares))
    decimals = next(needed, 6)
    return [f"{100 * share:.{decimals}f}%" for share in shares]
