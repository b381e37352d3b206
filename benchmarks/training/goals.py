"""From a cold command line to an accuracy, everything included: ``striate train`` against the plain script."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from timing import interleaved, ratio, report

from training import data
from training.processes import FOLDER

__all__ = ["reach_goals"]

ROUNDS = 2
OURS, PLAIN = "striate train", "the plain script"
CROP = "kind: striate augmentation\neffects: [RandomCrop: {{margin: {}}}]\n"


@dataclass(frozen=True, kw_only=True)
class Goal:
    """An accuracy on images that are not learned from, and how both are to reach it: LeNet-5, AdamW, cosine."""

    title: str
    splits: Callable[[], tuple[data.Images, data.Images]]
    accuracy: float
    epochs: int
    batch_size: int
    lr: float
    margin: int


def digits() -> tuple[data.Images, data.Images]:
    """Return Striate's digits: its training and validation images to learn from, those to test on."""
    from striate.data import open_source  # which loads torch

    source = open_source("digits")
    parts = {split: (source.array(split), source.targets[split]) for split in ("train", "val", "test")}
    learned = tuple(np.concatenate(pair) for pair in zip(parts["train"], parts["val"], strict=True))
    return learned, parts["test"]


GOALS = (
    Goal(
        title="99 % on the digits", splits=digits, accuracy=0.99, epochs=40, batch_size=32, lr=0.003, margin=2
    ),
    Goal(
        title="90 % on Fashion-MNIST",
        splits=data.fashion,
        accuracy=0.9,
        epochs=15,
        batch_size=64,
        lr=0.002,
        margin=1,
    ),
)


class Missed(Exception):
    """The epochs are over and the accuracy was not reached; the best that was."""


def reach_goals() -> bool:
    """Print how long both take to each goal; return whether both reach all, Striate sooner."""
    good = True
    for goal in GOALS:
        print(f"\n{goal.title}, from a cold command line", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "images.npz")
            data.write_splits(path, *goal.splits())
            jobs = {name: partial(reach, goal, path, name) for name in (OURS, PLAIN)}
            try:
                times = interleaved(jobs, ROUNDS)
            except Missed as missed:
                print(f"  not reached: {missed}  MISSED", flush=True)
                good = False
                continue
        report(times)
        sooner = ratio(times, PLAIN, OURS)
        good &= sooner > 1
        told = "" if sooner > 1 else "  MISSED"
        print(f"  {sooner:.2f} × as fast as the plain script (wanted: more than 1){told}", flush=True)
    return good


def reach(goal: Goal, path: Path, name: str) -> None:
    """Start one of the two, wait until it says that the accuracy is reached, and end it.

    Raises:
        Missed: if it ends before.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = striate_command(goal, path, Path(folder)) if name == OURS else plain_command(goal, path)
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=FOLDER
        )
        best = 0.0
        with closing(accuracies(process)) as reported:
            for accuracy in reported:
                best = max(best, accuracy)
                if accuracy >= goal.accuracy:
                    return
    raise Missed(f"{name} has at best {best:.2%}, and ended with status {process.returncode}.")


def striate_command(goal: Goal, path: Path, folder: Path) -> list[str]:
    """Return the command of a user of Striate; its recipe is written to ``folder``."""
    recipe = folder / "crop.yaml"
    recipe.write_text(CROP.format(goal.margin))
    options = {
        "data": f"npz:{path}",
        "out": folder / "run",
        "epochs": goal.epochs,
        "batch-size": goal.batch_size,
        "lr": goal.lr,
        "augment": recipe,
    }
    listed = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    return [str(Path(sys.executable).with_name("striate")), "train", "lenet5_relu", *listed, "--json"]


def plain_command(goal: Goal, path: Path) -> list[str]:
    """Return the command that runs the plain script."""
    options = {
        "epochs": goal.epochs,
        "batch-size": goal.batch_size,
        "lr": goal.lr,
        "margin": goal.margin,
        "target": goal.accuracy,
    }
    listed = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    return [sys.executable, "-m", "training.plain", str(path), *listed]


def accuracies(process: subprocess.Popen[str]) -> Iterator[float]:
    """Yield the accuracies that a process prints, each in a line of JSON; closed, it ends the process."""
    try:
        for line in process.stdout:
            said = json.loads(line)
            if "accuracy" in said:
                yield said["accuracy"]
    finally:
        process.terminate()
        process.communicate()
