"""The exception tree, and the few helpers that word a bad argument the same way everywhere.

Every error that Striate explains to a user derives from `StriateError`; its text is one message that
names what was wrong, what is allowed and how to mend it. This module knows nothing of networks.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

__all__ = [
    "ChangedError",
    "ConfigError",
    "DataError",
    "DescriptionError",
    "DistributedError",
    "RunError",
    "ShapeError",
    "StriateError",
    "TrainingError",
    "WeightsError",
    "bad_argument",
    "did_you_mean",
    "listed",
    "nearest",
    "printable",
    "unknown_name",
    "validation_message",
]


_ELSEWHERE: Mapping[str, str] = MappingProxyType(
    {
        # options of training
        "learningrate": "lr", "initiallr": "lr", "baselr": "lr", "lrmax": "lr", "maxlr": "lr", "eta": "lr",
        "wd": "weight_decay", "decay": "weight_decay",
        "bs": "batch_size", "batch": "batch_size", "minibatchsize": "batch_size",
        "numepochs": "epochs", "nepochs": "epochs", "nepoch": "epochs", "nbepoch": "epochs", "maxepochs": "epochs",
        "opt": "optimizer", "optim": "optimizer", "optimfunc": "optimizer", "solver": "optimizer",
        "sched": "schedule", "scheduler": "schedule", "lrscheduler": "schedule", "lrschedule": "schedule",
        "criterion": "loss", "lossfn": "loss", "lossfunc": "loss", "lossfunction": "loss",
        "milestones": "at", "stepsize": "every", "gamma": "factor", "tmult": "growth", "t0": "every",
        "warmupepochs": "warmup", "warmupsteps": "warmup", "warmupratio": "warmup", "pctstart": "warmup",
        "epsilon": "eps", "beta1": "betas", "beta2": "betas", "rho": "smoothing",
        "clipnorm": "clip_norm", "clipgradnorm": "clip_norm", "maxgradnorm": "clip_norm", "gradclip": "clip_norm",
        "gradientclipval": "clip_norm", "clipgradvalue": "clip_value",
        "randomstate": "seed", "randomseed": "seed", "rngseed": "seed", "manualseed": "seed",
        "amp": "precision", "mixedprecision": "precision", "dtype": "precision",
        "earlystopping": "patience", "earlystop": "patience",
        "accumulategradbatches": "micro_batch", "microbatchsize": "micro_batch",
        "initializer": "init", "kernelinitializer": "init",
        "transform": "augment", "transforms": "augment", "augmentation": "augment",
        "gpu": "device", "gpus": "nproc", "nprocpernode": "nproc", "outputdir": "out", "savedir": "out",
        # their values
        "mse": "squared", "mseloss": "squared", "meansquarederror": "squared", "l2loss": "squared",
        "bce": "binary", "bcewithlogits": "binary", "binarycrossentropy": "binary", "bcewithlogitsloss": "binary",
        "ce": "cross-entropy", "nll": "cross-entropy", "nllloss": "cross-entropy", "crossentropyloss": "cross-entropy",
        "categoricalcrossentropy": "cross-entropy", "sparsecategoricalcrossentropy": "cross-entropy",
        "sgdm": "sgd", "momentum": "sgd", "nesterov": "sgd",
        "onecyclelr": "one-cycle", "multisteplr": "multi-step", "steplr": "step", "exponentiallr": "exponential",
        "cosineannealinglr": "cosine", "cosineannealing": "cosine", "cosinedecay": "cosine",
        "sgdr": "warm-restarts", "cosineannealingwarmrestarts": "warm-restarts",
        "cosinedecayrestarts": "warm-restarts",
        "reduceonplateau": "plateau", "reducelronplateau": "plateau",
        # options of layers
        "filters": "out_channels", "units": "out_features", "poolsize": "kernel_size", "dilationrate": "dilation",
    }
)  # fmt: skip
"""What Keras, PyTorch and fastai call otherwise, in small letters without dashes, and our names for it."""


class StriateError(Exception):
    """Base of every error that Striate explains in one message."""


class DescriptionError(StriateError, ValueError):
    """A network description is malformed: an unknown kind, a bad field, two layers of one name."""


class ShapeError(StriateError, ValueError):
    """A shape that reaches a layer cannot pass through it."""


class WeightsError(StriateError, ValueError):
    """A weights file does not fit the module, or is not a weights file."""


class DataError(StriateError, ValueError):
    """A data source is missing, malformed or inconsistent."""


class ChangedError(DataError):
    """Data are not any more what was counted in their fingerprint when they were opened."""


class ConfigError(StriateError, ValueError):
    """A training option is out of range or contradicts another."""


class RunError(StriateError, RuntimeError):
    """A run folder is missing, foreign, newer than this version, or cannot be written."""


class TrainingError(StriateError, RuntimeError):
    """Training cannot go on, for instance because the loss is no longer a number."""


class DistributedError(TrainingError):
    """Several processes cannot train together: one hangs or is gone, or they were started wrongly."""


_NEARLY = 0.2
"""How much less alike than the best a second name may be."""


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Return the names of ``known`` that ``name`` may stand for, best first: two at most, perhaps none.

    That is the same name otherwise written, or what other libraries call so, or what is spelled like it.
    """
    by_lower = {k.lower(): k for k in known}
    by_letters = {_letters(k): k for k in by_lower}
    letters = _letters(name.lower())
    for same in (letters, *map(_letters, _ELSEWHERE.get(letters, "").split())):
        if same in by_letters:
            return [by_lower[by_letters[same]]]
    close = difflib.get_close_matches(name.lower(), by_lower, n=2, cutoff=0.55)
    alike = [difflib.SequenceMatcher(None, c, name.lower()).ratio() for c in close]
    return [by_lower[c] for c, ratio in zip(close, alike, strict=True) if ratio > alike[0] - _NEARLY]


def _letters(name: str) -> str:
    return re.sub("[-_ ]", "", name)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the nearest known names, or an empty string."""
    close = nearest(name, known)
    return f" Did you mean {' or '.join(map(repr, close))}?" if close else ""


def unknown_name(what: str, name: str, known: Iterable[str]) -> str:
    """Word an unknown name: what it should have been, the nearest known one, and all of them."""
    names = sorted(known)
    return f"unknown {what} {name!r}.{did_you_mean(name, names)} Known: {', '.join(names)}."


def bad_argument(name: str, value: object, allowed: str, fix: str = "") -> str:
    """Word a bad argument: its name, the value it got, what is allowed and how to mend it."""
    message = f"{name}={_shown(value)}: must be {allowed}."
    return f"{message} {fix}" if fix else message


def listed(names: Iterable[object], limit: int = 10) -> str:
    """Join names for a message, cut after ``limit`` with a count of the rest."""
    items = [str(n) for n in names]
    rest = len(items) - limit
    return ", ".join(items[:limit]) + (f" and {rest} more" if rest > 0 else "")


def printable(text: str) -> str:
    """Return a text in one line, without characters that would move the cursor or color the screen."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


_KINDS: Mapping[str, str] = MappingProxyType(
    {
        "a valid number": "a number",
        "a valid integer": "a whole number",
        "a valid string": "a text",
        "a valid boolean": "true or false",
    }
)
"""How pydantic calls kinds of values, and we."""


def validation_message(owner: str, fields: Sequence[str], failures: Sequence[Mapping[str, Any]]) -> str:
    """Word the first of pydantic's failures as one sentence.

    Args:
        owner: The class whose arguments were wrong.
        fields: Its fields, positional ones first.
        failures: What ``ValidationError.errors()`` returns.
    """
    # A misspelled option also counts as missing; say what was written before what was not.
    first = min(failures, key=lambda failure: "missing" in failure["type"])
    if not first["loc"]:  # options that do not go together
        return f"{owner}: {first['msg'].removeprefix('Value error, ')}."
    at = first["loc"][0]
    where = fields[at] if isinstance(at, int) and at < len(fields) else str(at)
    takes = f"It takes: {', '.join(fields)}."
    match first["type"]:
        case "missing_argument" | "missing":
            return f"{owner} needs {where!r}. {takes}"
        case "unexpected_keyword_argument":
            return f"{owner} has no option {where!r}.{did_you_mean(where, fields)} {takes}"
        case "unexpected_positional_argument":
            return f"{owner} got too many positional arguments. {takes}"
    allowed = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    for kind, ours in _KINDS.items():
        if allowed.startswith(kind):
            allowed = ours
    for limit in first.get("ctx", {}).values():
        if isinstance(limit, float):  # pydantic writes 1e30 with all its zeros
            allowed = re.sub(r"\d{17,}", f"{limit:g}", allowed)
    if not allowed.startswith(("must", "is ")):
        allowed = f"must be {allowed}"
    hint = ""
    if first["type"] == "literal_error" and isinstance(first["input"], str):
        hint = did_you_mean(first["input"], re.findall(r"'([^']*)'", first["ctx"]["expected"]))
    return f"{owner}: {where}={_shown(first['input'])} {allowed}.{hint}"


def _shown(value: object) -> str:
    """Return a value as it is written, a very long one without its middle."""
    try:
        text = repr(value)
    except ValueError:  # a whole number of thousands of digits
        return "a number of very many digits"
    return text if len(text) <= 240 else f"{text[:160]} … {text[-60:]}"
