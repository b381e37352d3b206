"""`SeriesSummary`: what the runs of a cross-validation or an ensemble came to together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from striate.errors import listed
from striate.train.check.pace import duration
from striate.train.metrics import Evaluation, LabelEvaluation
from striate.train.several.scores import Scores, shown
from striate.train.several.series_folder import SeriesFolder
from striate.train.summary.history import CUT_SHORT
from striate.train.summary.saving import FORMATS, save_summary
from striate.train.summary.summary import Summary, short_name

__all__ = ["Entry", "SeriesSummary"]

_NAMED = 6


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One of the runs.

    Attributes:
        name: Of its folder.
        done: Whether it came to its end; others are shown, but count nowhere.
        summary: Its own; None if there is no such run, or it cannot be read.
        problem: Why it cannot be read.
    """

    name: str
    done: bool
    summary: Summary | None
    problem: str = ""

    @property
    def state(self) -> str:
        """How it ended, or why there is nothing of it."""
        if self.summary is None:
            return "cannot be read" if self.problem else "not begun"
        ending = self.summary.history.ending
        return "completed" if self.done and ending == CUT_SHORT else ending


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class SeriesSummary:
    """The course of several runs, what each reached, and what they answer together.

    Attributes:
        series: Their folder.
        entries: The runs, also those that are not done, or not there.
        scores: What each run reached that is done; None if none is, or none could be measured.
        together: Of folds, the answers of each run to the fold that it lacks, put together; of members, their mean
            answer. None if it could not be made.
        problem: Why not.
    """

    series: SeriesFolder
    entries: tuple[Entry, ...]
    scores: Scores | None
    together: Evaluation | LabelEvaluation | None
    problem: str = ""

    @property
    def path(self) -> Path:
        """The folder of the runs."""
        return self.series.path

    @property
    def runs(self) -> list[Summary]:
        """The summaries of the runs that there are."""
        return [entry.summary for entry in self.entries if entry.summary is not None]

    @property
    def done(self) -> list[Summary]:
        """The summaries of the runs that came to their end."""
        return [entry.summary for entry in self.entries if entry.summary is not None and entry.done]

    @property
    def title(self) -> str:
        """The network, the data, and how many runs."""
        data = short_name(self.series.data)
        of = f"{self.runs[0].network} on {data}" if self.runs else data
        bagged = ", bagging" if self.series.told.get("bagging") is True else ""
        count = len(self.entries)
        return f"{of}, {count} {self.series.one}{'s' if count > 1 else ''}{bagged}"

    @property
    def figure(self) -> str:
        """The name of the figure that matters most."""
        known = self.scores is not None and "mean_average_precision" in self.scores.figures
        return "mean_average_precision" if known else "accuracy"

    @property
    def result(self) -> str:
        """The one sentence that matters most."""
        if self.scores is None:
            return f"No {self.series.one} is measured yet" if not self.done else "Not measured"
        what = self.figure.replace("_", " ")
        alone = self.spread(self.figure)
        if self.series.folds:
            return f"{alone} {what} over {self._count()} folds"
        if self.together is None:
            return f"{alone} {what}, each of {self._count()} members"
        together = shown(self.figure, getattr(self.together, self.figure))
        if len(self.scores.runs) == 1:
            return f"{together} {what} of {self._count()} member{'s' if len(self.entries) > 1 else ''}"
        some = "" if len(self.scores.runs) == len(self.entries) else f" ({self._count()})"
        return f"{together} {what} together, members{some} {alone}"

    def reached(self) -> list[tuple[int, str, float]]:
        """Return of each measured run its number, counted from 1 with those that are not done, its name, the figure."""
        if self.scores is None:
            return []
        numbers = {entry.name: number for number, entry in enumerate(self.entries, 1)}
        return [
            (numbers[name], name, value)
            for name, value in zip(self.scores.runs, self.scores.figures[self.figure], strict=True)
        ]

    def spread(self, figure: str) -> str:
        """Return the mean of a figure, and the standard deviation if there is one: ``97.29% ± 1.06%``."""
        assert self.scores is not None
        mean, deviation = self.scores.mean[figure], self.scores.deviation[figure]
        some = "" if deviation is None else f" ± {shown(figure, deviation)}"
        return f"{shown(figure, mean)}{some}"

    def _count(self) -> str:
        assert self.scores is not None
        measured, planned = len(self.scores.runs), len(self.entries)
        return str(planned) if measured == planned else f"{measured} of {planned}"

    @property
    def course(self) -> str:
        """How many runs came to their end."""
        steps, seconds = (
            sum(getattr(run.history, name) for run in self.runs) for name in ("steps", "seconds")
        )
        spent = f": {steps:,} steps in {duration(seconds)}" if steps else ""
        count, one = len(self.entries), self.series.one
        if not self.left:
            return f"{'all ' if count > 1 else ''}{count} {one}{'s' if count > 1 else ''} done{spent}"
        return f"{count - len(self.left)} of {count} {one}s done{spent}"

    @property
    def left(self) -> list[Entry]:
        """The runs that are not done."""
        return [entry for entry in self.entries if not entry.done]

    @property
    def unfinished(self) -> str:
        """Which runs are not done, why, and what to do about it; empty if all are."""
        if not self.left:
            return ""
        states: dict[str, list[str]] = {}
        for entry in self.left:
            states.setdefault(entry.state, []).append(entry.name)
        told = ", ".join(f"{listed(names, _NAMED)} ({state})" for state, names in states.items())
        damaged = [entry.problem for entry in self.left if entry.problem]
        how = self.series.how_to_finish if len(damaged) < len(self.left) else ""
        return " ".join([f"Not counted: {told}.", *damaged[:_NAMED], *([how] if how else [])])

    @property
    def html(self) -> str:
        """The summary as a whole HTML file, its links being those of a file in the folder of the runs."""
        return self._page(self.path)

    def save(self, path: str | Path) -> None:
        """Write the summary to a file, whole or not at all.

        Args:
            path: ``.html`` or ``.png`` at its end says how.

        Raises:
            ConfigError: if the name ends otherwise.
            RunError: if it cannot be written; what stood there before is kept.
        """
        save_summary(Path(path), lambda: self._page(Path(path).parent), self._picture)

    def save_in_folder(self) -> tuple[Path, ...]:
        """Write ``summary.html`` and ``summary.png`` into the folder of the runs; return their paths. See `save`."""
        files = tuple(self.path / f"summary{suffix}" for suffix in FORMATS)
        for file in files:
            self.save(file)
        return files

    def _page(self, place: Path) -> str:
        from striate.train.summary.series_page import page

        return page(self, place)

    def _picture(self) -> bytes:
        from striate.train.summary.series_picture import picture

        return picture(self)

    def __str__(self) -> str:
        lines = [self.title, f"{self.result}; {self.course}"]
        if self.scores is not None:
            below = {} if self.together is None or self.series.folds else {"together": self.together}
            lines += ["", *self.scores.lines(below)]
        lines += (
            ["", str(self.together)] if self.together is not None else [self.problem] if self.problem else []
        )
        return "\n".join([*lines, *([self.unfinished] if self.left else [])])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from striate.train.summary.series_page import body

        return body(self, None)
