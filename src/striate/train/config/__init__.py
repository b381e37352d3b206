"""The configuration of a training run."""

from striate.train.config.executing import MOST_THREADS, ExecutionConfig, MemoryFormat, Precision
from striate.train.config.idle import idle_options, is_taken
from striate.train.config.keeping import CheckpointConfig
from striate.train.config.optimizing import Group, OptimizerConfig, ScheduleConfig
from striate.train.config.regularizing import AveragingConfig, LossConfig, RegularizationConfig
from striate.train.config.training import GROUPS, LEAVES, ImagesConfig, TrainConfig
from striate.train.config.watching import HealthConfig

__all__ = [
    "GROUPS",
    "LEAVES",
    "MOST_THREADS",
    "AveragingConfig",
    "CheckpointConfig",
    "ExecutionConfig",
    "Group",
    "HealthConfig",
    "ImagesConfig",
    "LossConfig",
    "MemoryFormat",
    "OptimizerConfig",
    "Precision",
    "RegularizationConfig",
    "ScheduleConfig",
    "TrainConfig",
    "idle_options",
    "is_taken",
]
