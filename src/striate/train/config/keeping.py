"""When states are kept, and when to stop."""

from __future__ import annotations

from striate.train.config.base import Count, Positive, option, part

__all__ = ["CheckpointConfig"]


@part
class CheckpointConfig:
    """When checkpoints are written, beside the end of each epoch."""

    every_steps: Count | None = option(None, "Steps between two checkpoints.")
    every_minutes: Positive | None = option(None, "Minutes between two checkpoints.")
