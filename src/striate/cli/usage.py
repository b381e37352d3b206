"""What typer refuses, in our words: one sentence that names the option, what it got and how to mend it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import typer

from striate.cli.arguments import UsageError
from striate.errors import nearest

__all__ = ["REFUSAL", "SILENT", "as_flag", "check_words", "reworded"]

REFUSAL: type[Exception] = typer.BadParameter.__mro__[2]
"""The base of all that typer refuses: click's ``ClickException``, or the copy of it that newer versions bring along."""

SILENT = "NoArgsIsHelpError"
"""What is no mistake, but shows the help."""

_KINDS: Mapping[str, str] = MappingProxyType(
    {"int": "a whole number", "integer": "a whole number", "float": "a number", "number": "a number"}
)
_KIND = re.compile(rf"valid ({'|'.join(_KINDS)})\b")
_QUOTED = re.compile(r"^No such command (?:'(.*)'|\"(.*)\")\.", re.DOTALL)
_OPTION = re.compile(r"^([a-z]\w*)=(True|False)?")


def check_words(words: Sequence[str]) -> None:
    """Raise `UsageError` if a word or the value of a flag is empty, which typer takes for the folder where we are."""
    for before, word in pairwise(["", *words]):
        name, equals, value = word.partition("=")
        if word.startswith("--") and equals and not value:
            raise UsageError(f"{name} is empty; give it a value, or leave it out.")
        if not word:
            place = f"behind {before}" if before else "at the beginning"
            raise UsageError(f"an empty word stands {place}; give a value there, or leave it out.")


def as_flag(message: str, words: Sequence[str]) -> str:
    """Return a message that begins with an option, ``lr=-1 must …``, with the flag in its place, if it was given so."""
    found = _OPTION.match(message)
    if found is None:
        return message
    dashed = found[1].replace("_", "-")
    flag = f"--no-{dashed}" if found[2] == "False" else f"--{dashed}"
    if not any(word == flag or word.startswith(f"{flag}=") for word in words):
        return message
    return flag + message[found.end() :] if found[2] else f"{flag} {message[found.end() :]}"


def reworded(error: Any, words: Sequence[str]) -> str:
    """Return what to say of a `REFUSAL`.

    Args:
        error: What typer raised.
        words: The command line.
    """
    context: Any = getattr(error, "ctx", None)
    path = f"striate {words[0]}" if context is None else context.command_path
    # By their names, for which of two packages they are of depends on the version of typer.
    match type(error).__name__:
        case "NoSuchOption":
            return _no_option(error.option_name, context, words, path)
        case "BadOptionUsage":
            name = error.option_name
            if "not take" in error.message:
                return f"{name} takes no value; write {name} alone."
            return f"{name} needs a value. {path} --help says which."
        case "MissingParameter":
            return f"missing {_called(error.param)}. {path} --help shows an example."
        case "BadParameter":
            return _bad_value(error)
    message = str(error.message)
    if found := _QUOTED.match(message):
        name = found[1] or found[2] or ""
        near = [repr(n) for n in nearest(name, context.command.list_commands(context))]
        return f"there is no command {name!r}.{_meant(near)} {path} --help lists them."
    if message.startswith("Missing command"):
        return f"no command is given. {path} --help lists them."
    if message.startswith("Got unexpected extra"):
        taken = [_called(p) for p in context.command.params if p.param_type_name == "argument"]
        takes = " ".join(taken) or "no words but options"
        return f"{message.rpartition('(')[2].rstrip(')')!r} is too much: {path} takes {takes}."
    return message


def _no_option(name: str, context: Any, words: Sequence[str], path: str) -> str:
    if not name.startswith("--"):  # of -lr typer tells the first letter alone
        typed = (word for word in words if word.startswith(name) and not word.startswith("--"))
        name = next(typed, name).partition("=")[0]
    known = [flag for p in context.command.get_params(context) for flag in (*p.opts, *p.secondary_opts)]
    names = [flag.removeprefix("--") for flag in known if flag.startswith("--")]
    near = [f"--{found}" for found in nearest(name.lstrip("-"), names)]
    return f"there is no option {name}.{_meant(near)} {path} --help lists them."


def _meant(near: Sequence[str]) -> str:
    return f" Did you mean {' or '.join(near)}?" if near else ""


def _called(param: Any) -> str:
    """Return a parameter as it is written: ``--lr``, ``NETWORK``."""
    if param.param_type_name == "option":
        return str(param.opts[0])
    return str(param.metavar or param.name.upper())


def _bad_value(error: Any) -> str:
    message = str(error.message)
    name = _called(error.param) if error.param is not None else ""
    failures: list[Any] = getattr(error.__cause__, "errors", list)()  # pydantic's, which tells the value
    value = repr(failures[0]["input"]) if failures else message.partition(" is not a valid")[0]
    if found := _KIND.search(message):
        return f"{name} {value} must be {_KINDS[found[1]]}."
    return f"{name}: {message}"
