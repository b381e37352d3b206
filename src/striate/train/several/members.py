"""The members of an ensemble: several runs of one network, below a folder that names them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from striate.data import BagSource, Source
from striate.errors import ConfigError, RunError, bad_argument
from striate.train.config import TrainConfig
from striate.train.folder import MEMBERS, RunFolder
from striate.train.several.ensemble import check_members
from striate.train.several.series import Part
from striate.train.several.series_folder import ENSEMBLE_KIND, MOST_MEMBERS, SeriesFolder

__all__ = ["EnsembleFolder", "member_parts", "told_members"]


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
            RunError: if it or a member is missing, unfinished, foreign or damaged, or if the members know different
                classes.
        """
        path = Path(path)
        if not (path / MEMBERS).is_file():
            raise RunError(f"{path}: not a folder of members; it has no {MEMBERS}.")
        series = SeriesFolder.open(path)
        series.check_done()
        members = tuple(RunFolder.open(path / each) for each in series.names)
        check_members(members)
        return cls(path, series.data, str(series.told["fingerprint"]), members)


def told_members(source: Source, parts: Sequence[Part], seed: int, *, bagging: bool) -> dict[str, Any]:
    """Return what ``ensemble.json`` says."""
    return {
        "kind": ENSEMBLE_KIND,
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
    if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= MOST_MEMBERS:
        raise ConfigError(bad_argument("members", k, f"a whole number, 1 to {MOST_MEMBERS}"))
    configs = [replace(config, seed=config.seed + i) for i in range(k)]
    return [
        Part(
            name=f"member-{i}",
            source=BagSource(source, each.seed) if bagging else source,
            config=each,
        )
        for i, each in enumerate(configs, 1)
    ]
