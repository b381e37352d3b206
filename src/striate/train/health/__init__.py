"""Whether a network learns well: what steps show of its layers, and what is not as it should be."""

from striate.train.health.inspecting import Inspection
from striate.train.health.symptoms import judge_layers, judge_start

__all__ = ["Inspection", "judge_layers", "judge_start"]
