"""Which of the plans that were measured is the fastest that may be used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from striate.train.plan.measuring import Measured
from striate.train.plan.plan import Plan
from striate.train.prepare import Prepared

__all__ = ["cost", "fastest", "seconds"]

_FASTER = (
    1.05  # than the order of axes that is usual for the precision, and as many threads as suit the arithmetic
)
_ROUNDED = 1.1  # than float32, which is not left for less
_WAITING = 1.1  # than one thread of torch beside fused layers: others keep cores busy with waiting for work


def fastest(
    rows: Sequence[Measured], prepared: Prepared, steps: int | None, *, unchecked: bool = False
) -> Plan:
    """Return the fastest plan that may be used, for a run of ``steps``; or that might, if it is still ``unchecked``.

    Float32 is not left for next to nothing, nor is what is described; and what compiles has that to repay.
    """
    wanted = prepared.record.training.execution
    allowed = [
        row
        for row in rows
        if (not row.refused or (unchecked and row.unchecked))
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

    best = min([*eager, *compiled], key=lambda row: cost(row, prepared) + _once(row, steps), default=None)
    plan = prepared.plan if best is None else best.plan
    return replace(plan, compiled_from=0) if wanted.compile == "on" else plan


def cost(row: Measured, prepared: Prepared) -> float:
    """Return seconds of a step, and more for what must be faster by a margin."""
    plan = row.plan
    exact = plan.precision == "fp32"
    usual = plan.memory_format == ("contiguous" if exact else "channels_last")
    factor = (1.0 if exact else _ROUNDED) * (1.0 if usual else _FASTER if exact else _ROUNDED)
    if plan.fused and exact:
        factor *= 1.0 if plan.threads == 1 else _WAITING
    elif plan.threads != prepared.plan.threads:
        factor *= _FASTER
    return seconds(row) * factor


def _once(row: Measured, steps: int | None) -> float:
    """Return the share of a step in what is prepared once."""
    prepared_once = row.plan.compiled_from is not None or row.plan.fused
    return row.preparation / steps if steps is not None and prepared_once else 0.0


def seconds(row: Measured) -> float:
    """Return what a step takes; infinite if it could not be done."""
    return float("inf") if row.seconds is None else row.seconds
