"""`SeriesFolder`: several runs below one folder as they lie on disk, whether all of them are done or not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from striate.errors import RunError, listed
from striate.train.folder import FOLDS, MEMBERS, RunFolder
from striate.train.keeping.ended import is_done
from striate.train.several.series import read_series

__all__ = ["ENSEMBLE_KIND", "FOLDS_KIND", "MOST_MEMBERS", "SeriesFolder", "series_of"]

FOLDS_KIND, ENSEMBLE_KIND = "striate folds", "striate ensemble"
"""What the files of both say that they are."""

MOST_MEMBERS = 1000

_MOST_FOLDS = 100_000
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


@dataclass(frozen=True, kw_only=True)
class SeriesFolder:
    """What a folder of folds or of members is to hold.

    Attributes:
        path: The folder.
        file: The file in it that describes it, of folds or of members.
        names: Of its runs, each a folder in it, once that is trained.
        told: What the file says.
    """

    path: Path
    file: str
    names: tuple[str, ...]
    told: Mapping[str, Any]

    @classmethod
    def open(cls, path: str | Path) -> SeriesFolder:
        """Read the file of a folder of folds or of members; of its runs nothing is read.

        Raises:
            RunError: if it is neither, or if the file is foreign, damaged or of a newer schema.
        """
        path = Path(path)
        if (path / MEMBERS).is_file():
            told = read_series(path / MEMBERS, ENSEMBLE_KIND)
            names, needs = _member_names(told), "data, fingerprint and members, folders beside it, each once"
            made = cls(path=path, file=MEMBERS, names=names, told=told)
        elif (path / FOLDS).is_file():
            told = read_series(path / FOLDS, FOLDS_KIND)
            names, needs = _fold_names(told), "data, the number of folds and the seed"
            made = cls(path=path, file=FOLDS, names=names, told=told)
        else:
            raise RunError(f"{path}: holds no series of runs; it has neither {FOLDS} nor {MEMBERS}.")
        if not names:
            raise RunError(f"{path / made.file}: is damaged; it must name {needs}.")
        for name in names:
            if (path / name).is_symlink():
                raise RunError(f"{path / name}: is a link, and a {made.one} must lie in the folder itself.")
        return made

    @property
    def folds(self) -> bool:
        """Whether the runs are folds, and not members."""
        return self.file == FOLDS

    @property
    def one(self) -> str:
        """What one of the runs is."""
        return "fold" if self.folds else "member"

    @property
    def data(self) -> str:
        """Name of the source that was divided, or that members were trained on, or drew their images from."""
        return str(self.told["data"])

    @property
    def seed(self) -> int | None:
        """Of the division, or of the first member; None if a file of members does not say."""
        seed = self.told.get("seed")
        return seed if isinstance(seed, int) else None

    @property
    def missing(self) -> list[str]:
        """The runs that have not been begun."""
        return [name for name in self.names if not (self.path / name / "run.yaml").is_file()]

    @property
    def how_to_finish(self) -> str:
        """What to do about those that are not done."""
        return f"The command that began it, given again with --out {self.path} (out=…), goes on there."

    def check_done(self) -> None:
        """Raise `RunError` unless every run has come to its end; the message names those that have not."""
        missing = self.missing
        begun = (name for name in self.names if name not in missing)
        unfinished = [name for name in begun if not is_done(self.path / name)]
        told = [
            f"{listed(names)} {'is' if len(names) == 1 else 'are'} {what}"
            for names, what in ((unfinished, "unfinished"), (missing, "missing"))
            if names
        ]
        if told:
            raise RunError(f"{self.path}: {'; '.join(told)}. {self.how_to_finish}")


def series_of(run: RunFolder) -> SeriesFolder | None:
    """Return the series that a run is one of; None if it stands alone."""
    path = run.path.resolve()
    try:
        series = SeriesFolder.open(path.parent)
    except RunError:
        return None
    return series if path.name in series.names else None


def _fold_names(told: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of all folds; none if the file is damaged."""
    count, seed = told.get("folds"), told.get("seed")
    if not isinstance(told.get("data"), str) or not _whole(seed, 0, 2**63 - 1):
        return ()
    if not isinstance(count, int) or not _whole(count, 2, _MOST_FOLDS):
        return ()
    return tuple(f"fold-{number}" for number in range(1, count + 1))


def _member_names(told: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of all members; none if the file is damaged."""
    names = told.get("members")
    good = (
        isinstance(names, list)
        and 1 <= len(names) <= MOST_MEMBERS
        and all(isinstance(each, str) and _NAME.fullmatch(each) for each in names)
        and len(set(names)) == len(names)
        and isinstance(told.get("data"), str)
        and isinstance(told.get("fingerprint"), str)
    )
    return tuple(names) if good and isinstance(names, list) else ()


def _whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
