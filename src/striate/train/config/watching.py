"""How closely a network is looked at while it trains."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from striate.train.config.base import Count, option, part

__all__ = ["HealthConfig"]


def _every(value: Any) -> Any:
    """Read what a command line or a file says: epoch, none, or a number of steps."""
    if value in ("none", None):
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 8:
        value = int(value)
    if value == "epoch" or (type(value) is int and 1 <= value <= 1_000_000):
        return value
    raise ValueError("must be epoch, none, or a number of steps from 1 to 1000000")


@part
class HealthConfig:
    """At which steps every layer is looked at: see `striate.train.health`."""

    health_every: Annotated[Literal["epoch"] | Count | None, BeforeValidator(_every)] = option(
        "epoch", "Steps from one look at every layer to the next: a number, epoch, or none."
    )
