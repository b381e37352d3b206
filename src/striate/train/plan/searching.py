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
_REPEATS = 6
_LEAST = 0.1  # seconds for which each is timed, if there is time for that
_WORTH_LOADING = 20.0  # seconds of a run for which the code of fused layers is loaded
_FIRST = 3  # passes of what is described, which tell how much may be spent
_WARM = 2  # passes, of which the first may prepare something
_FEW, _MORE = 2, 8  # images, which tell whether a batch is quick; normalization needs two
_PASS = 0.4  # seconds of a pass of a batch; what takes longer is tried on a part of it
_LEAST_OF_EACH = 0.5  # of what a pass of `_MORE` images takes for each of them
_MANY = 25  # passes, for which there is time; if there is for fewer, each counts, and those of checks do
_TIMED = 0.6  # of what may be spent, if there is no time for so many
_FIRST_LOOK = 0.7  # of the time for timing, after which the leading plans are timed again
_PLANS = 3  # that are tried for as long as there is time for timing
_LEADING = 3  # that are timed again, in turns
_NEAR = 2.0  # times what the fastest takes; a moment in which the machine is busy elsewhere may be that long

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
    if steps is not None:
        pace = bench.of(_FEW).measure(bench.described, _WARM)
        budget = _budget(pace, steps)
        if time.perf_counter() - began + _FIRST * min(seconds(pace), _PASS) > budget:
            return Known(rows=(pace,), budget=budget, sought=_sought(prepared))
        bench, described = _of_quick_passes(bench, pace)
    else:
        described = bench.measure(bench.described, _REPEATS)
    found = {bench.described: described}
    reference = seconds(described)
    slow = _part(bench) < 1
    often = _REPEATS if budget is None or budget > _MANY * reference else _WARM
    if steps is not None:
        budget = _budget(described, steps)
        end = began + budget * (1.0 if budget > _MANY * reference else _TIMED)
    sooner, whole = end, math.inf if budget is None else began + budget
    if steps is not None:
        sooner -= (1 - _FIRST_LOOK) * max(0.0, end - time.perf_counter())
    least = _LEAST if budget is None else min(_LEAST, budget / 20)

    def try_each(plans: Iterable[Plan]) -> None:
        for plan in plans:
            least_so_far = _least_cost(found.values(), prepared)
            until = whole if len(found) == 1 else end if len(found) <= _PLANS else sooner
            if time.perf_counter() + _WARM * least_so_far * _part(bench) > until:
                return
            if steps is None:
                found[plan] = bench.checked(bench.measure(plan, _REPEATS, end, least))
            else:
                slowest = math.inf if plan == bench.described else least_so_far
                found[plan] = bench.measure(plan, often, end, least, slowest)

    if math.isfinite(reference):
        if steps is None or steps * reference > _WORTH_LOADING:
            bench.load_fused(None if budget is None else budget / 2)
        if steps is not None and _REPEATS * reference < least:
            try_each([bench.described])  # as often as the others
        try_each(_candidates(prepared, whole=not slow))
        best = _best(found, prepared)
        try_each(replace(best, threads=threads) for threads in _other_threads(prepared, best.threads))
        _look_again(bench, found, prepared, (whole, end), least)
        if steps is None and prepared.record.training.execution.compile == "on":
            try_each([replace(_best(found, prepared), compiled_from=0)])
        while (best := _best(found, prepared)) in found and found[best].unchecked:
            found[best] = bench.checked(found[best])
    kept = {row.plan: row for row in before if row.plan not in found and not row.unchecked}
    return Known(rows=(*found.values(), *kept.values()), budget=budget, sought=_sought(prepared))


def _look_again(
    bench: Bench, found: dict[Plan, Measured], prepared: Prepared, ends: Sequence[float], least: float
) -> None:
    """Time the leading plans again, in turns: one alone may have met a moment in which the machine was busy.

    Each turn has its end of those ``ends``.
    """
    eager = [row for row in found.values() if row.plan.compiled_from is None]
    usable = [row for row in eager if row.unchecked or not row.refused]
    leading = sorted(usable, key=lambda row: cost(row, prepared))[:_LEADING]
    near = [row.plan for row in leading if cost(row, prepared) <= _NEAR * cost(leading[0], prepared)]
    if len(near) < 2:
        return
    for end in ends:
        for plan in near:
            before = found[plan]
            if time.perf_counter() + seconds(before) * _part(bench) > end:
                return
            again = bench.measure(plan, 1, end, least / len(ends))
            sooner = min(seconds(before), seconds(again))
            found[plan] = replace(before, seconds=sooner, repeats=before.repeats + again.repeats)


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


def _of_quick_passes(bench: Bench, pace: Measured) -> tuple[Bench, Measured]:
    """Return a bench whose passes take about `_PASS` seconds, if a batch takes longer; and the plan of ``pace`` on it.

    Of a pass, much may take the same for any number of images, as the gradients of many weights do: it takes some more
    of them than the few of ``pace`` to know what each adds.
    """
    part, row = bench.of(_FEW), pace
    few = seconds(row) * _part(part)
    if few == math.inf:
        return part, row
    each = few / _FEW
    if _PASS / len(bench.images) < each < _PASS / _FEW:
        part = bench.of(_MORE)
        row = part.measure(bench.described, _WARM)
        more = seconds(row) * _part(part)
        each = max((more - few) / (_MORE - _FEW), _LEAST_OF_EACH * more / _MORE)
    count = max(_FEW, 2 ** math.floor(math.log2(_PASS / each)))
    if count == len(part.images):
        return part, row
    part = bench.of(count)
    return part, pace if count == _FEW else part.measure(bench.described, _WARM)


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
