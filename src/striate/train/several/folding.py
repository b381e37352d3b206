"""k-fold cross-validation: the runs of all folds as values, and what they reached together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from torch import nn

from striate.data import FoldSource, Source
from striate.data.sources.folding import check_fold_count
from striate.train.config import TrainConfig
from striate.train.several.scores import Scores
from striate.train.several.series import Part
from striate.train.several.series_folder import FOLDS_KIND
from striate.train.summary import SeriesSummary, summarize_series

__all__ = ["CrossValidation", "fold_parts", "told_folds"]


@dataclass(frozen=True, repr=False)
class CrossValidation:
    """What k runs reached, each on the fold that the others were trained on.

    Attributes:
        path: The folder of the runs: ``fold-1``, ``fold-2``, …
        data: What was divided.
        seed: Of the division.
        scores: Of each run on its fold.
        module: What was trained, if it was a module of the user's own.
    """

    path: Path
    data: str
    seed: int
    scores: Scores
    module: nn.Module | None = field(default=None, compare=False)

    def summary(self, data: str | Path | Source | None = None, *, device: str = "auto") -> SeriesSummary:
        """Return the curves of all runs, what each reached, and what they mistake, on one page.

        Each image is answered once, by the run that lacks its fold. The page shows itself in a notebook;
        ``.save("folds.html")`` or ``.save("folds.png")`` writes a file.

        Args:
            data: What was divided; None means where it was.
            device: Where to compute.
        """
        return summarize_series(self.path, data, module=self.module, device=device)

    def to_data(self) -> dict[str, Any]:
        """Return the result as it stands in ``folds.json``."""
        return told_folds(self.data, len(self.scores.runs), self.seed) | self.scores.to_data()

    def __str__(self) -> str:
        first = f"{len(self.scores.runs)} folds of {self.data}, seed {self.seed}, each measured by the run without it"
        return "\n".join([first, *self.scores.lines(), f"run folders: {self.path}"])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


def told_folds(data: str, k: int, seed: int) -> dict[str, Any]:
    """Return what ``folds.json`` says from the beginning."""
    return {"kind": FOLDS_KIND, "data": data, "folds": k, "seed": seed}


def fold_parts(source: Source, k: int, config: TrainConfig) -> Sequence[Part]:
    """Return the runs of all folds, by the seed of ``config``.

    Raises:
        ConfigError, DataError: as `FoldSource`.
    """
    check_fold_count(k)
    return [
        Part(name=f"fold-{i}", source=FoldSource(source, i, k, config.seed), config=config)
        for i in range(1, k + 1)
    ]
