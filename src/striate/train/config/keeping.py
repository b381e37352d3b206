"""When states are kept, and how many."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from striate.train.config.base import Count, Positive, option, part

__all__ = ["CheckpointConfig"]


@part
class CheckpointConfig:
    """When checkpoints are written, beside the end of each epoch, and how many of the best are kept."""

    every_steps: Count | None = option(None, "Steps between two checkpoints.")
    every_minutes: Positive | None = option(None, "Minutes between two checkpoints.")
    keep_best: Annotated[int, Field(ge=1, le=1000)] = option(
        1, "How many of the best states are kept; beyond one in checkpoints/top/."
    )
