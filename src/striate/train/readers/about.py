"""`About`: what a tracker wants to know of a run before its first step."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from striate.train.events import Started
from striate.train.folder import RunFolder
from striate.train.settings import settings

__all__ = ["About"]


@dataclass(frozen=True, kw_only=True)
class About:
    """What a run is.

    Attributes:
        folder: The run folder.
        settings: Every option of training under its dotted name, and figures of network and data.
        tags: What runs are looked for by: network and its digest, data and their fingerprint.
    """

    folder: Path
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
        return cls(folder=folder.path, settings=settings(record.training) | figures, tags=tags)
