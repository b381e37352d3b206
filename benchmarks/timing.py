"""How the benchmarks measure: jobs take turns, a round at a time, so that a busy machine slows all alike."""

import math
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping

__all__ = ["interleaved", "machine", "ratio", "report"]

Times = dict[str, list[float]]
LEAST = 0.02  # seconds


def machine(**versions: str) -> str:
    """Return the machine and the versions in one line."""
    listed = ", ".join(f"{name} {version}" for name, version in versions.items())
    cpu = platform.processor() or platform.machine()
    return f"{cpu}, {os.cpu_count()} cores, Python {platform.python_version()}, {listed}"


def interleaved(jobs: Mapping[str, Callable[[], object]], rounds: int) -> Times:
    """Time every job once per round, in seconds, after a round that does not count.

    A quick job runs as often in a row as fills `LEAST`, and its time is the mean: one call alone would mostly wait for
    caches and threads that the job before it left cold.
    """
    calls = {name: max(1, math.ceil(LEAST / _timed(job, 1))) for name, job in jobs.items()}
    times: Times = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            times[name].append(_timed(job, calls[name]))
    return times


def _timed(job: Callable[[], object], calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        job()
    return (time.perf_counter() - start) / calls


def report(times: Times) -> None:
    """Print median and spread of each job."""
    for name, values in times.items():
        ordered = sorted(values)
        print(
            f"  {name:<40} median {statistics.median(values) * 1e3:9.2f} ms   "
            f"min {ordered[0] * 1e3:9.2f}   max {ordered[-1] * 1e3:9.2f}   n={len(values)}"
        )


def ratio(times: Times, slow: str, fast: str) -> float:
    """Return the median over rounds of the ratio of two jobs."""
    return statistics.median(a / b for a, b in zip(times[slow], times[fast], strict=True))
