"""What ``striate train`` does beside the training: tells trackers of the run, and puts it on a page at the end."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from striate.cli.arguments import UsageError
from striate.cli.console import say, warn
from striate.errors import StriateError, unknown_name
from striate.train.readers import READERS, ReaderWarning

if TYPE_CHECKING:
    from striate.data import Source
    from striate.run import Run
    from striate.train.summary import SeriesSummary

__all__ = ["LOG_HELP", "check_log", "plain_reader_warnings", "write_series_summary", "write_summary"]

LOG_HELP = "Also tell the run to mlflow or wandb; may be given twice."


def check_log(names: Sequence[str], mode: str | None) -> None:
    """Raise `UsageError` if there is no such tracker, or ``mode``, a flag, leaves no run to tell of."""
    for name in names:
        if name not in READERS:
            raise UsageError(f"--log: {unknown_name('tracker', name, READERS)}")
    if names and mode is not None:
        raise UsageError(
            f"--log and {mode} do not go together; trackers are told of runs, and {mode} leaves none."
        )


@contextmanager
def plain_reader_warnings() -> Iterator[None]:
    """Print what befalls a tracker as one line, not as a warning of Python with its place."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", ReaderWarning)
        elsewhere = warnings.showwarning

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if issubclass(category, ReaderWarning):
                warn(f"warning: {message}")
            else:
                elsewhere(message, category, filename, lineno, file, line)

        warnings.showwarning = show
        yield


def write_summary(run: Run, data: str | Source | None, device: str, *, quiet: bool) -> None:
    """Write the summary into the run folder and say where; what prevents it is told, for the run is whole without."""
    _written(lambda: run.summary(data=data, device=device).save_in_run(), quiet=quiet)


def write_series_summary(make: Callable[[], SeriesSummary], *, quiet: bool) -> None:
    """Write the summaries of several runs, of each into its folder and of all beside them; else as `write_summary`."""

    def write() -> Sequence[Path]:
        summary = make()
        for run in summary.done:
            run.save_in_run()
        return summary.save_in_folder()

    _written(write, quiet=quiet)


def _written(write: Callable[[], Sequence[Path]], *, quiet: bool) -> None:
    """Call ``write``, which returns the paths of a page and a picture, and say where the page is, or what failed."""
    try:
        page, _ = write()
    except Exception as error:  # whatever it is, the training has come to its end
        told = str(error) if isinstance(error, StriateError) else f"{type(error).__name__}: {error}"
        warn(f"warning: no summary was written: {' '.join(told.split())}")
        return
    if not quiet:
        say(f"summary: {page}")
