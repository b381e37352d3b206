"""The members of an ensemble: several runs of one network, below a folder that names them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from striate.data import BagSource, Source
from striate.errors import ConfigError, RunError, bad_argument
from striate.train.config import TrainConfig
from striate.train.folder import MEMBERS, RunFolder
from striate.train.several.ensemble import check_members
from striate.train.several.series import Part, read_series

__all__ = ["EnsembleFolder", "member_parts", "told_members"]

_KIND = "striate ensemble"
_MOST = 1000
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


@dataclass(frozen=True)
class EnsembleFolder:
    """A folder of members on disk.

    Attributes:
        path: The folder.
        data: Name of the source that the members were trained on, or drew their images from.
        fingerprint: Of that.
        members: The runs, one or more.
    """

    path: Path
    data: str
    fingerprint: str
    members: tuple[RunFolder, ...]

    @classmethod
    def open(cls, path: str | Path) -> EnsembleFolder:
        """Read a folder of members.

        Raises:
            RunError: if it or a member is missing, foreign or damaged, or if the members know different classes.
        """
        path = Path(path)
        file = path / MEMBERS
        if not file.is_file():
            raise RunError(f"{path}: not a folder of members; it has no {MEMBERS}.")
        data = read_series(file, _KIND)
        names, name, fingerprint = (data.get(key) for key in ("members", "data", "fingerprint"))
        if not (
            isinstance(names, list)
            and 1 <= len(names) <= _MOST
            and all(isinstance(each, str) and _NAME.fullmatch(each) for each in names)
            and len(set(names)) == len(names)
            and isinstance(name, str)
            and isinstance(fingerprint, str)
        ):
            raise RunError(
                f"{file}: is damaged; it must name data, fingerprint and members, folders beside it, each once."
            )
        for each in names:
            if (path / each).is_symlink():
                raise RunError(f"{path / each}: is a link, and a member must lie in the folder itself.")
        members = tuple(RunFolder.open(path / each) for each in names)
        check_members(members)
        return cls(path, name, fingerprint, members)


def told_members(source: Source, parts: Sequence[Part], seed: int, *, bagging: bool) -> dict[str, Any]:
    """Return what ``ensemble.json`` says."""
    return {
        "kind": _KIND,
        "data": source.name,
        "fingerprint": source.fingerprint,
        "seed": seed,
        "bagging": bagging,
        "members": [part.name for part in parts],
    }


def member_parts(source: Source, k: int, config: TrainConfig, *, bagging: bool) -> Sequence[Part]:
    """Return the runs of ``k`` members: the first by the seed of ``config``, each by one more than the one before.

    With ``bagging`` each draws its training images by its seed: see `striate.data.sources.bagging`.

    Raises:
        ConfigError: unless ``k`` is 1 to 1000, or if seeds exceed what they may be.
        DataError: as `BagSource`.
    """
    if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= _MOST:
        raise ConfigError(bad_argument("members", k, f"a whole number, 1 to {_MOST}"))
    configs = [replace(config, seed=config.seed + i) for i in range(k)]
    return [
        Part(
            name=f"member-{i}",
            source=BagSource(source, each.seed) if bagging else source,
            config=each,
        )
        for i, each in enumerate(configs, 1)
    ]
