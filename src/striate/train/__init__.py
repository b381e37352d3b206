"""Training: the configuration, the loop as a stream of events, the run folder, metrics.

Names are loaded when they are first used, so that the configuration alone does not load torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from striate.train.check import NetworkReport, check_network
    from striate.train.config import TrainConfig
    from striate.train.events import (
        Checkpointed,
        Diverged,
        Event,
        Finished,
        Started,
        StepDone,
        Validated,
    )
    from striate.train.folder import RunFolder, RunRecord
    from striate.train.loop import train
    from striate.train.losses import make_loss
    from striate.train.measure import evaluate_run
    from striate.train.methods import learning_rate, make_optimizer
    from striate.train.metrics import (
        ClassScore,
        Evaluation,
        LabelEvaluation,
        evaluate,
        forward_in_batches,
    )
    from striate.train.prepare import resolve_device
    from striate.train.progress import ProgressBar

_HOMES = {
    "check": ("NetworkReport", "check_network"),
    "config": ("TrainConfig",),
    "measure": ("evaluate_run",),
    "events": ("Checkpointed", "Diverged", "Event", "Finished", "Started", "StepDone", "Validated"),
    "folder": ("RunFolder", "RunRecord"),
    "loop": ("train",),
    "losses": ("make_loss",),
    "methods": ("learning_rate", "make_optimizer"),
    "metrics": ("ClassScore", "Evaluation", "LabelEvaluation", "evaluate", "forward_in_batches"),
    "prepare": ("resolve_device",),
    "progress": ("ProgressBar",),
}

__all__ = [
    "Checkpointed",
    "ClassScore",
    "Diverged",
    "Evaluation",
    "Event",
    "Finished",
    "LabelEvaluation",
    "NetworkReport",
    "ProgressBar",
    "RunFolder",
    "RunRecord",
    "Started",
    "StepDone",
    "TrainConfig",
    "Validated",
    "check_network",
    "evaluate",
    "evaluate_run",
    "forward_in_batches",
    "learning_rate",
    "make_loss",
    "make_optimizer",
    "resolve_device",
    "train",
]


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
