"""A script that two processes run: one training, each step told on stdout; it may stop in the midst of one."""

import os
import signal
import sys
from pathlib import Path

from together_cases import PLAIN, config, uneven

from striate.errors import StriateError
from striate.train import StepDone, train


def main(out, stop_at):
    rank = os.environ.get("RANK")
    try:
        for event in train(PLAIN, uneven(), config({"epochs": 100.0}), out):
            if isinstance(event, StepDone) and event.step == stop_at and rank == "1":
                os.kill(os.getpid(), signal.SIGSTOP)
    except StriateError as error:
        print(f"{type(error).__name__}: {error}")
        sys.exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
