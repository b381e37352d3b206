"""Several runs below one folder, which a small JSON file in it describes; they are made one after another."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from striate.data import Source
from striate.errors import DescriptionError, RunError
from striate.spec import Network
from striate.spec.files import write
from striate.train.config import TrainConfig, is_taken
from striate.train.folder import RunFolder, file_name
from striate.train.losses import chosen_loss
from striate.train.settings import settings

__all__ = ["Part", "check_free_for", "check_same", "next_free", "read_series", "write_series"]

SCHEMA_VERSION = 1
_MAX_BYTES = 2**20


@dataclass(frozen=True, kw_only=True)
class Part:
    """One of the runs.

    Attributes:
        name: Of its folder.
        source: What it is trained on.
        config: How.
    """

    name: str
    source: Source
    config: TrainConfig


def next_free(root: Path, name: str) -> Path:
    """Return the first of ``root/name-1``, ``root/name-2``, … at which nothing is."""
    number = 1
    while (path := root / f"{file_name(name)}-{number}").exists():
        number += 1
    return path


def check_free_for(path: Path, file: str, data: Mapping[str, Any]) -> None:
    """Raise `RunError` if anything is at ``path`` but a series that ``file`` describes by the same ``data``."""
    if not (path / file).is_file():
        RunFolder.check_free(path)
        return
    kind = str(data["kind"])
    before = read_series(path / file, kind)
    differing = [name for name, value in data.items() if before.get(name) != value]
    if differing:
        name = differing[0]
        raise RunError(
            f"{path}: was begun with {name}={_short(before.get(name))}, not {_short(data[name])}; choose another --out "
            "(out=…), or remove it."
        )


def _short(value: object) -> str:
    return f"{value!r:.60}"


def check_same(folder: RunFolder, network: Network | nn.Module, part: Part) -> None:
    """Raise `RunError` unless the run in ``folder`` is the one that ``part`` of ``network`` would be."""
    record = folder.record
    several = part.source.multi_label
    config = replace(part.config, loss=chosen_loss(part.config.loss, several_labels=several))
    begun, wanted = settings(record.training), settings(config)
    others = (name for name, value in begun.items() if wanted[name] != value)
    other = next((name for name in others if is_taken(config, name)), None)
    if record.network != (network if isinstance(network, Network) else None):
        what = "with another network"
    elif record.fingerprint != part.source.fingerprint:
        what = "with other data"
    elif other is not None:
        what = f"that began with {other}={_short(begun[other])}, not {_short(wanted[other])}"
    else:
        return
    raise RunError(
        f"{folder.path}: is a run {what}, and cannot be reused; choose another --out (out=…), or remove it."
    )


def read_series(file: Path, kind: str) -> dict[str, Any]:
    """Return what `write_series` wrote.

    Raises:
        RunError: if it cannot be read, is foreign, damaged or of a newer schema.
    """
    try:
        with file.open("rb") as opened:
            text = opened.read(_MAX_BYTES + 1)
        data = json.loads(text.decode()) if len(text) <= _MAX_BYTES else None
    except OSError as error:
        raise RunError(f"{file}: cannot be read: {error.strerror or error}.") from None
    except (ValueError, RecursionError):
        raise RunError(f"{file}: is damaged; it is no JSON.") from None
    if not isinstance(data, dict) or data.get("kind") != kind:
        raise RunError(f"{file}: does not describe a {kind}.")
    schema = data.get("schema")
    if isinstance(schema, bool) or not isinstance(schema, int) or schema < 1:
        raise RunError(f"{file}: is damaged (schema {_short(schema)}).")
    if schema > SCHEMA_VERSION:
        raise RunError(
            f"{file}: its schema {_short(schema)} is newer than this version reads; upgrade striate."
        )
    return data


def write_series(file: Path, data: Mapping[str, Any]) -> None:
    """Write ``data``, its ``kind`` among it, in the place of what was there.

    Raises:
        RunError: if it cannot be written.
    """
    text = json.dumps({"kind": data["kind"], "schema": SCHEMA_VERSION} | dict(data), indent=1)
    try:
        write(file, f"{text}\n")
    except DescriptionError as error:
        raise RunError(str(error)) from None
