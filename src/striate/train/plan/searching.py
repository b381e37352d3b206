"""The search for a plan: candidates, the most promising first, timed for as long as the run can afford."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from pydantic import BaseModel, ConfigDict

from striate.data import Batches
from striate.nn.fused import ready
from striate.train.config import MemoryFormat, Precision
from striate.train.plan.asking import most_threads
from striate.train.plan.comparing import cost, fastest, seconds
from striate.train.plan.measuring import Bench, Measured
from striate.train.plan.plan import Plan, allowed_precisions
from striate.train.prepare import Prepared

__all__ = ["Known", "enough", "search"]

_SHARE, _SECONDS = 0.03, 10.0  # of a run, at most, for trying
_REPEATS = 6
_LEAST = 0.1  # seconds for which each is timed, if there is time for that
_WORTH_LOADING = 30.0  # seconds of a run for which the code of fused layers is loaded
_LOADING = 1.5  # that this takes, at most, where it was compiled before
_WORTH_COMPILING = 120.0  # for which it is waited for until it is compiled, once on a machine
_FIRST = 3  # passes of what is described, which tell how much may be spent
_WARM = 2  # passes, of which the first may prepare something
_FEW, _MORE = 2, 8  # images, which tell whether a batch is quick; normalization needs two
_PASS = 0.4  # seconds of a pass of a batch; what takes longer is tried on a part of it
_LEAST_OF_EACH = 0.5  # of what a pass of `_MORE` images takes for each of them
_MANY = 25  # steps, for which there is time; if there is for fewer, each counts
_TIMED = 0.6  # of what may be spent, at least
_CHECK = 10  # passes that a check takes
_SHARE_OF_FIRST = 0.7  # of the time for timing, after which the leading plans are timed again
_ALWAYS = 3  # that are tried for as long as there is time for timing
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
    """What was tried, for how many seconds at most (None is without an end), and what was sought: see `_sought`."""

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

    def known(rows: Iterable[Measured], budget: float | None) -> Known:
        found = {row.plan: row for row in rows}
        kept = [row for row in before if row.plan not in found and not row.unchecked]
        return Known(rows=(*found.values(), *kept), budget=budget, sought=_sought(prepared))

    bench = _bench(prepared)  # which may compile what augments, once on a machine
    if steps is None:
        described = bench.measure(bench.described, _REPEATS)
        trial = _Trial(prepared, bench, described, None, _Ends())
        if math.isfinite(seconds(described)):
            bench.load_fused(None)
            trial.run()
        return known(trial.found.values(), None)

    began = time.perf_counter()
    pace = bench.of(_FEW).measure(bench.described, _WARM)
    budget = _budget(pace, steps)
    if time.perf_counter() - began + _FIRST * min(seconds(pace), _PASS) > budget:
        return known([pace], budget)
    bench, described = _of_quick_passes(bench, pace, budget)
    budget, run = _budget(described, steps), steps * seconds(described)
    if run == math.inf:
        return known([described], budget)
    if run > _WORTH_LOADING:
        asked = time.perf_counter()
        if not bench.load_fused(None if run > _WORTH_COMPILING else _LOADING):
            return known([described], 0.0)  # as if nothing: what is compiled keeps a core busy
        began += time.perf_counter() - asked
    ends = _Ends.of(began, budget, seconds(described), seconds(described) * _part(bench))
    trial = _Trial(prepared, bench, described, budget, ends)
    trial.run()
    return known(trial.found.values(), budget)


@dataclass(frozen=True, kw_only=True)
class _Ends:
    """When what is to be over, of `time.perf_counter`.

    Attributes:
        first: Trying more than a few plans.
        timed: Timing them.
        whole: All, with checks of their numbers.
    """

    first: float = math.inf
    timed: float = math.inf
    whole: float = math.inf

    @classmethod
    def of(cls, began: float, budget: float, step: float, one: float) -> _Ends:
        """Return them for a step that takes so many seconds as described, and ``one`` pass of what is tried."""
        checks = _CHECK * one if budget > _MANY * step else math.inf
        timed = began + budget - min(checks, (1 - _TIMED) * budget)
        first = timed - (1 - _SHARE_OF_FIRST) * max(0.0, timed - time.perf_counter())
        return cls(first=first, timed=timed, whole=began + budget)


class _Trial:
    """Plans that are tried one after another, on the same images.

    Args:
        prepared: What is to be trained.
        bench: That tries them.
        described: The plan that computes as described, measured.
        budget: Seconds for all; None is without an end.
        ends: When what is over.

    Attributes:
        found: What was tried, in its order.
    """

    def __init__(
        self, prepared: Prepared, bench: Bench, described: Measured, budget: float | None, ends: _Ends
    ) -> None:
        self.prepared, self.bench, self.budget, self.ends = prepared, bench, budget, ends
        self.found = {described.plan: described}
        reference = seconds(described)
        self._many = budget is None or budget > _MANY * reference
        self._least = _LEAST if budget is None else min(_LEAST, budget / 20)
        self._described_again = budget is not None and _REPEATS * reference < self._least

    def run(self) -> None:
        """Try all for which there is time."""
        if self._described_again:
            self._try([self.bench.described])  # as often as the others
        self._try(_candidates(self.prepared, whole=_part(self.bench) == 1))
        best = self._best()
        self._try(replace(best, threads=threads) for threads in _other_threads(self.prepared, best.threads))
        self._look_again()
        if self.budget is None and self.prepared.record.training.execution.compile == "on":
            self._try([replace(self._best(), compiled_from=0)])
        while (best := self._best()) in self.found and self.found[best].unchecked:
            self.found[best] = self.bench.checked(self.found[best])
            if time.perf_counter() > self.ends.whole:
                return

    def _try(self, plans: Iterable[Plan]) -> None:
        for plan in plans:
            best = _least_cost(self.found.values(), self.prepared)
            if time.perf_counter() + _WARM * best * _part(self.bench) > self._end():
                return
            repeats = _REPEATS if self._many else _WARM
            slowest = math.inf if self.budget is None or plan == self.bench.described else best
            row = self.bench.measure(plan, repeats, self.ends.timed, self._least, slowest)
            self.found[plan] = self.bench.checked(row) if self.budget is None else row

    def _end(self) -> float:
        """Return when no other plan is to be begun: the most promising ones have more time."""
        if len(self.found) == 1:
            return self.ends.whole
        return self.ends.timed if len(self.found) <= _ALWAYS else self.ends.first

    def _look_again(self) -> None:
        """Time the leading plans again, in turns: one alone may have met a moment in which the machine was busy.

        The first turn may take what is left for checks, as it matters more to know which is the fastest.
        """
        eager = [row for row in self.found.values() if row.plan.compiled_from is None]
        usable = [row for row in eager if row.unchecked or not row.refused]
        leading = sorted(usable, key=lambda row: cost(row, self.prepared))[:_LEADING]
        most = _NEAR * cost(leading[0], self.prepared)
        near = [row.plan for row in leading if cost(row, self.prepared) <= most]
        turns = (self.ends.whole, self.ends.timed) if len(near) > 1 else ()
        for end in turns:
            for plan in near:
                before = self.found[plan]
                if time.perf_counter() + seconds(before) * _part(self.bench) > end:
                    return
                again = self.bench.measure(plan, 1, end, self._least / len(turns))
                sooner = min(seconds(before), seconds(again))
                self.found[plan] = replace(before, seconds=sooner, repeats=before.repeats + again.repeats)

    def _best(self) -> Plan:
        """Return the fastest so far of those that are not compiled, if its numbers are right."""
        best = fastest(tuple(self.found.values()), self.prepared, None, unchecked=True)
        return replace(best, compiled_from=None, micro_batch=None)


def _least_cost(rows: Iterable[Measured], prepared: Prepared) -> float:
    return min(cost(row, prepared) for row in rows if row.unchecked or not row.refused)


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


def _of_quick_passes(bench: Bench, pace: Measured, budget: float) -> tuple[Bench, Measured]:
    """Return a bench whose passes take about `_PASS` seconds, if a batch takes longer; and the plan of ``pace`` on it.

    Of a pass, much may take the same for any number of images, as the gradients of many weights do: it takes some more
    of them than the few of ``pace`` to know what each adds.
    """
    part, row = bench.of(_FEW), pace
    few = seconds(row) * _part(part)
    if few == math.inf:
        return part, row
    each = few / _FEW
    if _PASS / len(bench.images) < each < _PASS / _FEW and 2 * _WARM * _MORE * each < budget:
        part = bench.of(_MORE)
        row = part.measure(bench.described, _WARM)
        if seconds(row) == math.inf:  # too little memory, perhaps
            return bench.of(_FEW), pace
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
    return prepared.record.training.execution.threads or most_threads()


def _other_threads(prepared: Prepared, threads: int) -> tuple[int, ...]:
    """Return other counts of threads that are worth a try."""
    wanted = prepared.record.training.execution.threads
    if wanted is not None or prepared.device.type != "cpu":
        return ()
    return tuple({1, most_threads()} - {threads})


def _sought(prepared: Prepared) -> tuple[str, str]:
    """Return the precision and the memory format to which the search is bound; ``auto`` is to none."""
    wanted = prepared.record.training.execution
    return wanted.precision, wanted.memory_format


def _budget(reference: Measured, steps: int) -> float:
    return min(_SECONDS, _SHARE * steps * seconds(reference))
