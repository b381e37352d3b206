"""Runs that one process and two train alike, and how to start two: the same module tells both."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
from toys import NAMES, quick, stripes

from striate.data import ArraySource, Recipe
from striate.data.augment.effects import Mixup, Shift
from striate.spec import (
    AuxHead,
    BatchNorm,
    Conv,
    Dropout,
    Flatten,
    Linear,
    MaxPool,
    Network,
    ReLU,
    Sequential,
)

MIXED = Recipe((Shift(x=(-0.1, 0.1)), Mixup(alpha=0.4))).to_yaml()


def net(*layers):
    """Return a network of a convolution, ``layers`` and a linear layer."""
    return Network(
        "small",
        (1, 8, 8),
        Sequential(
            Conv(4, 3, bias=False, name="conv"),
            *layers,
            ReLU(),
            MaxPool(2),
            Flatten(),
            Linear(3, name="head"),
        ),
    )


PLAIN, NORMED = net(), net(BatchNorm(name="norm"))
DROPPED = net(Dropout(0.5))
HEADED = net(AuxHead(Sequential(Flatten(), Linear(3, name="aux")), weight=0.3))


def uneven():
    """Return images of which half are of the first class, a sixth of the last; one class alone in some halves."""
    parts = {}
    for seed, (split, count) in enumerate({"train": 48, "val": 24}.items()):
        images, targets = stripes(2 * count, seed)
        kept = np.flatnonzero((targets != 2) | (np.arange(2 * count) % 4 == 2))[:count]
        parts[split] = images[kept], targets[kept]
    return ArraySource(
        "uneven", {s: i for s, (i, _) in parts.items()}, {s: t for s, (_, t) in parts.items()}, NAMES
    )


CASES = {
    "plain": (PLAIN, {"epochs": 4.0}),
    "class weights": (PLAIN, {"class_weights": "balanced", "label_smoothing": 0.1}),
    "parts": (PLAIN, {"class_weights": "balanced", "micro_batch": 3, "l2": 0.01, "clip_norm": 0.5}),
    "augmented": (PLAIN, {"augment": "mnist"}),
    "mixed": (PLAIN, {"augment": MIXED, "class_weights": "balanced"}),
    "balanced": (PLAIN, {"sampling": "balanced", "optimizer": "sgd", "ema": 0.9}),
    "auxiliary": (HEADED, {}),
    "normed": (NORMED, {"sync_batchnorm": True, "epochs": 4.0}),
    "normed swa": (NORMED, {"sync_batchnorm": True, "swa": 0.3}),
    "normed apart": (NORMED, {"epochs": 4.0, "ema": 0.9, "patience": 2}),
    "dropped": (DROPPED, {}),
    "measured": (PLAIN, {"plan": "auto", "schedule": "plateau", "plateau": 1, "epochs": 4.0}),
    "looked at": (NORMED, {"health_every": 2}),
}
"""Each a network and options; `SAME` are those of which the losses must not depend on the number of processes."""

SAME = [name for name in CASES if name not in ("normed apart", "dropped", "measured", "looked at")]


def config(options):
    """Return the configuration of a case."""
    return quick(**{"lr": 0.01} | options)


def environment(rank, port, **more):
    """Return what torchrun would set for one of two processes on this machine."""
    paths = [str(Path(__file__).parents[2]), str(Path(__file__).parent), *filter(None, sys.path)]
    return os.environ | {
        "RANK": str(rank),
        "WORLD_SIZE": "2",
        "LOCAL_RANK": str(rank),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(paths),
        **more,
    }


def free_port():
    """Return a port of this machine that nobody has."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def start_two(script, *arguments, folders, **more):
    """Start ``script`` as two processes, each in its folder."""
    port = free_port()
    return [
        subprocess.Popen(
            [sys.executable, str(script), *map(str, arguments)],
            env=environment(rank, port, **more),
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank, folder in enumerate(folders)
    ]
