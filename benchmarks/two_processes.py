"""What two processes on this machine do together, beside what `striate.analyze.predict_scaling` says of them.

    python benchmarks/two_processes.py [--write]

One process steps alone; then two at once, each by itself, which tells what they take from each other; then both
together. How fast gradients pass between them is measured apart. ``--write`` keeps the figures for docs/scaling.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

KEPT = Path(__file__).parents[1] / "docs" / "scaling.json"
STEPS, ROUNDS = 12, 5
SMALL, LARGE = 1, 4 * 2**20  # floats in a message


def networks():
    from striate import zoo
    from striate.spec import Flatten, Linear, Network, ReLU, Sequential

    layers = (Flatten(), Linear(2048), ReLU(), Linear(2048), ReLU(), Linear(10))
    return [
        (zoo.lenet5(), 128),
        (zoo.find("resnet20").with_num_classes(10), 32),
        (Network("wide", (1, 28, 28), Sequential(*layers)), 128),
    ]


def source(network):
    import numpy as np

    from striate.data import ArraySource

    rng = np.random.default_rng(0)
    targets = np.arange(512) % 10
    images = rng.integers(0, 256, (512, *network.input), np.uint8)
    names = tuple(f"class {i}" for i in range(10))
    return ArraySource("noise", {"train": images, "val": images}, {"train": targets, "val": targets}, names)


def seconds_of(network, batch, peers):
    """Return the median seconds of a step of ``peers``, each with ``batch`` images."""
    from striate.data import Batches
    from striate.train import TrainConfig
    from striate.train.feeding import made_ready
    from striate.train.prepare import prepare
    from striate.train.stepping import Stepper

    size = batch * peers.world.size
    options = {
        "plan": "plain",
        "threads": 1,
        "device": "cpu",
        "health_every": None,
        "optimizer": "sgd",
        "lr": 0.001,
    }
    prepared = prepare(network, source(network), TrainConfig(batch_size=size, **options), peers=peers)
    inputs = made_ready(prepared, Batches(prepared.train, size, 0)[0])
    stepper = Stepper(prepared, 1000)
    taken = []
    for _ in range(STEPS):
        began = time.perf_counter()
        stepper.step_at(0.001, inputs)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken[2:])


def message_seconds(floats):
    import torch
    import torch.distributed as dist

    tensor, taken = torch.zeros(floats), []
    for _ in range(30 if floats < 1000 else 8):
        dist.barrier()
        began = time.perf_counter()
        dist.all_reduce(tensor)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken[2:])


def work():
    """Measure, in one of two processes."""
    import torch
    import torch.distributed as dist

    from striate.train.distributed import ALONE, World
    from striate.train.distributed.group import join

    torch.set_num_threads(1)
    peers = join(World.of_environment(), torch.device("cpu"))
    latency = statistics.median(message_seconds(SMALL) for _ in range(3))
    large = statistics.median(message_seconds(LARGE) for _ in range(3))
    rows = []
    for network, batch in networks():
        alone, at_once, together = [], [], []
        for _ in range(ROUNDS):  # in turn, so that what else the machine does meets all of them
            dist.barrier()
            if peers.world.writes:
                alone.append(seconds_of(network, batch, ALONE))
            dist.barrier()
            at_once.append(seconds_of(network, batch, ALONE))
            dist.barrier()
            together.append(seconds_of(network, batch, peers))
        figures = {"alone": alone, "at_once": at_once, "together": together}
        medians = {name: statistics.median(values) for name, values in figures.items() if values}
        rows.append({"network": network.name, "batch": batch, **medians})
    if peers.world.writes:
        print(json.dumps({"latency": latency, "large": large, "rows": rows}))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="keep the figures for the page")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.work:
        work()
        return
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*command, __file__, "--work"],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    measured = json.loads(done.stdout.splitlines()[-1])
    turns = 2  # of a ring of two, each of half a message
    latency = measured["latency"] / turns
    bandwidth = 4 * LARGE / (measured["large"] - measured["latency"])
    kept = {
        "date": str(date.today()),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, one thread a process, Gloo over loopback",
        "latency": latency,
        "bandwidth": bandwidth,
        "rows": measured["rows"],
    }
    print(json.dumps(kept, indent=2))
    if wanted.write:
        KEPT.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
