"""What a check of data comes to: findings, statistics, and the report that holds them. Looks at no image."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from PIL import Image

from striate.errors import DataError, DescriptionError
from striate.spec.files import write

__all__ = [
    "VERDICTS",
    "ChannelStatistics",
    "Finding",
    "Judged",
    "Report",
    "Statistics",
    "Verdict",
    "in_order",
]

Verdict = Literal["error", "warning", "note"]
VERDICTS: tuple[Verdict, ...] = ("error", "warning", "note")
"""The gravest first: what would spoil training or measuring, what probably harms, what is good to know."""

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was found.

    Attributes:
        verdict: ``error``, ``warning`` or ``note``.
        kind: A short word for it that does not change, such as ``truncated``.
        title: What it is, in a line.
        text: What it means and how to mend it.
        records: The images concerned, worst first; one text for each, or for each group of copies.
        rows: For each of ``records`` the numbers of its images in the order they were looked at.
    """

    verdict: Verdict
    kind: str
    title: str
    text: str
    records: tuple[str, ...] = ()
    rows: tuple[tuple[int, ...], ...] = ()

    def to_data(self) -> dict[str, Any]:
        """Return everything but the rows, as plain values for JSON."""
        data = dataclasses.asdict(self)
        del data["rows"]
        return data


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings with the gravest first, else in the order in which they came."""
    return tuple(sorted(findings, key=lambda finding: VERDICTS.index(finding.verdict)))


class Judged(ABC):
    """What every report with findings answers. Abstract."""

    __slots__ = ()
    findings: tuple[Finding, ...]

    @abstractmethod
    def to_html(self) -> str:
        """Return a page of its own."""

    def save(self, path: Path | str) -> None:
        """Write the page to a file, whole or not at all.

        Raises:
            DataError: if that fails; what stood there before is kept.
        """
        try:
            write(Path(path), self.to_html())
        except DescriptionError as error:
            raise DataError(str(error)) from None

    @property
    def ok(self) -> bool:
        """Whether nothing was found that would spoil training."""
        return not self.counts["error"]

    @property
    def counts(self) -> dict[Verdict, int]:
        """How many findings there are of each verdict."""
        found = Counter(finding.verdict for finding in self.findings)
        return {verdict: found[verdict] for verdict in VERDICTS}

    def find(self, kind: str) -> Finding | None:
        """Return the first finding of ``kind``, the gravest; None if there is none."""
        return next((finding for finding in self.findings if finding.kind == kind), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelStatistics:
    """The values of one channel, 0 to 255, over all pixels of all images.

    Attributes:
        name: ``grey``, ``red``, ``green`` or ``blue``.
        histogram: The share of pixels of each value, 256 of them.
    """

    name: str
    mean: float
    std: float
    low: int
    high: int
    histogram: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """The figures of a data set.

    Attributes:
        images: How many there are, in all splits.
        readable: How many of them could be decoded.
        splits: For each split the number of images.
        counts: For each split the number of images of each class; one of several labels counts for each.
        channels: One for grey images, three for color.
        class_means: For each class the mean of its images' values per channel; empty for one without images.
        sizes: ``(width, height)`` with its count, the most frequent first, at most ten.
        formats: File formats with their counts, the most frequent first; pixels in memory have none.
        modes: Pillow's modes with their counts, the most frequent first.
    """

    images: int
    readable: int
    splits: Mapping[str, int]
    counts: Mapping[str, Mapping[str, int]]
    channels: tuple[ChannelStatistics, ...]
    class_means: Mapping[str, tuple[float, ...]]
    sizes: tuple[tuple[tuple[int, int], int], ...]
    formats: Mapping[str, int]
    modes: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report(Judged):
    """What `check` found.

    Attributes:
        source: The name of what was checked.
        class_names: The classes.
        findings: The gravest first.
        statistics: The figures.
        remarks: How the checks looked, where they did not look at everything.
        sheet: For each class the rows of some of its images, for the contact sheet.
        picture: Returns the image of a row, decoded anew.
    """

    source: str
    class_names: tuple[str, ...]
    findings: tuple[Finding, ...]
    statistics: Statistics
    remarks: tuple[str, ...] = ()
    sheet: Mapping[str, tuple[int, ...]] = field(default_factory=dict, repr=False)
    picture: Callable[[int], Image.Image] = field(repr=False, compare=False)

    def to_data(self) -> dict[str, Any]:
        """Return everything but the pictures, as plain values for JSON."""
        return {
            "schema": SCHEMA,
            "source": self.source,
            "ok": self.ok,
            "counts": self.counts,
            "classes": list(self.class_names),
            "findings": [finding.to_data() for finding in self.findings],
            "statistics": dataclasses.asdict(self.statistics),
            "remarks": list(self.remarks),
        }

    def to_html(self) -> str:
        """Return a page of its own, with pictures; it needs no other file and no network."""
        from striate.data.check.page import page

        return page(self)

    def text(self, names: int | None = 5) -> str:
        """Return the report for a terminal, with as many names for each finding; None means all."""
        from striate.data.check.text import text

        return text(self, names)

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        from striate.data.check.page import body

        return body(self)
