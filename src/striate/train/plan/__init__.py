"""The execution plan: how the steps of a run are computed, measured on the machine that they run on."""

from striate.train.plan.plan import Plan

__all__ = ["Plan"]
