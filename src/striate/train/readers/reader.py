"""`Reader`: what every reader of events answers, the names of those that there are, and what they keep in the run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from striate.errors import ConfigError, unknown_name
from striate.spec.files import write
from striate.train.events import Event

__all__ = ["READERS", "Reader", "check_readers", "keep_id", "kept_id", "new_reader"]

READERS: Mapping[str, str] = MappingProxyType({"mlflow": "MlflowReader", "wandb": "WandbReader"})
"""Every reader with its class; it has the name of the package that it needs, and of the extra that installs it."""

_MAX_ID = 200


class Reader(Protocol):
    """Tells the events of one run to some place."""

    def show(self, event: Event) -> None:
        """Take an event; they come in order, the first is `Started`."""
        ...

    def close(self) -> None:
        """Pass on what is still to be told; nothing comes after."""
        ...


def check_readers(names: str | Iterable[str]) -> tuple[str, ...]:
    """Return ``names``, one or several, each once.

    Raises:
        ConfigError: if there is no such reader, or its package is not installed.
    """
    wanted = (names,) if isinstance(names, str) else tuple(dict.fromkeys(names))
    for name in wanted:
        if name not in READERS:
            raise ConfigError(unknown_name("log", name, READERS))
        spec = find_spec(name)
        if spec is None or spec.origin is None:  # a folder of its name, such as W&B leaves where it worked
            raise ConfigError(f"log={name!r} needs a package that is missing: pip install 'striate[{name}]'.")
    return wanted


def new_reader(name: str) -> Reader:
    """Return a reader of `READERS`; loads its package."""
    made: Reader = getattr(import_module(f"striate.train.readers.for_{name}"), READERS[name])()
    return made


def kept_id(folder: Path, name: str) -> str | None:
    """Return the id under which a reader told of this run before; None if it did not."""
    file = _id_file(folder, name)
    if not file.is_file() or file.stat().st_size > _MAX_ID:
        return None
    text = file.read_text(encoding="utf-8", errors="replace").strip()
    return text if re.fullmatch(r"[\w-]+", text, re.ASCII) else None


def keep_id(folder: Path, name: str, text: str) -> None:
    """Keep it in the run folder, for when the run is resumed."""
    file = _id_file(folder, name)
    file.parent.mkdir(exist_ok=True)
    write(file, f"{text}\n")


def _id_file(folder: Path, name: str) -> Path:
    return folder / "readers" / f"{name}.id"
