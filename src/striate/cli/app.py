"""The entry point: finds the command, and turns every error into one message and an exit status."""

from __future__ import annotations

import importlib
import io
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any

import typer

import striate
from striate.cli.arguments import UsageError
from striate.cli.console import warn
from striate.cli.usage import REFUSAL, SILENT, as_flag, check_words, reworded
from striate.errors import StriateError
from striate.train.distributed.launching import given_up, may_tell

__all__ = ["COMMANDS", "PARTS", "main"]

COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "inspect": "The table of a network, before it exists.",
        "compare": "A layer dense, locally connected, tiled and convolutional.",
        "check": "What will go wrong, before the first step.",
        "plan": "How fast a step of training can be computed here.",
        "train": "Train a network on images; makes a run folder.",
        "eval": "Measure a run: accuracy, per-class table, confusion matrix.",
        "diff": "What two runs differ in.",
        "report": "A run on one page: curves, confusion matrix, worst classes, settings.",
        "predict": "Classes and probabilities of images.",
        "data": "Data sets: fetch, check, show and pack them; list and clear the cache.",
        "zoo": "The named networks.",
    }
)
"""Every command with its line in the list of commands."""

PARTS = ("data fetch", "data check", "data show", "data pack", "data cache")
"""The parts of commands that have several."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``striate`` with ``arguments``, by default those of the process, and exit with its status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    words = [word for word in given if word != "--debug"]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a character that the terminal lacks is no reason to fail
            stream.reconfigure(errors="backslashreplace")
    try:
        if (status := given_up()) is not None:  # as another process did, and told why
            sys.exit(status)
        check_words(words)
        called = next((word for word in words if not word.startswith("-")), None)
        status = _app(called)(words, prog_name="striate", obj=given, standalone_mode=False)
        sys.exit(status or 0)  # a command returns None; typer.Exit ends here as its status
    except REFUSAL as error:
        if type(error).__name__ == SILENT:
            error.show()  # type: ignore[attr-defined]
            sys.exit(2)
        _fail(reworded(error, words), debug, status=2)
    except typer.Abort:
        _fail("aborted.", debug)
    except UsageError as error:
        _fail(as_flag(str(error), words), debug, status=2)
    except StriateError as error:
        _fail(as_flag(str(error), words), debug)
    except KeyboardInterrupt:
        _fail("interrupted.", debug, status=130)
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}." if error.filename else f"{error}.", debug)
    except Exception as error:  # the last resort: whatever we did not foresee is still told in one message
        _fail(
            f"unexpected {type(error).__name__}: {error}. This is a bug in striate; "
            "run again with --debug to see where.",
            debug,
        )


def _fail(message: str, debug: bool, status: int = 1) -> None:
    if not may_tell(sys.exception(), status):
        sys.exit(status)
    if debug:
        warn(traceback.format_exc().rstrip("\n"))
    warn(f"striate: {message}")
    sys.exit(status)


def _app(called: str | None) -> typer.Typer:
    """Return the application; only the command that is called has its module loaded."""
    app = typer.Typer(
        add_completion=False,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        help="Designs, trains, explains and ships convolutional networks.\n\n"
        "Each command has --help with an example.",
    )
    app.callback()(_options)
    for name, help in COMMANDS.items():
        if name == called:
            command: Callable[..., Any] | typer.Typer
            command = importlib.import_module(f"striate.cli.{name}_command").command
            if isinstance(command, typer.Typer):  # a command of several parts
                app.add_typer(command, name=name)
            else:
                app.command(name)(command)
        else:
            app.command(name, help=help)(_not_called)
    return app


def _show_version(asked: bool) -> None:
    if asked:
        print(f"striate {striate.__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Take the options before the command; ``main`` has read ``--debug`` wherever it stands."""


def _not_called() -> None:
    raise AssertionError("a command that was not called runs")
