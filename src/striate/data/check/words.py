"""How findings are put into words, the same in every check. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np

from striate.data.check.report import Finding, Judged, Verdict
from striate.data.check.seeing import Seen

__all__ = ["Yield", "about", "counted", "images", "joined", "percent", "plural"]

Yield: TypeAlias = Iterable[Finding | str]
"""What a check gives: findings, and remarks on how it looked."""


def about(
    seen: Seen,
    verdict: Verdict,
    kind: str,
    title: str,
    text: str,
    rows: Sequence[int],
    extra: Sequence[str] = (),
) -> Finding:
    """Return a finding on single images; ``extra`` says something of each, after its name."""
    names = [seen.names[row] for row in rows]
    if extra:
        names = [f"{name} ({words})" for name, words in zip(names, extra, strict=True)]
    alone = tuple((int(row),) for row in rows)
    return Finding(verdict=verdict, kind=kind, title=title, text=text, records=tuple(names), rows=alone)


def plural(count: int, one: str, many: str = "") -> str:
    """Return a number with its noun: ``1 image``, ``2 images``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def counted(report: Judged) -> str:
    """Return how many findings there are of each verdict: ``0 errors, 1 warning, 2 notes``."""
    return ", ".join(plural(count, verdict) for verdict, count in report.counts.items())


def images(rows: Sequence[int] | np.ndarray) -> str:
    """Return how many images there are: ``1 image``, ``2 images``."""
    return plural(len(rows), "image")


def joined(names: Iterable[str], limit: int = 8) -> str:
    """Return names in a sentence: ``a, b and c``, cut after ``limit``."""
    items = list(names)
    if len(items) > limit:
        return f"{', '.join(items[:limit])} and {len(items) - limit:,} more"
    return " and ".join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items)


def percent(share: float) -> str:
    """Return a share in percent, one digit after the point below ten."""
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.1f} %"
