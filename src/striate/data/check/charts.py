"""Small drawings as inline SVG: bars and histograms. They take their colors from the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from striate.data.check.report import ChannelStatistics

__all__ = ["bars", "histogram"]

_ROW, _NAME, _ROOM, _NUMBER = 24, 150, 420, 70


def bars(counts: Mapping[str, Mapping[str, int]], limit: int = 60) -> str:
    """Draw a bar for each class, the splits one after another along it."""
    names = list(next(iter(counts.values()), {}))
    total = {name: sum(part.get(name, 0) for part in counts.values()) for name in names}
    shown = names[:limit]
    most = max([1, *total.values()])
    width, height = _NAME + _ROOM + _NUMBER, _ROW * max(len(shown), 1)
    parts = [
        f'<svg class="bars" viewBox="0 0 {width} {height}" role="img" aria-label="Images of each class">'
    ]
    for i, name in enumerate(shown):
        y, x = i * _ROW, float(_NAME)
        parts.append(
            f'<text x="{_NAME - 10}" y="{y + 16}" text-anchor="end">{escape(_short(name, 20))}'
            f"<title>{escape(name)}</title></text>"
        )
        for k, (split, part) in enumerate(counts.items()):
            size = _ROOM * part.get(name, 0) / most
            if size:
                words = f"{name}, {split}: {part[name]:,}"
                parts.append(
                    f'<rect class="s{k % 5}" x="{x:.1f}" y="{y + 5}" width="{max(size - 1, 0.5):.1f}" height="14" '
                    f'rx="2"><title>{escape(words)}</title></rect>'
                )
            x += size
        parts.append(f'<text class="n" x="{x + 7:.1f}" y="{y + 16}">{total[name]:,}</text>')
    parts.append("</svg>")
    if len(names) > limit:
        parts.append(f'<p class="quiet">and {len(names) - limit:,} more classes</p>')
    return "".join(parts)


_WIDE, _HIGH, _BINS = 256, 84, 64


def histogram(channel: ChannelStatistics) -> str:
    """Draw how often each value occurs in one channel; the two ends, often far above the rest, may be cut."""
    step = 256 // _BINS
    shares: Sequence[float] = [sum(channel.histogram[i : i + step]) for i in range(0, 256, step)]
    top = max(sorted(shares)[-3], max(shares) / 4, 1e-9)
    wide = _WIDE / _BINS
    places = "".join(
        f'<rect x="{i * wide:.1f}" y="{_HIGH - _HIGH * min(share / top, 1):.1f}" width="{wide - 0.6:.1f}" '
        f'height="{_HIGH * min(share / top, 1):.1f}"/>'
        for i, share in enumerate(shares)
    )
    label = f"Values of {channel.name}, mean {channel.mean:.1f}"
    mean = f'<line x1="{channel.mean:.1f}" x2="{channel.mean:.1f}" y1="0" y2="{_HIGH}"/>'
    return (
        f'<svg class="histogram {escape(channel.name)}" viewBox="0 0 {_WIDE} {_HIGH + 14}" role="img" '
        f'aria-label="{escape(label)}">{places}{mean}'
        f'<text x="0" y="{_HIGH + 12}">0</text>'
        f'<text x="{_WIDE}" y="{_HIGH + 12}" text-anchor="end">255</text></svg>'
    )


def _short(name: str, length: int) -> str:
    return name if len(name) <= length else f"{name[: length - 1]}…"
