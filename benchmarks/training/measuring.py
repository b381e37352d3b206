"""A workload from its images to its table: peers take turns, a round at a time. And whether bounds are met."""

import json
import statistics
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from timing import Times, interleaved, ratio

from training import data
from training.processes import Peer, PeerError
from training.workloads import OURS, RUN, WORKLOADS, Bound, Workload

__all__ = ["judge", "measure"]

ROUNDS = 5


def measure(key: str, peers: Sequence[str], *options: str) -> Times:
    """Time a workload and print it; return seconds an image in each round.

    Args:
        key: Of the workload.
        peers: Who takes part beside Striate.
        options: Of `worker`.
    """
    work = WORKLOADS[key]
    print(f"\n{work.title}", flush=True)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        path = Path(folder, "images.npz")
        data.write(work, path)
        ready: dict[str, Peer] = {}
        for name in (OURS, *peers):
            try:
                ready[name] = running.enter_context(Peer(name, key, path, *options))
            except PeerError as error:
                print(f"  {name:<32} left out: {error}", flush=True)
        interleaved({name: peer.round for name, peer in ready.items()}, ROUNDS)
        times = {name: peer.each[-ROUNDS:] for name, peer in ready.items()}
        show(work, ready, times)
        if OURS in times:
            print(f"  {OURS} computed in {plan(Path(folder, RUN))}", flush=True)
    return times


def plan(run: Path) -> str:
    """Return how Striate computed its steps, as its log says."""
    with (run / "events.jsonl").open() as lines:
        return json.loads(next(lines))["plan"]


def show(work: Workload, peers: dict[str, Peer], times: Times) -> None:
    """Print speed, cold time and memory of each peer, and how many times as fast Striate is."""
    unit = "µs a step" if work.per_step else "images/s"
    print(f"  {'':<32} {unit + ', median':>20} {'min':>9} {'max':>9}   striate    cold    memory")
    for name, values in times.items():
        speeds = [value * work.batch * 1e6 if work.per_step else 1 / value for value in values]
        faster = f"{ratio(times, name, OURS):7.2f} ×" if OURS in times and name != OURS else f"{'':>9}"
        peak = peers[name].peak_mib
        print(
            f"  {name:<32} {statistics.median(speeds):20,.1f} {min(speeds):9,.1f} {max(speeds):9,.1f} {faster}"
            f" {peers[name].cold:6.1f} s  {'' if peak is None else f'{peak:6,.0f} MiB'}   n={len(values)}",
            flush=True,
        )


def judge(times: Times, bounds: Sequence[Bound]) -> bool:
    """Print how many times as fast as the fastest of each bound's peers Striate is; return whether it is enough.

    What could not be measured is not enough.
    """
    good = True
    for peers, wanted in bounds:
        there = [name for name in peers if name in times]
        if not there or OURS not in times:
            print(f"  not measured: {' or '.join(peers)} (wanted: {wanted:.2f} ×)  MISSED")
            good = False
            continue
        peer = min(there, key=lambda name: statistics.median(times[name]))
        reached = ratio(times, peer, OURS)
        good &= reached >= wanted
        told = "" if reached >= wanted else "  MISSED"
        print(f"  {reached:.2f} × as fast as {peer} (wanted: {wanted:.2f}){told}", flush=True)
    return good
