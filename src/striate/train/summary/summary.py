"""`Summary`: what a run came to, as a value that is shown as a page, as a picture, or in a few lines."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from striate.analyze import analyze, macs_text
from striate.train.check.pace import duration
from striate.train.folder import RunRecord
from striate.train.metrics import Evaluation, LabelEvaluation
from striate.train.summary.history import History
from striate.train.summary.saving import FORMATS, save_summary

__all__ = ["Summary", "epoch_text", "short_name"]

_PLACE = re.compile(r"\w+:.*/|/")  # of a kind of source, or of none


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Summary:
    """The course of a run, and how well its weights answer.

    Attributes:
        path: The run folder.
        record: What ``run.yaml`` says.
        history: What the event log says.
        evaluation: Of the weights that the run kept; None if it could not be made.
        problem: Why not.
    """

    path: Path
    record: RunRecord
    history: History
    evaluation: Evaluation | LabelEvaluation | None
    problem: str = ""

    @property
    def title(self) -> str:
        """The network and the data."""
        return f"{self.network} on {short_name(self.record.data)}"

    @property
    def network(self) -> str:
        """The name of the network, or the class of the module."""
        record = self.record
        return record.network.name if record.network else str(record.module)

    @property
    def network_line(self) -> str:
        """The network in one line: parameters, multiply-accumulates, input."""
        parts = [self.network]
        if self.history.params is not None:
            parts.append(f"{self.history.params:,} parameters")
        if self.record.network is not None:
            analysis = analyze(self.record.network)
            parts += [
                f"{macs_text(analysis.totals.macs)} per image",
                f"input {'×'.join(map(str, analysis.input))}",
            ]
        return ", ".join(parts)

    @property
    def result(self) -> str:
        """The one sentence that matters most."""
        best = self.history.best
        if best is None:
            return "No validation yet"
        epoch = epoch_text(min(best.epoch, self.history.planned_epochs))
        of = f"{self.history.planned_epochs:g}"
        return f"Best val {self.history.measure} {best.accuracy:.2%}, at epoch {epoch} of {of}"

    @property
    def course(self) -> str:
        """How far it came, and how it ended."""
        history = self.history
        done = f"{history.steps:,} of {history.planned_steps:,} steps in {duration(history.seconds)}"
        return f"{history.ending}: {done}" if history.steps else history.ending

    @property
    def warnings(self) -> tuple[str, ...]:
        """What speaks against the network: that it knows nothing, and what was seen of its layers in training."""
        measured = self.evaluation
        if isinstance(measured, Evaluation):
            supports = [each.support for each in measured.classes if each.support]
            most = max(supports) / measured.images
            if len(supports) > 1 and measured.accuracy <= most:
                right = f"{measured.accuracy:.2%} of the images of {measured.split} are right"
                always = f"to name its most frequent class each time gives {most:.2%}"
                return (
                    f"{right}, and {always}: the network has learned nothing that helps.",
                    *self.history.warnings,
                )
        return self.history.warnings

    @property
    def html(self) -> str:
        """The summary as a whole HTML file; it needs no other file and no network."""
        from striate.train.summary.page import page

        return page(self)

    def save(self, path: str | Path) -> None:
        """Write the summary to a file, whole or not at all.

        Args:
            path: ``.html`` or ``.png`` at its end says how.

        Raises:
            ConfigError: if the name ends otherwise.
            RunError: if it cannot be written; what stood there before is kept.
        """
        save_summary(Path(path), lambda: self.html, self._picture)

    def save_in_run(self) -> tuple[Path, ...]:
        """Write ``summary.html`` and ``summary.png`` into the run folder, and return their paths; see `save`."""
        files = tuple(self.path / f"summary{suffix}" for suffix in FORMATS)
        for file in files:
            self.save(file)
        return files

    def _picture(self) -> bytes:
        from striate.train.summary.picture import picture

        return picture(self)

    def __str__(self) -> str:
        measured = (
            f"\n\n{self.evaluation}" if self.evaluation else f"\n{self.problem}" if self.problem else ""
        )
        return f"{self.title}\n{self.result}; {self.course}\n{self.network_line}{measured}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from striate.train.summary.page import body

        return body(self)


def short_name(data: str) -> str:
    """Return what data are called in a title: of a place only what it ends with; a fold or sample keeps its number."""
    part, _, place = data.rpartition("@")
    if part.startswith(("fold:", "bag:")):
        number, _, rest = place.partition(":")
        return f"{part}@{number}:{short_name(rest)}"
    if not _PLACE.match(data) or data.startswith(("fold:", "bag:")):
        return data
    return data.partition("?")[0].rstrip("/").rpartition("/")[2] or data


def epoch_text(epoch: float) -> str:
    """Write an epoch as it is counted: a part of the first with two digits, later ones whole."""
    return f"{epoch:.2g}" if epoch < 1 else f"{epoch:.0f}"
