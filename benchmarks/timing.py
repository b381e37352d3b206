"""How the benchmarks measure: jobs take turns, a round at a time, so that a busy machine slows all alike."""

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping

__all__ = ["interleaved", "machine", "ratio", "report"]

Times = dict[str, list[float]]


def machine(**versions: str) -> str:
    """Return the machine and the versions in one line."""
    listed = ", ".join(f"{name} {version}" for name, version in versions.items())
    cpu = platform.processor() or platform.machine()
    return f"{cpu}, {os.cpu_count()} cores, Python {platform.python_version()}, {listed}"


def interleaved(jobs: Mapping[str, Callable[[], object]], rounds: int) -> Times:
    """Time every job once per round, in seconds, after a round that does not count."""
    times: Times = {name: [] for name in jobs}
    for round_number in range(rounds + 1):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            spent = time.perf_counter() - start
            if round_number:
                times[name].append(spent)
    return times


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
