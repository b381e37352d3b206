"""Training: the configuration, the loop as a stream of events, the run folder, metrics.

Names are loaded when they are first used, so that the configuration alone does not load torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from striate.train.check import NetworkReport, Propagation, check_network, propagate
    from striate.train.config import TrainConfig
    from striate.train.differences import RunDiff, diff
    from striate.train.events import (
        Checkpointed,
        Diverged,
        Event,
        Finished,
        Inspected,
        Replanned,
        Resumed,
        Started,
        StepDone,
        Validated,
    )
    from striate.train.folder import RunFolder, RunRecord
    from striate.train.health.sanity import Sanity, overfit_batch
    from striate.train.interrupts import until_interrupted
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
    from striate.train.plan import Plan
    from striate.train.plan.choosing import measure_plans
    from striate.train.plan.table import PlanTable
    from striate.train.prepare import resolve_device
    from striate.train.progress import ProgressBar
    from striate.train.readers import READERS, Reader, ReaderWarning
    from striate.train.recipes import TrainingRecipe, find_recipe, recipes_of
    from striate.train.summary import Summary, summarize
    from striate.train.training import resume, train

_HOMES = {
    "check": ("NetworkReport", "Propagation", "check_network", "propagate"),
    "config": ("TrainConfig",),
    "differences": ("RunDiff", "diff"),
    "interrupts": ("until_interrupted",),
    "measure": ("evaluate_run",),
    "events": (
        "Checkpointed",
        "Diverged",
        "Event",
        "Finished",
        "Inspected",
        "Replanned",
        "Resumed",
        "Started",
        "StepDone",
        "Validated",
    ),
    "folder": ("RunFolder", "RunRecord"),
    "health.sanity": ("Sanity", "overfit_batch"),
    "losses": ("make_loss",),
    "methods": ("learning_rate", "make_optimizer"),
    "metrics": ("ClassScore", "Evaluation", "LabelEvaluation", "evaluate", "forward_in_batches"),
    "plan": ("Plan",),
    "plan.choosing": ("measure_plans",),
    "plan.table": ("PlanTable",),
    "prepare": ("resolve_device",),
    "progress": ("ProgressBar",),
    "recipes": ("TrainingRecipe", "find_recipe", "recipes_of"),
    "readers": ("READERS", "Reader", "ReaderWarning"),
    "summary": ("Summary", "summarize"),
    "training": ("resume", "train"),
}

__all__ = [
    "READERS",
    "Checkpointed",
    "ClassScore",
    "Diverged",
    "Evaluation",
    "Event",
    "Finished",
    "Inspected",
    "LabelEvaluation",
    "NetworkReport",
    "Plan",
    "PlanTable",
    "ProgressBar",
    "Propagation",
    "Reader",
    "ReaderWarning",
    "Replanned",
    "Resumed",
    "RunDiff",
    "RunFolder",
    "RunRecord",
    "Sanity",
    "Started",
    "StepDone",
    "Summary",
    "TrainConfig",
    "TrainingRecipe",
    "Validated",
    "check_network",
    "diff",
    "evaluate",
    "evaluate_run",
    "find_recipe",
    "forward_in_batches",
    "learning_rate",
    "make_loss",
    "make_optimizer",
    "measure_plans",
    "overfit_batch",
    "propagate",
    "recipes_of",
    "resolve_device",
    "resume",
    "summarize",
    "train",
    "until_interrupted",
]


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
