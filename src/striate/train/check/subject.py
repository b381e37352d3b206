"""What the checks look at: a network, its data, and what was measured of both. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from striate.analyze import Analysis
from striate.data.check.report import Finding, Report, Verdict
from striate.spec import Network
from striate.train.check.report import Loss, Memory, Time
from striate.train.check.trial import Trial
from striate.train.config import TrainConfig

__all__ = ["Findings", "Subject", "finding"]

Findings: TypeAlias = Iterable[Finding]
"""What a check gives."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subject:
    """A network and its data.

    Attributes:
        network: The description; None for a module of the user's own.
        analysis: Its arithmetic at the batch size of training; None without a description, or if no image passes.
        data: The report on the data alone.
        shape: What every image is brought to, ``(C, H, W)``; None if that is not known.
        refusal: Why training would refuse the network; None if it would not.
        data_refusal: Why it would refuse the data.
        failure: What the module raised in the measured step.
        trial: What was measured; None if no step could be.
        remarks: How it was measured, or why not.
    """

    name: str
    network: Network | None
    analysis: Analysis | None
    parameters: int | None
    data: Report
    config: TrainConfig
    shape: tuple[int, int, int] | None
    refusal: str | None
    data_refusal: str | None
    failure: str | None
    memory: Memory | None
    loss: Loss | None
    time: Time | None
    trial: Trial | None
    remarks: tuple[str, ...]

    @property
    def classes(self) -> int:
        """How many classes the data has."""
        return len(self.data.class_names)

    def images(self, split: str) -> int:
        """Return how many images of ``split`` there are."""
        return self.data.statistics.splits.get(split, 0)


def finding(verdict: Verdict, kind: str, title: str, text: str, layers: tuple[str, ...] = ()) -> Finding:
    """Return a finding, which may concern single layers."""
    return Finding(verdict=verdict, kind=kind, title=title, text=text, records=layers)
