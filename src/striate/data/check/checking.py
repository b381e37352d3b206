"""`check`: looks at every image of a source once and lets each check judge what was seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from striate.data.check import classes, duplicates, figures, files, neighbors, pixels
from striate.data.check.listing import list_images
from striate.data.check.report import Finding, Report, in_order
from striate.data.check.seeing import Seen, see
from striate.data.check.words import Yield
from striate.data.source import Source

__all__ = ["CHECKS", "check"]

CHECKS: Mapping[str, Callable[[Seen], Yield]] = MappingProxyType(
    {
        "opening": classes.opening,
        "unreadable images": files.unread,
        "files in no class": files.stray_files,
        "classes": classes.empty_classes,
        "class names": classes.class_names,
        "copies": duplicates.duplicates,
        "labels": neighbors.labels,
        "balance": classes.balance,
        "proportions": classes.proportions,
        "sizes": files.odd_sizes,
        "constant images": pixels.constant,
        "clipped images": pixels.clipped,
        "channels": pixels.channels,
        "negatives": pixels.negative,
        "range of values": pixels.value_range,
        "differences between splits": pixels.shifted,
        "odd files": files.odd_files,
    }
)
"""Every check: what it looks for, and the function from what was seen to what it finds."""


def check(source: Source | str | Path, *, threads: int | None = None) -> Report:
    """Look for what would spoil training: damaged files, copies, leaks, wrong labels, odd images, missing classes.

    Args:
        source: A source, or what `open_source` takes. A folder that it refuses is checked all the same.
        threads: How many decode; None means one for each processor.

    Raises:
        DataError: if there is no such source, or nothing in it to look at.
    """
    seen = see(list_images(source), threads)
    findings: list[Finding] = []
    remarks: list[str] = []
    for judge in CHECKS.values():
        for found in judge(seen):
            if isinstance(found, Finding):
                findings.append(found)
            else:
                remarks.append(found)
    return Report(
        source=seen.listing.name,
        class_names=seen.listing.class_names,
        findings=in_order(findings),
        statistics=figures.statistics(seen),
        remarks=tuple(remarks),
        sheet=figures.sheet(seen),
        picture=seen.picture,
    )
