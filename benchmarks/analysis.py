"""How fast a description is inspected, against torchinfo and against importing torch.

    python benchmarks/inspect.py

1. ``analyze(vgg16())`` against ``torchinfo.summary`` of the built model (building not counted), interleaved
   in one process. 2. The whole command ``striate inspect vgg16`` against ``python -c "import torch"``, each a
   process of its own, interleaved. Fails if a ratio misses its bound.
"""

import sys

# Run as a script, this file's folder comes first on the path, and would hide the standard `inspect`.
sys.path.pop(0)

import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable

import torch
import torchinfo

import striate
from striate import zoo
from striate.analyze import analyze
from striate.nn import build

MIN_SPEEDUP = 50.0
MAX_SHARE = 0.4


def seconds(job: Callable[[], object]) -> float:
    """Return the time of one call."""
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def interleaved(jobs: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Time every job once per round, after a round that does not count."""
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for round_number in range(rounds + 1):
        for name, job in jobs.items():
            spent = seconds(job)
            if round_number:
                times[name].append(spent)
    return times


def report(times: dict[str, list[float]]) -> None:
    """Print median and spread of each job."""
    for name, values in times.items():
        ordered = sorted(values)
        print(
            f"  {name:<34} median {statistics.median(values) * 1e3:9.2f} ms   "
            f"min {ordered[0] * 1e3:9.2f}   max {ordered[-1] * 1e3:9.2f}   n={len(values)}"
        )


def ratio(times: dict[str, list[float]], slow: str, fast: str) -> float:
    """Return the median over rounds of the ratio of two jobs."""
    return statistics.median(a / b for a, b in zip(times[slow], times[fast], strict=True))


def main() -> None:
    """Measure, print, and fail if a bound is missed."""
    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"torch {torch.__version__}, torchinfo {torchinfo.__version__}, striate {striate.__version__}"
    )
    model = build(zoo.vgg16(), seed=0)
    in_process = interleaved(
        {
            "striate.analyze(vgg16)": lambda: analyze(zoo.vgg16()),
            "torchinfo.summary(built vgg16)": lambda: torchinfo.summary(
                model, input_size=(1, 3, 224, 224), verbose=0
            ),
        },
        rounds=15,
    )
    report(in_process)
    speedup = ratio(in_process, "torchinfo.summary(built vgg16)", "striate.analyze(vgg16)")
    print(f"  analyze is {speedup:.0f}× faster (wanted: at least {MIN_SPEEDUP:.0f}×)\n")

    quiet = {"stdout": subprocess.DEVNULL, "check": True}
    command = [sys.executable, "-c", "from striate.cli import main; main()", "inspect", "vgg16"]
    whole = interleaved(
        {
            "striate inspect vgg16": lambda: subprocess.run(command, **quiet),
            'python -c "import torch"': lambda: subprocess.run(
                [sys.executable, "-c", "import torch"], **quiet
            ),
        },
        rounds=11,
    )
    report(whole)
    share = ratio(whole, "striate inspect vgg16", 'python -c "import torch"')
    print(f"  the command takes {share:.2f} of importing torch (wanted: at most {MAX_SHARE})")
    sys.exit(speedup < MIN_SPEEDUP or share > MAX_SHARE)


if __name__ == "__main__":
    main()
