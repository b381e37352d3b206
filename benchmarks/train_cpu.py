"""How fast Striate trains on a CPU, against PyTorch plain and tuned by hand, Keras 3, Lightning and fastai.

    STRIATE_DATA=../shared/data python benchmarks/train_cpu.py
    STRIATE_DATA=../shared/data python benchmarks/train_cpu.py --only lenet5 linear32 --compile
    STRIATE_DATA=../shared/data python benchmarks/train_cpu.py --time-to --accuracy

Each peer is a process that stays, and does a round of at least a second when it is its turn: SGD with momentum, one
network, the same images and batches, as many threads as its framework takes by itself. Cold is from the start of the
process to the end of the first step, with imports, images and compiling, but for Striate's own code, which is compiled
before, once on a machine, and told of apart; the memory is the most it has held. Striate writes its log as always, and
makes its own choices, or trains in ``--precision``; between epochs it measures and saves, which no peer does, and that
is not counted. Keras, Lightning and the DataLoader begin an epoch anew in each round; what that takes is not counted
either. Of LeNet-5, Striate, the plain script and Keras where it is shifting augment the images; the others do not.
``--compile`` adds what torch.compile makes of PyTorch tuned by hand, which takes minutes. ``--accuracy`` and
``--time-to`` are done alone: bfloat16 against float32 in the end, and a cold command line until it is as good as
wanted. Fails if a bound is missed.
"""

import argparse
import importlib.metadata
import sys

from timing import machine
from training.goals import reach_goals
from training.measuring import judge, measure
from training.precisions import compare_precisions
from training.processes import compile_once
from training.workloads import COMPILED, CPU, WORKLOADS

QUICK = 0.1  # seconds
LISTED = ("torch", "striate", "keras", "jax", "lightning", "fastai")


def versions() -> dict[str, str]:
    """Return the version of each framework that is installed, without importing it."""
    installed = {found.name.lower(): found.version for found in importlib.metadata.distributions()}
    return {name: installed[name] for name in LISTED if name in installed}


def main() -> None:
    """Measure, print, and fail if a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=CPU, default=CPU, help="these workloads alone")
    parser.add_argument("--compile", action="store_true", help="with torch.compile among the peers")
    parser.add_argument("--precision", help="Striate's, instead of its own choice")
    parser.add_argument("--quick", action="store_true", help="short rounds, to see that all works")
    parser.add_argument("--accuracy", action="store_true", help="bfloat16 against float32, in the end")
    parser.add_argument("--time-to", action="store_true", help="from a cold command line to an accuracy")
    options = parser.parse_args()
    print(machine(**versions()))
    print(f"code that is compiled once on a machine, and what loads it: {compile_once():.1f} s", flush=True)
    good = True
    if options.accuracy:
        good &= compare_precisions()
    if options.time_to:
        good &= reach_goals()
    if not (options.accuracy or options.time_to):
        told = [f"--seconds={QUICK}"] if options.quick else []
        told += [f"--precision={options.precision}"] if options.precision else []
        for key in options.only:
            peers = [peer for peer in WORKLOADS[key].peers if options.compile or peer not in COMPILED]
            good &= judge(measure(key, peers, *told), WORKLOADS[key].bounds)
    sys.exit(not good)


if __name__ == "__main__":
    main()
