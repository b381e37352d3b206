"""One peer in a process that stays: cold time and memory are its own, and it works only when it is told to.

    python -m training.worker PEER WORKLOAD DATA.npz

It prints a line of JSON when its first step is done, and one for each line that it reads: how many images it then
learned from, in how many seconds, and the most memory it has held. Before its first round it finds out how many steps
a round is to have.
"""

import argparse
import importlib
import json
import math
import os
import sys
from pathlib import Path

from training.setting import Run, Setting
from training.workloads import (
    FASTAI,
    KERAS_JAX,
    KERAS_JAX_SHIFTED,
    KERAS_TORCH,
    KERAS_TORCH_SHIFTED,
    LIGHTNING,
    OURS,
    WORKLOADS,
)

HOMES = {
    OURS: "ours",
    LIGHTNING: "peers_lightning",
    FASTAI: "peers_fastai",
    **dict.fromkeys((KERAS_TORCH, KERAS_TORCH_SHIFTED, KERAS_JAX, KERAS_JAX_SHIFTED), "peers_keras"),
}


def made(peer: str, setting: Setting) -> Run:
    """Return the steps of a peer, importing no other."""
    home = importlib.import_module(f"training.{HOMES.get(peer, 'peers_torch')}")
    return home.PEERS[peer](setting)


def enough(run: Run, seconds: float) -> int:
    """Return how many steps last so long, by running more and more of them until they last a quarter of it."""
    steps = 1
    while True:
        took = run(steps)
        if took < seconds:  # and so may have been mostly what is done once
            took = min(took, run(steps))
        if took >= seconds / 4:
            return math.ceil(steps * seconds / took)
        steps *= 4


def peak_mib() -> float | None:
    """Return the most memory that this process has held, in MiB; None where the system does not say.

    `resource.getrusage` would also count what the parent held when it began this process.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    (held,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(held.split()[1]) / 1024


def main() -> None:
    """Get ready, and do a round for each line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("peer")
    parser.add_argument("workload", choices=WORKLOADS)
    parser.add_argument("data", type=Path)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision")
    parser.add_argument("--seconds", type=float, default=1.0, help="how long a round lasts, at least")
    options = parser.parse_args()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what frameworks print is no answer

    def answer(**said: object) -> None:
        print(json.dumps(said), file=answers, flush=True)

    work = WORKLOADS[options.workload]
    try:
        run = made(options.peer, Setting(work, options.data, options.device, options.precision))
    except ImportError as error:
        answer(missing=str(error))
        return
    run(1)
    answer(ready=True)
    steps = 0
    for _ in sys.stdin:
        steps = steps or enough(run, options.seconds)
        seconds = run(steps)
        answer(images=steps * work.batch, seconds=seconds, peak_mib=peak_mib())
    os._exit(0)  # a run of Striate that is closed would save its state


if __name__ == "__main__":
    main()
