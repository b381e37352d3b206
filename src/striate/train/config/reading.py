"""Configurations from files and from overrides: what stands later in a row of them counts.

A file is a mapping of options, those of a group below its name; an override is ``optimizer.lr=0.1``:

    epochs: 20
    optimizer: {name: sgd, lr: 0.1}
    schedule: {name: multi-step, at: [10, 15]}
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from striate.errors import ConfigError, DescriptionError, did_you_mean, printable
from striate.spec.files import parse_yaml
from striate.train.config.training import GROUPS, LEAVES, TrainConfig, group_options, other_options

__all__ = ["checked_options", "merged", "parse_override", "read_config", "to_data"]

_MAX_BYTES = 2**20
_POWER_OF_TEN = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+", re.ASCII)

Options = Mapping[str, Any]


def read_config(path: str | Path) -> Options:
    """Return the options of a ``.yaml`` file.

    Of a run's ``run.yaml`` they are all but the recipe, which is resolved in the others.

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
    if isinstance(data, dict) and data.get("kind") == "striate run":
        data = data.get("training")
        data = {k: v for k, v in data.items() if k != "recipe"} if isinstance(data, dict) else data
    if not isinstance(data, dict):
        raise ConfigError(f"{name}: a configuration is a mapping of options, such as 'epochs: 20'.")
    return checked_options(data, f"{name}: ")


def checked_options(data: Mapping[Any, Any], where: str) -> Options:
    """Return the options of a file, their numbers read, if there are such options; their values are not checked.

    Args:
        data: The options, those of a group below its name.
        where: What a message begins with: ``"training.yaml: "``.

    Raises:
        ConfigError: if there is no such option, or one stands there by its own name and in its group as well.
    """
    options = {str(key): _checked(where, str(key), value) for key, value in data.items()}
    for name, group in LEAVES.items():
        held = options.get(group)
        if name in options and isinstance(held, Mapping) and name in held:
            raise ConfigError(
                f"{where}{name}: {options[name]!r:.80} and {group}: {{{name}: {held[name]!r:.80}}} say the same option "
                "twice; keep one of them."
            )
    return options


def parse_override(text: str) -> Options:
    """Read ``optimizer.lr=0.1``, or ``lr=0.1``.

    Raises:
        ConfigError: if it is of another form, or there is no such option.
    """
    key, equals, value = text.partition("=")
    first, dot, second = key.strip().partition(".")
    if not equals or not first or (dot and not second):
        raise ConfigError(f"{printable(text)!r}: write an option and its value as optimizer.lr=0.1.")
    if not value.strip():
        raise ConfigError(f"{printable(text)!r}: has no value; write one after the =, or null for none.")
    try:
        parsed = parse_yaml(value)
    except DescriptionError:
        raise ConfigError(f"{printable(text)!r}: its value cannot be read; put a text in quotes.") from None
    if dot and first in {*_fields(TrainConfig), *LEAVES} - GROUPS.keys():
        raise ConfigError(f"{printable(text)!r}: {first} is no group of options; write it as {first}=….")
    return {first: _checked("", first, {second: parsed} if dot else parsed)}


def merged(layers: Iterable[Options]) -> TrainConfig:
    """Return the configuration of several layers of options, of which the later count.

    Within a layer the own name of an option counts more than its group.

    Raises:
        ConfigError: naming the option, the value it got and what is allowed.
    """
    together: dict[str, Any] = {}
    for layer in layers:
        for key, value in sorted(layer.items(), key=lambda option: option[0] in LEAVES):
            if key in LEAVES:
                together.setdefault(LEAVES[key], {})[key] = value
            elif key in GROUPS:
                together.setdefault(key, {}).update(group_options(key, value))
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


def _checked(where: str, key: str, value: Any) -> Any:
    """Return the value of an option or a group, its numbers read, if there are such options."""
    known = [*_fields(TrainConfig), *LEAVES]
    if key not in known:
        raise ConfigError(f"{where}there is no option {key!r}.{other_options(key)}")
    if key not in GROUPS:
        return _numbers(value)
    fields = _fields(GROUPS[key])
    if isinstance(value, str) and "name" in fields:
        return value
    if not isinstance(value, dict):
        allowed = "a name, or a mapping" if "name" in fields else "a mapping"
        raise ConfigError(
            f"{where}{key}: must be {allowed} of options such as {fields[-1]}; got {value!r:.80}."
        )
    for name in map(str, value):
        if name not in fields:
            hint = did_you_mean(name, fields)
            raise ConfigError(f"{where}{key} has no option {name!r}.{hint} It takes: {', '.join(fields)}.")
    return _numbers(value)


def _fields(config: type[Any]) -> list[str]:
    return [field.name for field in dataclasses.fields(config)]


def _numbers(value: Any) -> Any:
    """Return ``value`` with texts such as ``1e-3``, which YAML 1.1 takes for no number, as numbers."""
    if isinstance(value, dict):
        return {key: _numbers(held) for key, held in value.items()}
    if isinstance(value, list):
        return [_numbers(held) for held in value]
    return float(value) if isinstance(value, str) and _POWER_OF_TEN.fullmatch(value) else value
