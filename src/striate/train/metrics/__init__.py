"""How well a module answers: figures, tables, and how far its probabilities can be believed."""

from striate.train.metrics.answers import EVALUATION_BATCH, forward_in_batches, mean_answer, outputs
from striate.train.metrics.calibration import Bin
from striate.train.metrics.evaluation import ClassScore, Evaluation
from striate.train.metrics.labels import LabelEvaluation
from striate.train.metrics.measuring import evaluate, scored

__all__ = [
    "EVALUATION_BATCH",
    "Bin",
    "ClassScore",
    "Evaluation",
    "LabelEvaluation",
    "evaluate",
    "forward_in_batches",
    "mean_answer",
    "outputs",
    "scored",
]
