"""The search for a plan: candidates, the most promising first, timed for as long as the run can afford."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import torch
from pydantic import BaseModel, ConfigDict

from striate.data import Batches
from striate.nn.fused import ready
from striate.train.config import MemoryFormat, Precision
from striate.train.plan.comparing import cost, fastest, seconds
from striate.train.plan.measuring import Bench, Measured
from striate.train.plan.plan import Plan, allowed_precisions
from striate.train.prepare import Prepared

__all__ = ["Known", "enough", "search"]

_SHARE, _SECONDS = 0.03, 10.0  # of a run, at most, for trying
_REPEATS, _REPEATS_IF_SLOW = 5, 3
_LEAST = 0.1  # seconds for which each is timed, if there is time for that
_WORTH_LOADING = 20.0  # seconds of a run for which the code of fused layers is loaded
_FIRST = 3  # passes of what is described, which tell how much may be spent
_FEW = 2  # images, which tell whether a batch is quick; normalization needs as many
_PASS = 0.6  # seconds of a pass of a batch; what takes longer is tried on a part of it
_TIMED = 0.6  # of what may be spent, where checks take as long as passes
_MOST_FIXED = 0.9  # of a pass of `_FEW` images, for what takes the same of any number

_PROMISING: tuple[tuple[Precision, MemoryFormat], ...] = (
    ("bf16", "channels_last"),
    ("bf16", "contiguous"),
    ("fp32", "channels_last"),
    ("tf32", "channels_last"),
    ("bf16-math", "channels_last"),
    ("bf16-math", "contiguous"),
    ("fp16", "channels_last"),
    ("fp16", "contiguous"),
)


class Known(BaseModel):
    """What was tried, for how many seconds at most (None is without an end), and what was sought: see `sought`."""

    model_config = ConfigDict(ser_json_inf_nan="strings")
    rows: tuple[Measured, ...]
    budget: float | None
    sought: tuple[str, str]


def enough(known: Known, prepared: Prepared, steps: int) -> bool:
    """Return whether a run of ``steps`` could not try much more than was tried."""
    if _SHARE * steps < 2 * _FEW / max(_FEW, _size(prepared)):  # to know what a step takes
        return True
    pairs = zip(known.sought, _sought(prepared), strict=True)
    if not known.rows or not all(before in ("auto", now) for before, now in pairs):
        return False
    best = fastest(known.rows, prepared, steps, unchecked=True)
    if any(row.unchecked for row in known.rows if row.plan == best):
        return False
    return known.budget is None or known.budget >= 0.5 * _budget(known.rows[0], steps)


def search(prepared: Prepared, steps: int | None, before: Sequence[Measured]) -> Known:
    """Try plans, and return them with those that were tried ``before``, the one that is described first."""
    began = time.perf_counter()
    bench = _bench(prepared)
    budget, end = None, math.inf
    pace = None
    if steps is not None:
        pace = bench.of(_FEW).measure(bench.described, 1)
        budget = _budget(pace, steps)
        if time.perf_counter() - began + _FIRST * min(seconds(pace), _PASS) > budget:
            return Known(rows=(pace,), budget=budget, sought=_sought(prepared))
        bench = _of_quick_passes(bench, seconds(pace))
        end = began + _SECONDS
    slow = _part(bench) < 1
    often = _REPEATS_IF_SLOW if slow else _REPEATS
    repeats = _REPEATS if budget is None else 1 if slow else _FIRST - 1
    known = pace if len(bench.images) == _FEW else None
    found = {bench.described: known or bench.measure(bench.described, repeats, end)}
    reference = seconds(found[bench.described])
    if steps is not None:
        budget = _budget(found[bench.described], steps)
        end = began + budget * (_TIMED if slow else 1.0)
    least = _LEAST if budget is None else min(_LEAST, budget / 20)

    def try_each(plans: Iterable[Plan]) -> None:
        for plan in plans:
            least_so_far = _least_cost(found.values(), prepared)
            if time.perf_counter() + 2 * least_so_far * _part(bench) > end:  # over before anything is timed
                return
            if steps is None:
                found[plan] = bench.checked(bench.measure(plan, _REPEATS, end, least))
            else:
                slowest = math.inf if plan == bench.described else least_so_far
                found[plan] = bench.measure(plan, often, end, least, slowest)

    if math.isfinite(reference):
        if steps is None or steps * reference > _WORTH_LOADING:
            ready(None if budget is None else budget / 2)
        if steps is not None and _REPEATS * reference < least:
            try_each([bench.described])  # as often as the others
        try_each(_candidates(prepared, whole=not slow))
        best = _best(found, prepared)
        try_each(replace(best, threads=threads) for threads in _other_threads(prepared, best.threads))
        if steps is None and prepared.record.training.execution.compile == "on":
            try_each([replace(_best(found, prepared), compiled_from=0)])
        while (best := _best(found, prepared)) in found and found[best].unchecked:
            found[best] = bench.checked(found[best])
    kept = {row.plan: row for row in before if row.plan not in found and not row.unchecked}
    return Known(rows=(*found.values(), *kept.values()), budget=budget, sought=_sought(prepared))


def _least_cost(rows: Iterable[Measured], prepared: Prepared) -> float:
    return min(cost(row, prepared) for row in rows if row.unchecked or not row.refused)


def _best(found: Mapping[Plan, Measured], prepared: Prepared) -> Plan:
    """Return the fastest so far of those that are not compiled, if its numbers are right."""
    best = fastest(tuple(found.values()), prepared, None, unchecked=True)
    return replace(best, compiled_from=None, micro_batch=None)


def _size(prepared: Prepared) -> int:
    """Return how many images are computed at a time."""
    return prepared.plan.micro_batch or prepared.record.training.batch_size


def _bench(prepared: Prepared) -> Bench:
    config = prepared.record.training
    batch = Batches(prepared.train, config.batch_size, config.seed, config.loss.sampling)[0]
    images, targets = prepared.inputs(batch, prepared.share)
    computed = _size(prepared)
    described = Plan(threads=prepared.plan.threads)
    return Bench(prepared.module, prepared.loss, images[:computed], targets[:computed], described)


def _of_quick_passes(bench: Bench, whole: float) -> Bench:
    """Return a bench whose passes take about `_PASS` seconds, if a batch, by what `_FEW` images took, takes ``whole``.

    It is of more images where much of a pass is the same for any number, as the gradients of many weights are.
    """
    if not _PASS < whole < math.inf:
        return bench
    few = whole * _FEW / bench.size
    if few > _PASS:
        return bench.of(_FEW)
    twice = seconds(bench.of(2 * _FEW).measure(bench.described, 1)) * 2 * _FEW / bench.size
    each = min(max((twice - few) / _FEW, (1 - _MOST_FIXED) * few / _FEW), few / _FEW)
    return bench.of(max(_FEW, 2 ** math.floor(math.log2(_PASS / each))))


def _part(bench: Bench) -> float:
    """Return the share of the batch that is tried."""
    return len(bench.images) / bench.size


def _candidates(prepared: Prepared, *, whole: bool) -> Iterator[Plan]:
    """Yield plans that the configuration allows, the most promising first.

    Of less than the ``whole`` batch, what is rounded is not tried as described: a part is too small to tell the orders
    of axes apart.
    """
    wanted = prepared.record.training.execution
    threads = prepared.plan.threads
    fusable = wanted.precision in ("auto", "fp32") and wanted.memory_format in ("auto", "contiguous")
    fused = Plan(fused=_cores(prepared), threads=1)
    compiled = prepared.device.type == "cpu" and ready(0)
    fusable = fusable and compiled
    if fusable and whole:
        yield fused
    images = any(weight.ndim == 4 for weight in prepared.module.parameters())
    for precision, memory_format in _PROMISING:
        if (
            (precision in allowed_precisions(prepared.device) or precision == wanted.precision)
            and wanted.precision in ("auto", precision)
            and wanted.memory_format in ("auto", memory_format)
            and (memory_format == "contiguous" or images)
            and (whole or not images or memory_format in ("channels_last", wanted.memory_format))
        ):
            plan = Plan(precision=precision, memory_format=memory_format, threads=threads)
            yield plan
            if precision == "bf16" and compiled:
                yield replace(plan, fused=fused.fused)
    if fusable and not whole:
        yield fused


def _cores(prepared: Prepared) -> int:
    """Return on how many threads work may be done."""
    return prepared.record.training.execution.threads or torch.get_num_threads()


def _other_threads(prepared: Prepared, threads: int) -> tuple[int, ...]:
    """Return other counts of threads that are worth a try."""
    wanted = prepared.record.training.execution.threads
    if wanted is not None or prepared.device.type != "cpu":
        return ()
    return tuple({1, torch.get_num_threads()} - {threads})


def _sought(prepared: Prepared) -> tuple[str, str]:
    """Return the precision and the memory format to which the search is bound; ``auto`` is to none."""
    wanted = prepared.record.training.execution
    return wanted.precision, wanted.memory_format


def _budget(reference: Measured, steps: int) -> float:
    return min(_SECONDS, _SHARE * steps * seconds(reference))
