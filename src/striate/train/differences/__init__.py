"""What two runs differ in: `diff`, and the `RunDiff` that it returns."""

from striate.train.differences.answers import TrainedRun
from striate.train.differences.comparing import diff
from striate.train.differences.report import (
    Answer,
    AnswerDifferences,
    ChangedAnswer,
    CommonStep,
    Difference,
    RunDiff,
    StepDifferences,
)

__all__ = [
    "Answer",
    "AnswerDifferences",
    "ChangedAnswer",
    "CommonStep",
    "Difference",
    "RunDiff",
    "StepDifferences",
    "TrainedRun",
    "diff",
]
