"""The settings of a run as one flat mapping, ``optimizer.lr`` to its value: what trackers and reports list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from striate.train.config import OptimizerConfig, TrainConfig
from striate.train.config.reading import to_data

__all__ = ["changed_settings", "settings"]


def settings(config: TrainConfig) -> dict[str, Any]:
    """Return every option of ``config`` under its dotted name."""
    return _flat(to_data(config), "")


def changed_settings(config: TrainConfig) -> dict[str, Any]:
    """Return those that differ from their defaults; some of these go by the optimizer."""
    defaults = settings(TrainConfig(optimizer=OptimizerConfig(name=config.optimizer.name))) | {
        "optimizer.name": OptimizerConfig().name
    }
    if config.loss.name == "cross-entropy":  # which auto is of images of one label
        defaults["loss.name"] = config.loss.name
    return {name: value for name, value in settings(config).items() if value != defaults[name]}


def _flat(data: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in data.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat
