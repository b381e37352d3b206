"""Writes the golden files anew: help texts, tables of some named networks, the losses of a seeded run.

Run it, then read the diff: ``python tests/cli/regenerate.py``.
"""

import contextlib
import io
import json
import os
import tempfile
from pathlib import Path
from unittest import mock

from striate.analyze import analyze
from striate.cli import main
from striate.cli.app import COMMANDS, PARTS
from striate.spec import Conv, Flatten, Linear, MaxPool, Network, ReLU, Sequential
from striate.train import StepDone, TrainConfig, train
from striate.zoo import find

GOLDEN = Path(__file__).parent / "golden"
TABLES = """
    mlp lenet5 lenet5_relu lenet5_1998 alexnet vgg16 googlenet googlenet_aux inception_v3 squeezenet1_1 resnet18
""".split()
"""The networks whose tables are kept: between them every way of composing layers, and the oldest kinds."""


def help_text(command):
    """Return what ``striate COMMAND --help`` prints on 80 columns; of ``striate`` itself for ``""``."""
    printed = io.StringIO()
    with (
        mock.patch.dict(os.environ, {"COLUMNS": "80"}),
        contextlib.redirect_stdout(printed),
        contextlib.suppress(SystemExit),
    ):
        main([*command.split(), "--help"])
    return printed.getvalue()


def table(name):
    """Return the table of a named network."""
    return f"{analyze(find(name))}\n"


def losses(optimizer):
    """Return the losses of 20 seeded steps on the digits."""
    network = Network(
        "golden",
        (1, 8, 8),
        Sequential(Conv(8, 3, padding=1), ReLU(), MaxPool(2), Conv(16, 3), ReLU(), Flatten(), Linear(10)),
    )
    lr = {"adamw": 0.002, "sgd": 0.05}[optimizer]
    config = TrainConfig(epochs=20 * 32 / 1149, batch_size=32, optimizer=optimizer, lr=lr, device="cpu")
    with tempfile.TemporaryDirectory() as folder:
        events = list(train(network, "digits", config, Path(folder) / "run"))
    return [event.loss for event in events if isinstance(event, StepDone)]


TEXTS = {
    f"help_{command.replace(' ', '_') or 'striate'}.txt": (help_text, command)
    for command in ["", *COMMANDS, *PARTS]
} | {f"inspect_{name}.txt": (table, name) for name in TABLES}
CURVES = {f"losses_{optimizer}.json": optimizer for optimizer in ("adamw", "sgd")}


def regenerate():
    """Write every golden file."""
    GOLDEN.mkdir(exist_ok=True)
    for file, (make, argument) in TEXTS.items():
        (GOLDEN / file).write_text(make(argument), encoding="utf-8")
    for file, optimizer in CURVES.items():
        (GOLDEN / file).write_text(json.dumps(losses(optimizer), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    regenerate()
