"""`About`: what a tracker wants to know of a run before its first step."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from striate.train.events import Started
from striate.train.folder import RunFolder
from striate.train.settings import settings
from striate.train.several.series_folder import series_of

__all__ = ["About"]


@dataclass(frozen=True, kw_only=True)
class About:
    """What a run is.

    Attributes:
        folder: The run folder.
        name: What to call it: its folder, after that of the series if it is one of several.
        group: The folder of the series; None of a run that stands alone.
        settings: Every option of training under its dotted name, and figures of network and data.
        tags: What runs are looked for by: network and its digest, data and their fingerprint.
    """

    folder: Path
    name: str
    group: str | None
    settings: dict[str, Any]
    tags: dict[str, str]

    @classmethod
    def of(cls, event: Started) -> About:
        """Read the run that begins or goes on."""
        folder = RunFolder.open(event.run)
        record = folder.record
        figures = {
            "network.name": event.network,
            "network.parameters": event.params,
            "data.source": record.data,
            "data.classes": len(record.class_names),
            **{f"data.{split}": count for split, count in record.sizes.items()},
        }
        tags = {"network": event.network, "data": record.data, "fingerprint": record.fingerprint}
        if record.network is not None:
            tags["digest"] = record.network.digest
        name, series = folder.path.resolve().name, series_of(folder)
        group = None if series is None else series.path.name
        return cls(
            folder=folder.path,
            name=name if group is None else f"{group}/{name}",
            group=group,
            settings=settings(record.training) | figures,
            tags=tags,
        )
