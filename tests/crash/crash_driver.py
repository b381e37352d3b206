"""A process that trains in processes of its own, which tell of every moment at which they may be killed.

It reads one command a line, ``{"run": FOLDER}``, and forks; the child goes on with that run to its end. On stdout stand
the child's id, a line per moment, after which the child waits for a byte, and its exit status. Forking spares each of
them the seconds that imports take.
"""

import json
import os
import sys
from pathlib import Path

import safetensors.torch

import striate.nn.weights
from striate.train.training import resume


def tell(*words):
    os.write(1, f"{' '.join(map(str, words))}\n".encode())
    os.read(0, 1)


def save_slowly(tensors, path, metadata=None):
    data = safetensors.torch.save(tensors, metadata)
    with Path(path).open("wb") as file:
        file.write(data[: len(data) // 2])
        file.flush()
        tell("half-written", Path(path).parent.name)
        file.write(data[len(data) // 2 :])


def replace_slowly(self, target, replace=Path.replace):
    tell("renaming", self.name)
    result = replace(self, target)
    tell("renamed", self.name)
    return result


def unlink_slowly(self, missing_ok=False, unlink=Path.unlink):
    unlink(self, missing_ok)
    tell("removed", self.name)


def train(run):
    striate.nn.weights.save_file = save_slowly
    Path.replace = replace_slowly
    Path.unlink = unlink_slowly
    for event in resume(run):
        tell(type(event).__name__, getattr(event, "step", 0))


def main():
    for line in sys.stdin:
        child = os.fork()
        if not child:
            train(json.loads(line)["run"])
            os._exit(0)
        os.write(1, f"child {child}\n".encode())
        _, status = os.waitpid(child, 0)
        os.write(1, f"ended {os.waitstatus_to_exitcode(status)}\n".encode())


if __name__ == "__main__":
    main()
