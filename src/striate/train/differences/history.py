"""How a run went, read from its event log, and where two of them part."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from striate.errors import RunError
from striate.train.differences.report import CommonStep, Span, StepDifferences
from striate.train.log import read_events

__all__ = ["History", "compare_steps", "read_history"]

_MOST_STEPS = 10_000_000  # which take 2 GiB

_Figures = tuple[float, float]


@dataclass
class History:
    """What an event log says. Of what stands there twice the later counts.

    Attributes:
        steps: Loss and learning rate of every step.
        place: What the run was computed on, as far as the log says: ``device``, ``threads``, ``plan``.
        results: How it ended, and its accuracies on the validation split.
    """

    steps: dict[int, _Figures] = field(default_factory=dict)
    place: dict[str, Any] = field(default_factory=dict)
    results: dict[str, Any] = field(
        default_factory=lambda: dict.fromkeys(("ended", "best_accuracy", "best_step", "last_accuracy"))
    )


def read_history(log: Path) -> History:
    """Read the event log of a run.

    Raises:
        RunError: if it is missing, damaged or beyond measure.
    """
    history = History()
    for event in read_events(log):
        match event:
            case {"event": "StepDone"}:
                step, figures = _step(event, log)
                history.steps[step] = figures
                if len(history.steps) > _MOST_STEPS:
                    raise RunError(f"{log}: has more than {_MOST_STEPS:,} steps, too many to compare.")
                history.results["ended"] = None  # a run that was interrupted went on
            case {"event": "Started" | "Resumed"}:
                said = {name: event.get(name) for name in ("device", "threads", "plan")}
                history.place = {name: value for name, value in said.items() if isinstance(value, str | int)}
            case {"event": "Validated", "step": int(step), "accuracy": float() | int() as accuracy}:
                history.results["last_accuracy"] = accuracy
                if event.get("best"):
                    history.results |= {"best_accuracy": accuracy, "best_step": step}
            case {"event": "Finished", "reason": str(reason)}:
                history.results["ended"] = reason
    return history


def _step(event: dict[str, Any], log: Path) -> tuple[int, _Figures]:
    match event:
        case {"step": int(step), "loss": float() | int() as loss, "lr": float() | int() as lr}:
            with suppress(OverflowError):  # a whole number beyond all floats
                return step, (float(loss), float(lr))
    raise RunError(f"{log}: a step has no number, loss or learning rate; the log is damaged.")


def compare_steps(first: History, second: History) -> StepDifferences:
    """Return where two runs part."""
    ours, theirs = first.steps, second.steps
    common = sorted(ours.keys() & theirs.keys())

    def at(step: int) -> CommonStep:
        (loss, lr), (other_loss, other_lr) = ours[step], theirs[step]
        return CommonStep(step=step, losses=(loss, other_loss), lrs=(lr, other_lr))

    apart = (step for step in common if not all(map(_same, ours[step], theirs[step])))
    diverged = next(apart, None)
    return StepDifferences(
        counts=(len(ours), len(theirs)),
        only_first=_spans(ours.keys() - theirs.keys()),
        only_second=_spans(theirs.keys() - ours.keys()),
        diverged=None if diverged is None else at(diverged),
        end=at(common[-1]) if common else None,
    )


def _same(a: float, b: float) -> bool:
    """Return whether two floats are one, or both none."""
    return a == b or (a != a and b != b)


def _spans(steps: Iterable[int]) -> tuple[Span, ...]:
    spans: list[Span] = []
    for step in sorted(steps):
        if spans and spans[-1][1] == step - 1:
            spans[-1] = spans[-1][0], step
        else:
            spans.append((step, step))
    return tuple(spans)
