"""The choice of a plan: a few are tried on the first batch, and the fastest that computes the same is taken.

What was measured is kept in the cache, by network, shapes, machine and versions, so that a second run decides at once
and alike.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numba
import numpy as np
import torch
from pydantic import BaseModel, ConfigDict

from striate.analyze import analyze
from striate.data import ArraySource, Batches, Source
from striate.data.remembering import remember, remembered
from striate.nn.fused import ready
from striate.spec import Network
from striate.train.config import MemoryFormat, Precision, TrainConfig
from striate.train.plan.measuring import Bench, Measured
from striate.train.plan.plan import Plan, allowed_precisions
from striate.train.plan.table import PlanTable
from striate.train.prepare import Prepared, prepare

__all__ = ["measure_plans", "planned", "tried"]

_SHARE, _SECONDS = 0.03, 10.0  # of a run, at most, for trying
_REPEATS = 5
_LEAST = 0.1  # seconds for which each is timed, if there is time for that
_WORTH_LOADING = 20.0  # seconds of a run for which the code of fused layers is loaded
_FIRST = 3  # passes of what is described, which tell how much may be spent
_FEW = 4  # images, which tell whether a batch is quick
_LEAST_IMAGES = 2  # which some normalization needs
_PASS = 0.2  # seconds of a pass of a batch; what takes longer is tried on a part of it
_FASTER = 1.05  # than images as they are described, and than as many threads as suit the arithmetic
_ROUNDED = 1.1  # than float32, which is not left for less


_PROMISING: tuple[tuple[Precision, MemoryFormat], ...] = (
    ("bf16", "channels_last"),
    ("fp32", "channels_last"),
    ("tf32", "channels_last"),
    ("bf16-math", "channels_last"),
    ("bf16", "contiguous"),
    ("bf16-math", "contiguous"),
)


class _Known(BaseModel):
    """What was tried, for how many seconds at most (None is without an end), and what was sought: see `_sought`."""

    model_config = ConfigDict(ser_json_inf_nan="strings")
    rows: tuple[Measured, ...]
    budget: float | None
    sought: tuple[str, str]


def planned(prepared: Prepared) -> Prepared:
    """Return ``prepared`` with the fastest plan for its run, if one is to be looked for.

    Trying takes 3 % of what the run will take, and at most 10 s. What compiles is not tried, as that takes a minute: it
    is used where `measure_plans` found it to be faster, by more than it takes.
    """
    config = prepared.record.training
    if config.execution.plan == "plain" or prepared.device.type not in ("cpu", "cuda"):
        return prepared
    steps = Batches(prepared.train, config.batch_size, config.seed, config.loss.sampling).steps(config.epochs)
    chosen = tried(prepared, steps).chosen  # by all at once, who share the machine as they will in training
    plan = replace(prepared.peers.agreed(lambda: chosen), micro_batch=prepared.plan.micro_batch)
    return replace(prepared, record=replace(prepared.record, plan=plan))


def measure_plans(
    network: Network, data: str | Path | Source | None = None, config: TrainConfig | None = None
) -> PlanTable:
    """Try every plan that ``config`` allows for ``network``, without an end, and return what each takes.

    Args:
        network: What would be trained.
        data: On what; None means noise.
        config: Every other choice, such as the batch size.

    Raises:
        ConfigError, DataError, ShapeError: as `striate.train.train`.
    """
    config = config or TrainConfig()
    prepared = prepare(network, _noise(network) if data is None else data, config)
    with torch.random.fork_rng(devices=[prepared.device] if prepared.device.type == "cuda" else []):
        return tried(prepared)


def _noise(network: Network) -> Source:
    """Return images of noise, some of each class."""
    classes = analyze(network).output[-1]
    targets = np.arange(max(classes, 64))
    targets %= classes
    images = np.random.default_rng(0).integers(0, 256, (len(targets), *network.input), np.uint8)
    names = tuple(f"class {i}" for i in range(classes))
    return ArraySource("noise", {"train": images, "val": images}, {"train": targets, "val": targets}, names)


def tried(prepared: Prepared, steps: int | None = None) -> PlanTable:
    """Return plans with their times, as measured now, or before if that was as long.

    Args:
        prepared: What is to be trained.
        steps: Of the run, which bound what may be spent; None means that all is to be tried, and anew.
    """
    key = _key(prepared)
    known = remembered(key, _Known) or _Known(rows=(), budget=0.0, sought=("auto", "auto"))
    if steps is None or not _enough(known, prepared, steps):
        known = _measured(prepared, steps, known.rows)
        remember(key, known)
    return PlanTable(
        network=prepared.name,
        batch_size=prepared.record.training.batch_size,
        device=str(prepared.device),
        rows=known.rows,
        chosen=_fastest(known.rows, prepared, steps),
    )


def _sought(prepared: Prepared) -> tuple[str, str]:
    """Return the precision and the memory format to which the search is bound; ``auto`` is to none."""
    wanted = prepared.record.training.execution
    return wanted.precision, wanted.memory_format


def _enough(known: _Known, prepared: Prepared, steps: int) -> bool:
    """Return whether a run of ``steps`` could not try much more than was tried."""
    if _SHARE * steps < 2 * _FEW / max(_FEW, _size(prepared)):  # to know what a step takes
        return True
    pairs = zip(known.sought, _sought(prepared), strict=True)
    if not known.rows or not all(before in ("auto", now) for before, now in pairs):
        return False
    return known.budget is None or known.budget >= 0.5 * _budget(known.rows[0], steps)


def _budget(reference: Measured, steps: int) -> float:
    return min(_SECONDS, _SHARE * steps * _seconds(reference))


def _fastest(rows: Sequence[Measured], prepared: Prepared, steps: int | None) -> Plan:
    """Return the fastest plan that may be used, for a run of ``steps``.

    Float32 is not left for next to nothing, nor is what is described; and what compiles has that to repay.
    """
    wanted = prepared.record.training.execution
    allowed = [
        row
        for row in rows
        if not row.refused
        and wanted.precision in ("auto", row.plan.precision)
        and wanted.memory_format in ("auto", row.plan.memory_format)
        and wanted.threads in (None, max(row.plan.threads, row.plan.fused))
    ]
    compiled = [row for row in allowed if row.plan.compiled_from is not None]
    eager = [row for row in allowed if row.plan.compiled_from is None]
    if wanted.compile == "on" and compiled:
        eager = []
    if wanted.compile == "off":
        compiled = []

    best = min([*eager, *compiled], key=lambda row: _cost(row, prepared) + _once(row, steps), default=None)
    plan = prepared.plan if best is None else best.plan
    return replace(plan, compiled_from=0) if wanted.compile == "on" else plan


def _cost(row: Measured, prepared: Prepared) -> float:
    """Return seconds of a step, and more for what must be faster by a margin."""
    factor = 1.0 if row.plan.precision == "fp32" else _ROUNDED
    factor *= 1.0 if row.plan.memory_format == "contiguous" else _FASTER
    factor *= 1.0 if row.plan.fused or row.plan.threads == prepared.plan.threads else _FASTER
    return _seconds(row) * factor


def _once(row: Measured, steps: int | None) -> float:
    """Return the share of a step in what is prepared once."""
    prepared_once = row.plan.compiled_from is not None or row.plan.fused
    return row.preparation / steps if steps is not None and prepared_once else 0.0


def _seconds(row: Measured) -> float:
    return float("inf") if row.seconds is None else row.seconds


def _measured(prepared: Prepared, steps: int | None, before: Sequence[Measured]) -> _Known:
    """Try plans, and return them with those that were tried ``before``, the one that is described first."""
    began = time.perf_counter()
    bench = _bench(prepared)
    budget, end = None, math.inf
    if steps is not None:
        pace = bench.of(_FEW).measure(bench.described, 1)
        budget = _budget(pace, steps)
        bench = _of_quick_passes(bench, _seconds(pace))
        if time.perf_counter() - began + _FIRST * _seconds(pace) * _part(bench) > budget:
            return _Known(rows=(pace,), budget=budget, sought=_sought(prepared))
        end = began + _SECONDS
    repeats = _REPEATS if budget is None else _FIRST - 1
    found = {bench.described: bench.measure(bench.described, repeats, end)}
    reference = _seconds(found[bench.described])
    if steps is not None:
        budget = _budget(found[bench.described], steps)
        end = began + budget
    least = _LEAST if budget is None else min(_LEAST, budget / 20)

    def try_each(plans: Iterable[Plan]) -> None:
        for plan in plans:
            if (
                time.perf_counter() + 2 * reference * _part(bench) > end
            ):  # it would be over before anything is timed
                return
            free = steps is None or plan == bench.described
            slowest = math.inf if free else min(_cost(row, prepared) for row in _usable(found))
            found[plan] = bench.measure(plan, _REPEATS, end, least, slowest)

    if math.isfinite(reference):
        if steps is None or (steps * reference > _WORTH_LOADING and _part(bench) == 1):
            ready(None if budget is None else budget / 2)
        if steps is not None and _REPEATS * reference < least:
            try_each([bench.described])  # as often as the others
        try_each(_candidates(prepared))
        best = _best(found, prepared)
        try_each(replace(best, threads=threads) for threads in _other_threads(prepared, best.threads))
        if steps is None and prepared.record.training.execution.compile == "on":
            try_each([replace(_best(found, prepared), compiled_from=0)])
    kept = {row.plan: row for row in before if row.plan not in found}
    return _Known(rows=(*found.values(), *kept.values()), budget=budget, sought=_sought(prepared))


def _usable(found: Mapping[Plan, Measured]) -> list[Measured]:
    return [row for row in found.values() if not row.refused]


def _best(found: Mapping[Plan, Measured], prepared: Prepared) -> Plan:
    """Return the fastest so far of those that are not compiled."""
    return replace(_fastest(tuple(found.values()), prepared, None), compiled_from=None, micro_batch=None)


def _size(prepared: Prepared) -> int:
    """Return how many images are computed at a time."""
    return prepared.plan.micro_batch or prepared.record.training.batch_size


def _bench(prepared: Prepared) -> Bench:
    config = prepared.record.training
    batch = Batches(prepared.train, config.batch_size, config.seed, config.loss.sampling)[0]
    images, targets = prepared.inputs(batch, prepared.share)
    size = _size(prepared)
    described = Plan(threads=prepared.plan.threads)
    return Bench(prepared.module, prepared.loss, images[:size], targets[:size], described)


def _of_quick_passes(bench: Bench, whole: float) -> Bench:
    """Return a bench whose passes take `_PASS` seconds at most, or are of the least; a batch takes ``whole``."""
    if not _PASS < whole < math.inf:
        return bench
    fitting = 2 ** math.floor(math.log2(bench.size * _PASS / whole))
    return bench.of(max(_LEAST_IMAGES, fitting))


def _part(bench: Bench) -> float:
    """Return the share of the batch that is tried."""
    return len(bench.images) / bench.size


def _candidates(prepared: Prepared) -> Iterator[Plan]:
    """Yield plans that the configuration allows, the most promising first."""
    wanted = prepared.record.training.execution
    threads = prepared.plan.threads
    fusable = wanted.precision in ("auto", "fp32") and wanted.memory_format in ("auto", "contiguous")
    if prepared.device.type == "cpu" and fusable and ready(0):
        yield Plan(fused=_cores(prepared), threads=1)
    images = any(weight.ndim == 4 for weight in prepared.module.parameters())
    for precision, memory_format in _PROMISING:
        if (
            precision in allowed_precisions(prepared.device)
            and wanted.precision in ("auto", precision)
            and wanted.memory_format in ("auto", memory_format)
            and (memory_format == "contiguous" or images)
        ):
            yield Plan(precision=precision, memory_format=memory_format, threads=threads)


def _cores(prepared: Prepared) -> int:
    """Return on how many threads work may be done."""
    return prepared.record.training.execution.threads or torch.get_num_threads()


def _other_threads(prepared: Prepared, threads: int) -> tuple[int, ...]:
    """Return other counts of threads that are worth a try."""
    wanted = prepared.record.training.execution.threads
    if wanted is not None or prepared.device.type != "cpu":
        return ()
    return tuple({1, torch.get_num_threads()} - {threads})


def _key(prepared: Prepared) -> list[Any]:
    """Return everything that what is measured depends on."""
    record = prepared.record
    network, wanted = record.network, record.training.execution
    shapes = [[name, list(p.shape), p.requires_grad] for name, p in prepared.module.named_parameters()]
    return [
        "plan",
        4,  # to be counted up where what is measured, or how, is another
        network.digest if network else [repr(prepared.module), shapes],
        list(record.preprocess.shape),
        record.training.batch_size,
        prepared.peers.world.size,
        len(record.class_names),
        [wanted.micro_batch, wanted.threads],
        _machine(prepared.device),
        record.versions,
        numba.__version__,
    ]


def _machine(device: torch.device) -> list[Any]:
    if device.type == "cuda":
        return ["cuda", torch.cuda.get_device_name(device), torch.version.cuda]
    return ["cpu", _processor(), torch.backends.cpu.get_cpu_capability(), torch.get_num_threads()]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
