"""Configurations from files and from overrides: what stands later in a row of them counts.

A file is a mapping of options, those of a group below its name; an override is ``optimizer.lr=0.1``:

    epochs: 20
    optimizer: {name: sgd, lr: 0.1}
    schedule: {name: multi-step, at: [10, 15]}
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from striate.errors import ConfigError, DescriptionError, did_you_mean, listed, printable
from striate.spec.files import parse_yaml
from striate.train.config.training import GROUPS, LEAVES, TrainConfig

__all__ = ["merged", "parse_override", "read_config", "to_data"]

_MAX_BYTES = 2**20

Options = Mapping[str, Any]


def read_config(path: str | Path) -> Options:
    """Return the options of a ``.yaml`` file.

    Raises:
        ConfigError: if it cannot be read, or is no mapping of options.
    """
    name = printable(str(path))
    try:
        with Path(path).open("rb") as file:
            text = file.read(_MAX_BYTES + 1)
        if len(text) > _MAX_BYTES:
            raise ConfigError(f"{name}: is larger than a configuration can be, {_MAX_BYTES} bytes.")
        data = parse_yaml(text.decode())
    except OSError as error:
        raise ConfigError(f"{name}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{name}: is not a text file.") from None
    except DescriptionError as error:
        raise ConfigError(f"{name}: {error}") from None
    if not isinstance(data, dict):
        raise ConfigError(f"{name}: a configuration is a mapping of options, such as 'epochs: 20'.")
    data = data.get("training", data) if data.get("kind") == "striate run" else data
    for key, value in data.items():
        _check_key(f"{name}: ", str(key))
        if key in GROUPS and not isinstance(value, dict | str):
            raise ConfigError(f"{name}: {key}: must be a mapping of options; got {value!r:.80}.")
    return data


def parse_override(text: str) -> Options:
    """Read ``optimizer.lr=0.1``, or ``lr=0.1``.

    Raises:
        ConfigError: if it is of another form, or there is no such option.
    """
    key, equals, value = text.partition("=")
    first, dot, second = key.strip().partition(".")
    if not equals or not first or (dot and not second):
        raise ConfigError(f"{printable(text)!r}: write an option and its value as optimizer.lr=0.1.")
    _check_key("", first)
    try:
        parsed = yaml.safe_load(value)
    except yaml.YAMLError:
        raise ConfigError(f"{printable(text)!r}: its value cannot be read; put a text in quotes.") from None
    if not dot:
        return {first: parsed}
    fields = [f.name for f in dataclasses.fields(GROUPS[first])] if first in GROUPS else []
    if second not in fields:
        hint = did_you_mean(second, fields) if fields else ""
        takes = f" It takes: {', '.join(fields)}." if fields else " It is no group of options."
        raise ConfigError(f"{first} has no option {second!r}.{hint}{takes}")
    return {first: {second: parsed}}


def merged(layers: Iterable[Options]) -> TrainConfig:
    """Return the configuration of several layers of options, of which the later count.

    Raises:
        ConfigError: naming the option, the value it got and what is allowed.
    """
    together: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            if key in LEAVES:
                together.setdefault(LEAVES[key], {})[key] = value
            elif key in GROUPS:
                more = {"name": value} if isinstance(value, str) else value
                together.setdefault(key, {}).update(more)
            else:
                together[key] = value
    return TrainConfig(**together)


def to_data(config: TrainConfig) -> dict[str, Any]:
    """Return ``config`` as plain data, every option of it."""

    def plain(value: Any) -> Any:
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return [plain(v) for v in value] if isinstance(value, tuple) else value

    data: dict[str, Any] = plain(config)
    return data


def _check_key(where: str, key: str) -> None:
    own = [f.name for f in dataclasses.fields(TrainConfig)]
    if key not in own and key not in LEAVES:
        known = [*own, *LEAVES]
        raise ConfigError(
            f"{where}there is no option {key!r}.{did_you_mean(key, known)} There are {listed(known, len(known))}."
        )
